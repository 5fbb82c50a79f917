"""How the values of the features are distributed, beside the reference: PSI, and KS where most clients share a value.

A column moved where the distance is both large and more than chance explains among so many columns. It is a warning
where the column matters to the version; together the moved ones are weighed by their importance. Missing shares are
compared apart from the values; those that jumped, categories never seen and units are the quality layer's.
"""

from dataclasses import dataclass
from itertools import groupby

from credit_platform.monitoring.distances import Distance, in_words, ks, largest_share, missing, psi
from credit_platform.monitoring.findings import STATES, Finding, State
from credit_platform.monitoring.observed import Observed, source_of

MOSTLY_ONE = 0.5
"""Share of one bin from which a column is judged by KS too: the PSI of the few others is small whatever they do."""
_CRITICAL = 2.5
"""How many times the limit the moved share of importance must be to be critical."""


@dataclass(frozen=True)
class Moved:
    """One feature beside its reference: its distances, and `by` which of them it moved: psi, ks, missing."""

    column: str
    table: str
    weight: float
    psi: Distance
    ks: Distance
    missing: Distance
    by: tuple[str, ...]

    @property
    def moved(self) -> bool:
        return bool(self.by)

    @property
    def sentence(self) -> str:
        said = {
            "psi": f"PSI {self.psi.size:.2f}, {in_words(self.psi.p)}",
            "ks": f"KS {self.ks.size:.2f}, {in_words(self.ks.p)}",
            "missing": f"missing share {self.missing.size:+.0%} points",
        }
        how = "; ".join(said[measure] for measure in self.by)
        return f"{self.column} moved ({how}), {self.weight:.1%} of the importance"


def distances(observed: Observed) -> list[Moved]:
    """Every feature, the moved ones first, by importance."""
    limits, found = observed.settings, []
    for name, counts in observed.counts.items():
        before = observed.profile.counts[name]
        # Nobody in the reference was in a category never seen; that bin is judged by the quality layer.
        known = slice(None, -1) if observed.profile.bins[name].kind == "category" else slice(None)
        values, others = before.values[known], counts.values[known]
        by_psi, by_ks = psi(values, others), ks(values, others)
        gaps = missing(before, counts)
        mostly_one = observed.profile.bins[name].kind == "numeric" and largest_share(before) >= MOSTLY_ONE
        by = {
            "psi": by_psi.beyond(limits.drift_psi, observed.level),
            "ks": mostly_one and by_ks.beyond(limits.drift_ks, observed.level),
            "missing": abs(gaps.size) < limits.drift_feed and gaps.beyond(limits.drift_missing, observed.level),
        }
        measures = tuple(measure for measure, moved in by.items() if moved)
        found.append(Moved(name, source_of(name), observed.weight(name), by_psi, by_ks, gaps, measures))
    return sorted(found, key=lambda of: (not of.moved, -of.weight, -of.psi.size))


def judge(observed: Observed) -> list[Finding]:
    """The share of importance that moved, as grave as the gravest of what follows: each moved column."""
    columns = distances(observed)
    moved = [column for column in columns if column.moved]
    share, limit = sum(column.weight for column in moved), observed.settings.drift_share
    states = [_state(observed, column) for column in moved]
    if share >= limit:
        states.append("critical" if share >= _CRITICAL * limit else "warn")
    state: State = max(states, key=STATES.index, default="ok")
    tables = [f"{len(list(of))} of {table or 'no table'}" for table, of in groupby(sorted(c.table for c in moved))]
    sentence = (
        f"{len(moved)} of {len(columns)} features moved, {share:.0%} of the importance (limit {limit:.0%})"
        + (f": {', '.join(tables)}" if tables else "")
        + f", among {observed.clients:,} clients"
    )
    cause = {"cause": "population moved"} if state != "ok" else {}
    whole = observed.finding("features", "moved", state, sentence, value=share, threshold=limit, **cause)
    return [whole, *(_one(observed, column) for column in moved)]


def _one(observed: Observed, column: Moved) -> Finding:
    limits = observed.settings
    measure, value, limit = {
        "psi": ("psi", column.psi.size, limits.drift_psi),
        "ks": ("ks", column.ks.size, limits.drift_ks),
        "missing": ("missing", column.missing.size, limits.drift_missing),
    }[column.by[0]]
    return observed.finding(
        "features",
        measure,
        _state(observed, column),
        f"{column.sentence} (limit {limit:g}), among {observed.clients:,} clients",
        value=value,
        threshold=limit,
        table=column.table,
        column=column.column,
        cause="population moved",
    )


def _state(observed: Observed, column: Moved) -> State:
    return "warn" if column.column in observed.important else "watch"
