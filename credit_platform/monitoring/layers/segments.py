"""How the scores of each group of clients are distributed beside those of the same group in the reference.

Groups are those that the evaluation looks at apart. One with too few clients on either side is left out. Not here: all
clients together (`score.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit_platform.lake import connect, scan, table_path
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.model.evaluation import segment_columns, segments
from credit_platform.model.profile import ScoreProfile, by_segment
from credit_platform.model.reference import SCORE
from credit_platform.monitoring.distances import Distance, psi
from credit_platform.monitoring.findings import Finding
from credit_platform.monitoring.observed import Observed


def of_cohort(observed: Observed) -> list[ScoreProfile]:
    """The scores of each group of the cohort's clients whom the version was not fitted to."""
    if observed.scored is None or observed.scorer is None:
        return []
    groups = _groups(observed, observed.scored.clients)
    return list(by_segment(observed.scored.probability, observed.scorer.threshold, observed.profile.bins, groups))


def judge(observed: Observed) -> list[Finding]:
    """The groups whose scores moved; one finding that none did where that is so."""
    enough, limit = observed.settings.drift_clients, observed.settings.drift_psi
    before = {of.segment: of for of in observed.profile.scores if of.kind and of.clients >= enough}
    both = [(before[of.segment], of) for of in of_cohort(observed) if of.segment in before and of.clients >= enough]
    if not both:
        return []
    level = observed.settings.drift_level / len(both)
    found = [_moved(observed, *pair, distance) for pair, distance in _beyond(both, limit, level)]
    if found:
        return found
    sentence = f"the scores of {len(both)} groups of clients are distributed as in the reference (PSI limit {limit:g})"
    return [observed.finding("segments", "psi", "ok", sentence, threshold=limit)]


def _beyond(
    both: list[tuple[ScoreProfile, ScoreProfile]], limit: float, level: float
) -> Iterator[tuple[tuple[ScoreProfile, ScoreProfile], Distance]]:
    distances = [(pair, psi(pair[0].counts.values, pair[1].counts.values)) for pair in both]
    for pair, distance in sorted(distances, key=lambda of: -of[1].size):
        if distance.beyond(limit, level):
            yield pair, distance


def _moved(observed: Observed, before: ScoreProfile, after: ScoreProfile, distance: Distance) -> Finding:
    risks = [of.expected_defaults / of.clients for of in (before, after)]
    return observed.finding(
        "segments",
        "psi",
        "warn",
        f"scores of {after.segment} moved: PSI {distance.size:.2f} (limit {observed.settings.drift_psi:g}), mean "
        f"probability of default {risks[0]:.3f} -> {risks[1]:.3f}, among {after.clients:,} clients",
        value=distance.size,
        threshold=observed.settings.drift_psi,
        clients=after.clients,
        column=SCORE,
        segment=after.segment,
        cause="population moved",
    )


def _groups(observed: Observed, clients: NDArray[np.int64]) -> Mapping[str, NDArray[Any]]:
    """The group of each client, by kind of group, in the order of the clients."""
    import pyarrow as pa

    mart = scan(table_path(observed.settings, "client_mart", observed.cohort))
    wanted = pa.table({CLIENT_KEY: clients})
    with connect(observed.settings) as connection:
        connection.register("wanted", wanted)
        present = {row[0] for row in connection.execute(f"describe select * from {mart}").fetchall()}
        columns = ", ".join(name for name in segment_columns() if name in present)
        if not columns:
            return {}
        query = f"select {columns} from wanted join {mart} using ({CLIENT_KEY}) order by {CLIENT_KEY}"
        return segments(connection.sql(query).to_arrow_table())
