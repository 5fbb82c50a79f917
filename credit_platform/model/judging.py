"""Brings challenger, champion and scorecard before the gate: the same clients, scored by each.

The clients are those of the test part and of the part out of time, whom none of the three was fitted to. Not here: what
the gate asks (`promotion.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from credit_platform.explain.reasons import family_sums
from credit_platform.explain.stability import Agreement, agreement
from credit_platform.features.splits import OUT_OF_TIME, parts_of
from credit_platform.model import registry
from credit_platform.model.promotion import GateLimits, GateReport, Judged, compare, swapped_clients
from credit_platform.model.search import costs_of
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

EXPLAINED_ROWS = 2_000
"""Clients whose reasons are compared."""


def gate(settings: Settings, splits: Path, benchmark: "pa.Table") -> tuple[GateReport, "pa.Table | None"]:
    """The gate's report on the challenger, and the clients whose answer would change, where there is a champion.

    `benchmark` are the scorecard's predictions of every part.

    Raises:
        NoModelError: there is no challenger.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    parts = [part for part in parts_of(splits) if part in ("test", OUT_OF_TIME)]
    rows = pa.concat_tables([pq.read_table(splits / f"X_{part}.parquet") for part in parts])
    defaulted = pa.concat_tables([pq.read_table(splits / f"y_{part}.parquet") for part in parts]).column("TARGET")
    plain = pa.concat_tables([benchmark.filter(pc.field("part") == part) for part in parts])
    clients = rows.column("SK_ID_CURR").to_numpy()
    costs = costs_of(settings)
    version = registry.fetch(settings, registry.CHALLENGER)
    challenger = Scorer.load(version.folder, version.number)
    present = registry.find(settings, settings.model_alias)
    champion = Scorer.load(present.folder, present.number) if present and present.number != version.number else None
    outcomes = defaulted.to_numpy()
    new = Judged(
        version.number,
        clients,
        challenger.table_probabilities(rows),
        challenger.threshold.value,
        registry.has_signature(settings, version.number),
    )
    old = (
        Judged(champion.version, clients, champion.table_probabilities(rows), champion.threshold.value)
        if champion
        else None
    )
    report = compare(
        outcomes,
        new,
        old,
        Judged(
            "scorecard",
            plain.column("SK_ID_CURR").to_numpy(),
            plain.column("probability_of_default").to_numpy(),
            costs.theoretical_threshold,
        ),
        costs=costs,
        limits=GateLimits.of(settings),
        reasons=reason_agreement(challenger, champion, rows) if champion else None,
        seed=settings.seed,
    )
    return report, swapped_clients(outcomes, new, old) if old else None


def reason_agreement(first: Scorer, second: Scorer, rows: "pa.Table") -> Agreement | None:
    """How alike two versions explain the riskiest of the clients, who are told reasons; None where families differ."""
    tables = (first.reason_table, second.reason_table)
    if len({tuple(family.code for family in table.families) for table in tables}) > 1:
        return None
    riskiest = np.argsort(-first.table_margins(rows), kind="stable")[: min(EXPLAINED_ROWS, max(1, rows.num_rows // 5))]
    drawn = rows.take(riskiest)
    sums = [family_sums(scorer.table_contributions(drawn)[:, :-1], scorer.reason_table) for scorer in (first, second)]
    return agreement(sums[0], sums[1], first.reason_table)
