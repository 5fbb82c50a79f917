"""Whether the data arrived as before: what the quality report says, and whether features lost their values, came in
another unit, out of range or in categories never seen. A feed that broke is told here from clients that changed.

A feed is broken where a column loses many of its values at once, most of its clients lie outside the range that the
reference had or crowd at one end of it, as in another unit, or most columns of a table lose values together. Not here:
how values that arrived are distributed, and missing shares that change no faster than clients do (`features.py`).
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from statistics import median

from credit_platform.lake import current
from credit_platform.monitoring.distances import Distance, missing, unheard_of
from credit_platform.monitoring.findings import Cause, Finding, State
from credit_platform.monitoring.observed import Observed, source_of
from credit_platform.quality.reports import TABLE, results_of

CROWDED = 0.6
"""Share of the clients at one end of a column's reference range by which it comes in another unit. Clients who moved
would have to do so by one and a half standard deviations."""
_USUALLY = 0.25
_BROKEN_RULES = frozenset({"gone", "lost", "unit"})
_LEAST_COLUMNS = 3


def judge(observed: Observed) -> list[Finding]:
    """The findings of the layer; one that all is well where none is bad."""
    found = [*_reported(observed), *_columns(observed)]
    if not any(finding.state in ("warn", "critical") for finding in found):
        sentence = f"the {len(observed.counts)} features of {observed.clients:,} clients arrived as in the reference"
        found.append(observed.finding("quality", "arrival", "ok", sentence))
    return found


def _reported(observed: Observed) -> Iterator[Finding]:
    """What the quality report of the raw tables found; what blocks has been let pass by somebody."""
    report = current(observed.settings, TABLE, observed.cohort)
    for result in results_of(observed.settings, observed.cohort) if report else ():
        if not result.passed:
            broken = result.rule in _BROKEN_RULES
            yield observed.finding(
                "quality",
                result.rule,
                "critical" if result.severity == "block" else "warn",
                result.sentence,
                value=result.measure.value,
                threshold=result.limit,
                table=result.key.table,
                column=result.key.column,
                cause="broken feed" if broken else "",
            )


def _columns(observed: Observed) -> Iterator[Finding]:
    changes = ((name, missing(observed.profile.counts[name], counts)) for name, counts in observed.counts.items())
    moved = {name: of for name, of in changes if of.beyond(observed.settings.drift_feed, observed.level)}
    together = set()
    for table, names in groupby(sorted(moved, key=source_of), key=source_of):
        columns = list(names)
        watched = sum(source_of(name) == table for name in observed.counts)
        if table not in ("", "application") and len(columns) >= max(_LEAST_COLUMNS, watched / 2):
            together |= set(columns)
            yield _table(observed, table, columns, median(moved[name].size for name in columns))
    for name, counts in observed.counts.items():
        if name in moved and name not in together:
            yield _lost(observed, name, moved[name])
        before = observed.profile.counts[name]
        if observed.profile.bins[name].kind == "category":
            unseen = unheard_of(
                before.present, int(counts.values[-1]), counts.present, observed.profile.bins[name].once + 1
            )
            if unseen.beyond(observed.settings.drift_unseen, observed.level):
                yield _unseen(observed, name, unseen)
        elif before.present:
            outside = int(counts.values[0] + counts.values[-1])
            share = unheard_of(before.present, outside, counts.present, 2)
            end = _crowded(observed, name)
            if end >= CROWDED or share.beyond(observed.settings.drift_outside, observed.level):
                yield _out_of_range(observed, name, share.size, end)


def _table(observed: Observed, table: str, columns: Iterable[str], change: float) -> Finding:
    names = sorted(columns, key=observed.weight, reverse=True)
    return observed.finding(
        "quality",
        "missing",
        "critical",
        f"{len(names)} features of {table} changed their missing share together, by {change:+.0%} points at the "
        f"middle (limit {observed.settings.drift_feed:.0%}), {', '.join(names[:3])} among them",
        value=change,
        threshold=observed.settings.drift_feed,
        table=table,
        cause="broken feed",
    )


def _lost(observed: Observed, name: str, change: Distance) -> Finding:
    before, after = observed.profile.counts[name].missing_share, observed.counts[name].missing_share
    sentence = (
        f"{name} is missing in {after:.0%} of the rows, {before:.0%} in the reference "
        f"(limit {observed.settings.drift_feed:.0%} points)"
    )
    return _about(observed, name, "missing", sentence, change.size, observed.settings.drift_feed, feed=True)


def _unseen(observed: Observed, name: str, share: Distance) -> Finding:
    sentence = (
        f"{share.size:.1%} of the values of {name} are in categories that no training client had "
        f"(limit {observed.settings.drift_unseen:.0%})"
    )
    return _about(observed, name, "unseen", sentence, share.size, observed.settings.drift_unseen, feed=False)


def _out_of_range(observed: Observed, name: str, outside: float, end: float) -> Finding:
    if end >= CROWDED:
        sentence = (
            f"{name} seems to come in another unit: {end:.0%} of its values lie at one end of the reference's range, "
            f"or beyond it"
        )
        return _about(observed, name, "unit", sentence, end, CROWDED, feed=True)
    sentence = (
        f"{outside:.0%} of the values of {name} lie outside the reference's range "
        f"(limit {observed.settings.drift_outside:.0%})"
    )
    feed = outside >= observed.settings.drift_feed
    return _about(observed, name, "outside", sentence, outside, observed.settings.drift_outside, feed)


def _crowded(observed: Observed, name: str) -> float:
    """The share of the values at or beyond one end of the range where few of the reference's were; else 0."""
    before, after = observed.profile.counts[name], observed.counts[name]
    if len(before.values) < 4 or after.present < observed.settings.drift_clients:
        return 0.0
    ends = (slice(None, 2), slice(-2, None))
    shares_there = [
        (before.values[end].sum() / before.present, after.values[end].sum() / after.present) for end in ends
    ]
    return max((float(now) for then, now in shares_there if then <= _USUALLY), default=0.0)


def _about(
    observed: Observed, name: str, metric: str, sentence: str, value: float, limit: float, feed: bool
) -> Finding:
    important = name in observed.important
    state: State = "critical" if feed and important else "warn" if feed or important else "watch"
    cause: Cause = "broken feed" if feed else ""
    return observed.finding(
        "quality",
        metric,
        state,
        sentence,
        value=value,
        threshold=limit,
        table=source_of(name),
        column=name,
        cause=cause,
    )
