"""What runs of the graph leave on file: versions judged, promoted and refused, a SHAP summary, scores by cohort."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from credit_platform.explain.shap_summary import TABLE as SHAP
from credit_platform.explain.shap_summary import write_swarm
from credit_platform.lake import draft, table_path
from credit_platform.model import registry
from credit_platform.model.card import CARD, EVALUATION, as_html
from credit_platform.model.evaluation import evaluate, score_psi
from credit_platform.model.fairness import audit
from credit_platform.model.promotion import GateLimits, Judged, compare
from credit_platform.model.succession import promote, settle
from credit_platform.scoring.batch import score_cohort
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.worlds import register


def file_everything(settings: Settings, folder: Path, cohort: str) -> tuple[str, str]:
    """Two versions of one folder: the first was promoted, in Ada's name, the second refused. Their numbers."""
    first, second = register(settings, folder), register(settings, folder, registry.CHALLENGER)
    scorer = Scorer.load(folder, first)
    rows = pq.read_table(table_path(settings, "client_mart", cohort))
    rows = rows.append_column("cohort", pa.array([cohort] * rows.num_rows))
    probability = scorer.table_probabilities(rows)
    random = np.random.default_rng(8)
    defaulted = (random.random(len(probability)) < probability).astype(int)
    moved = (probability * random.uniform(0.6, 1.6, len(probability))).clip(0, 1)

    clients, cut_off = rows.column("SK_ID_CURR").to_numpy(), scorer.threshold.value
    limits = GateLimits(minimum_defaults=5, resamples=60)
    old = Judged(first, clients, probability, cut_off, has_signature=True)
    settle(settings, compare(defaulted, old, costs=scorer.threshold.costs, limits=limits))
    promote(settings, first, "Ada L.", "a model for tests", override=True)
    new = Judged(second, clients, moved, cut_off, has_signature=True)
    settle(settings, compare(defaulted, new, old, costs=scorer.threshold.costs, limits=limits))

    report = evaluate("test", rows, defaulted, probability, scorer.threshold, scorer.scale, 30, seed=1)
    audited = audit(rows, defaulted, probability, cut_off, 30, seed=1)
    judged = {"test": {**report.as_json(), "fairness": audited, "score_psi": score_psi(probability, moved)}}
    registry.attach(settings, first, EVALUATION, json.dumps(judged))
    registry.attach(settings, first, f"{CARD}.html", as_html(f"# Model card: version {first}"))
    strongest = list(scorer.importance)[:3]
    with draft(settings, SHAP) as summary:
        points = [(-0.4, 0.9), (-0.1, None), (0.5, 0.1)]
        write_swarm(dict.fromkeys(strongest, points), first, summary.folder)
        summary.publish(len(strongest))
    score_cohort(settings, scorer, cohort)
    measured = [
        {"metric": metric, "value": found.value, "low": found.low, "high": found.high}
        for metric, found in report.metrics.items()
    ]
    with draft(settings, "performance", cohort) as performance:
        pq.write_table(pa.Table.from_pylist(measured), performance.folder / "performance.parquet")
        performance.publish(len(measured), facts={"model_version": first, "clients": report.clients})
    return first, second
