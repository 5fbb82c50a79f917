"""What all layers make of cohorts: nothing of those that are like the reference, of others the cause and no more."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_platform.features.splits import PARTS
from credit_platform.lake import draft
from credit_platform.monitoring.findings import LAYERS, Finding
from credit_platform.monitoring.judging import explained, findings_of
from credit_platform.monitoring.observed import Observed
from credit_platform.monitoring.reports import findings, verdict
from credit_platform.monitoring.verdicts import monitor, with_outcomes
from credit_platform_tests.monitoring.conftest import Land
from credit_platform_tests.worlds import applicants


def with_column(rows: pa.Table, name: str, values: object) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, pa.array(values, from_pandas=True))


def bad(found: list[Finding]) -> set[tuple[str, str, str]]:
    """Layer, state and cause of what is told."""
    return {(f.layer, f.state, f.cause) for f in found if f.state in ("warn", "critical") and not f.explained_by}


@pytest.mark.parametrize("seed", [7, 8])
def test_applicants_like_those_of_the_reference_raise_nothing(land: Land, seed: int) -> None:
    found = findings_of(land(applicants(2_000, seed), promised=1.0), "2025-03")
    assert {finding.state for finding in found} == {"ok"}
    assert [layer for layer in LAYERS if any(f.layer == layer for f in found)] == [
        "quality",
        "score",
        "segments",
        "outcomes",
        "features",
        "multivariate",
    ]


def test_an_income_in_thousands_is_a_broken_feed_that_explains_all_else(land: Land) -> None:
    rows = applicants(2_000, 7)
    thousands = with_column(rows, "AMT_INCOME_TOTAL", rows["AMT_INCOME_TOTAL"].to_numpy() / 1_000)
    found = findings_of(land(thousands), "2025-03")
    assert bad(found) == {("quality", "critical", "broken feed")}
    (told,) = [f for f in found if f.state == "critical" and not f.explained_by]
    assert (told.metric, told.table, told.column) == ("unit", "application", "AMT_INCOME_TOTAL")
    assert {f.explained_by for f in found if f.layer == "features" and f.column == "AMT_INCOME_TOTAL"} == {"quality"}


def test_riskier_applicants_are_told_once_as_a_score_that_moved(land: Land) -> None:
    rows = applicants(4_000, 7)
    external = rows["EXT_SOURCE_2"].to_numpy()
    riskier = rows.filter(pa.array((external < 0.5) | (np.isnan(external) & (np.arange(4_000) % 2 == 0))))
    found = findings_of(land(riskier), "2025-03")
    assert {(layer, cause) for layer, _, cause in bad(found)} == {("score", "population moved")}
    assert len([f for f in found if f.state in ("warn", "critical") and not f.explained_by]) == 1
    psi = next(f for f in found if f.layer == "score" and f.metric == "psi")
    assert "EXT_SOURCE_2" in psi.sentence


def test_clients_who_pay_otherwise_while_scores_stand_are_a_concept_that_moved(land: Land) -> None:
    found = findings_of(land(applicants(3_000, 7), promised=2.0), "2025-03")
    assert bad(found) == {("outcomes", "critical", "concept moved")}


def test_clients_whom_the_version_was_fitted_to_are_left_out_of_scores_and_outcomes(land: Land) -> None:
    settings = land(applicants(1_000, 7), promised=1.0)
    whole = Observed.of(settings, "2025-03").scored
    with draft(settings, "feature_splits") as new:
        for part in PARTS:
            ids = np.arange(100_001, 100_401) if part == "train" else np.array([], int)
            pq.write_table(
                pa.table({"cohort": ["2025-03"] * len(ids), "SK_ID_CURR": ids}), new.folder / f"y_{part}.parquet"
            )
        new.publish(400)
    scored = Observed.of(settings, "2025-03").scored
    assert whole is not None
    assert scored is not None
    assert (len(whole.clients), whole.seen) == (1_000, 0)
    assert (len(scored.clients), scored.seen, scored.coverage) == (600, 400, 1.0)
    assert scored.clients.min() == 100_401


def test_a_verdict_is_plain_json_and_gives_back_its_findings(land: Land) -> None:
    settings = land(applicants(600, 7))
    kept = monitor(settings, "2025-03")
    assert json.loads(json.dumps(kept, allow_nan=False)) == verdict(settings, "2025-03")
    assert list(findings(settings, "2025-03")) == findings_of(settings, "2025-03")
    assert (kept["state"], kept["drifted"]) == ("ok", False)
    assert kept["sentence"] == "cohort 2025-03 is as the version expects"
    assert set(kept["layers"]) == {"quality", "score", "segments", "features", "multivariate"}
    assert kept["forecast"]["note"].startswith("A forecast")
    assert findings(settings, "2025-04") == ()


def test_outcomes_that_arrive_later_are_judged_without_the_rest(land: Land) -> None:
    rows = applicants(3_000, 7)
    kept = monitor(land(rows), "2025-03")
    assert "outcomes" not in kept["layers"]
    later = with_outcomes(Observed.of(land(rows, promised=2.0), "2025-03"), kept)
    assert (later["layers"]["outcomes"], later["state"]) == ("critical", "critical")
    assert later["realised"]["default_rate"]["value"] > later["realised"]["default_rate"]["promised"]
    assert later["columns"] == kept["columns"]


def finding(layer: str, metric: str, state: str, cause: str = "") -> Finding:
    return Finding("2025-03", "1", layer, metric, state, "", cause=cause)  # type: ignore[arg-type]


def explanations(*found: Finding) -> dict[str, str]:
    return {f"{f.layer} {f.metric}": f.explained_by for f in explained(found) if f.explained_by}


def test_scores_that_moved_explain_features_but_never_outcomes() -> None:
    assert explanations(
        finding("features", "moved", "warn"),
        finding("outcomes", "default_rate", "critical"),
        finding("score", "psi", "warn"),
        finding("multivariate", "classifier_auc", "ok"),
    ) == {"features moved": "score"}


def test_a_table_that_thinned_out_with_the_clients_explains_nothing() -> None:
    found = (finding("quality", "missing", "warn", "population moved"), finding("score", "psi", "warn"))
    assert explanations(*found) == {}
    broken = (finding("quality", "missing", "warn", "broken feed"), finding("outcomes", "auc", "warn"))
    assert explanations(*broken) == {"outcomes auc": "quality"}


def test_within_a_layer_the_gravest_finding_stands_for_the_others() -> None:
    found = [finding("score", name, state) for name, state in (("psi", "warn"), ("approval_rate", "critical"))]
    assert explanations(*found) == {"score psi": "score"}
    feeds = [finding("quality", name, "warn", "broken feed") for name in ("unit", "missing")]
    assert explanations(*feeds) == {}
