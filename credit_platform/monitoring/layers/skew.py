"""Whether the API scored the features that the mart has for the same clients: logged ones beside recomputed ones.

Both come from the same SQL, so that they have to be equal, to the last bit. What a decision was not given is not
compared. Not here: reading the log (`served.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from credit_platform.lake import connect, identifier, scan, table_path
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.monitoring.findings import Finding, State
from credit_platform.monitoring.observed import Observed
from credit_platform.monitoring.served import Served, served

LEAST = 20
"""Decisions without which nothing is judged."""
_CRITICAL = 0.1
_NAMED = 4


def judge(observed: Observed) -> list[Finding]:
    """One finding; none where too few of the cohort's clients were decided on by the API."""
    decisions = served(observed.settings)
    rows = _mart_rows(observed, decisions) if decisions else {}
    return compare(observed, decisions, rows)


def compare(observed: Observed, decisions: Iterable[Served], rows: Mapping[int, Mapping[str, Any]]) -> list[Finding]:
    """The finding about decisions whose clients are among the mart's `rows`."""
    known = [decision for decision in decisions if decision.client in rows]
    if len(known) < LEAST:
        return []
    differing: Counter[str] = Counter()
    compared = 0
    for decision in known:
        row = rows[decision.client]
        for name, value in decision.inputs.items():
            if name in row:
                compared += 1
                differing[name] += not _same(value, row[name])
    share, limit = differing.total() / max(compared, 1), observed.settings.drift_skew
    state: State = "ok" if share <= limit else "critical" if share >= _CRITICAL else "warn"
    worst = [name for name, times in differing.most_common(_NAMED) if times]
    sentence = (
        f"{share:.2%} of the features of {len(known):,} decisions are not what the mart has for the same clients "
        f"(limit {limit:.2%})" + (f", {', '.join(worst)} among them" if worst else "")
    )
    return [
        observed.finding("skew", "features_differ", state, sentence, value=share, threshold=limit, clients=len(known))
    ]


def _same(logged: Any, row: Any) -> bool:
    missing = (logged is None or logged != logged, row is None or row != row)
    return all(missing) or (not any(missing) and bool(logged == row))


def _mart_rows(observed: Observed, decisions: Iterable[Served]) -> dict[int, dict[str, Any]]:
    import pyarrow as pa

    wanted = pa.table({CLIENT_KEY: sorted({decision.client for decision in decisions})})
    columns = ", ".join(map(identifier, [CLIENT_KEY, *observed.counts]))
    mart = scan(table_path(observed.settings, "client_mart", observed.cohort))
    with connect(observed.settings) as connection:
        connection.register("wanted", wanted)
        query = f"select {columns} from {mart} join wanted using ({CLIENT_KEY})"
        found: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return {row[CLIENT_KEY]: row for row in found}
