"""What runs of the graph leave on file: versions judged, promoted and refused, a SHAP summary, scores by cohort, what
monitoring said of one, and an incident.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from credit_platform.alerting import sources, watch
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
from credit_platform_tests.messages import INCOME, SCORE
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
    file_verdict(settings, cohort, first)
    return first, second


def file_verdict(settings: Settings, cohort: str, version: str) -> None:
    """A cohort whose income broke and whose scores moved with it: the verdict, the report, and the incident."""
    fine = replace(SCORE, layer="outcomes", metric="auc", state="ok", sentence="ranks as well as ever", cause="")
    found = [
        replace(each, cohort=cohort, model_version=version)
        for each in (INCOME, replace(SCORE, explained_by="quality"), fine)
    ]
    moved = {"column": "AMT_INCOME_TOTAL", "table": "application", "importance": 0.2, "psi": 3.1, "moved": True}
    still = {"column": "BURO_DEBT_TO_CREDIT", "table": "bureau", "importance": 0.1, "psi": 0.02, "moved": False}
    verdict = {
        "cohort": cohort,
        "state": "critical",
        "sentence": f"cohort {cohort}, critical, broken feed: {INCOME.sentence}",
        "layers": {"quality": "critical", "score": "warn", "outcomes": "ok"},
        "findings": [each.as_json() for each in found],
        "details": [moved, still],
        "score_psi": 0.31,
        "drifted": True,
        "drift_share": 0.2,
        "threshold": 0.2,
        "drifted_columns": ["AMT_INCOME_TOTAL"],
        "columns": {"AMT_INCOME_TOTAL": 3.1, "BURO_DEBT_TO_CREDIT": 0.02},
    }
    reports = settings.monitoring_dir / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    (reports / f"{cohort}.json").write_text(json.dumps(verdict), "utf-8")
    page = f"<!doctype html><html><body><h1>Evidently on {cohort}</h1><script>void 0</script></body></html>"
    (reports / f"{cohort}.html").write_text(page, "utf-8")
    watch.observe(settings, [sources.run_from(cohort, found)])
