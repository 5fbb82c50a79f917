"""How the values of the features are distributed, beside the reference: PSI, and KS where most clients share a value.

A column moved where the distance is both large and more than chance explains among so many columns. It is a warning
where the column matters to the version; together the moved ones are weighed by their importance. Missing values,
categories never seen and units are the quality layer's.
"""

from dataclasses import dataclass
from itertools import groupby

from credit_platform.monitoring.distances import Distance, ks, largest_share, psi
from credit_platform.monitoring.findings import STATES, Finding, State
from credit_platform.monitoring.observed import Observed, source_of

MOSTLY_ONE = 0.5
"""Share of one bin from which a column is judged by KS too: the PSI of the few others is small whatever they do."""
_CRITICAL = 2.5
"""How many times the limit the moved share of importance must be to be critical."""


@dataclass(frozen=True)
class Moved:
    """One feature beside its reference: its distances, and whether they count."""

    column: str
    table: str
    weight: float
    psi: Distance
    ks: Distance
    moved: bool

    @property
    def sentence(self) -> str:
        by = f"PSI {self.psi.size:.2f}, KS {self.ks.size:.2f}"
        return f"{self.column} moved ({by}), {self.weight:.1%} of the importance"


def distances(observed: Observed) -> list[Moved]:
    """Every feature, the moved ones first, by importance."""
    limits, found = observed.settings, []
    for name, counts in observed.counts.items():
        before = observed.profile.counts[name]
        # Nobody in the reference was in a category never seen; that bin is judged by the quality layer.
        known = slice(None, -1) if observed.profile.bins[name].kind == "category" else slice(None)
        values, others = before.values[known], counts.values[known]
        by_psi, by_ks = psi(values, others), ks(values, others)
        moved = by_psi.beyond(limits.drift_psi, observed.level)
        if observed.profile.bins[name].kind == "numeric" and largest_share(before) >= MOSTLY_ONE:
            moved |= by_ks.beyond(limits.drift_ks, observed.level)
        found.append(Moved(name, source_of(name), observed.weight(name), by_psi, by_ks, moved))
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
    by_psi = column.psi.beyond(observed.settings.drift_psi, observed.level)
    value, limit = (
        (column.psi.size, observed.settings.drift_psi) if by_psi else (column.ks.size, observed.settings.drift_ks)
    )
    return observed.finding(
        "features",
        "psi" if by_psi else "ks",
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
