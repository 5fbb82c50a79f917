"""A version of every family: stored, loaded, and the same numbers and exact reasons as the model that was fitted."""

import json
import os
import pickle
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_platform.explain.reason_table import ReasonTable
from credit_platform.features.schema import Feature, FeatureSchema, model_frame
from credit_platform.model.business_cost import Costs, Threshold
from credit_platform.model.calibration import Calibration, log_odds, probability_of
from credit_platform.model.families import FAMILIES
from credit_platform.model.scale import Grade, Scale
from credit_platform.model.search import search
from credit_platform.model.version import Fitted, write_version
from credit_platform.scoring.estimators import FILE_NAME
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.worlds import GRIDS, SCHEMA, applicants, outcomes

PIPELINES = [family for family in FAMILIES if family != "catboost"]
AUDITED = replace(SCHEMA, audited=(Feature("CODE_GENDER", "category", ("F", "M")),))
NUMBERS = SCHEMA.subset({"EXT_SOURCE_2", "AMT_INCOME_TOTAL", "BURO_COUNT"})
CATEGORIES = SCHEMA.subset({"OCCUPATION_TYPE", "NAME_CONTRACT_TYPE"})
TRAIN, VALID, TABLE = applicants(500, seed=9), applicants(300, seed=4), applicants(200, seed=11)
STRANGE = pa.table(
    {
        "EXT_SOURCE_2": pa.array([None, 0.5, 40.0]),
        "AMT_INCOME_TOTAL": pa.array([1e5, None, -1e6]),
        "OCCUPATION_TYPE": pa.array(["Astronauts", None, ""]),
        "DAYS_BIRTH": pa.array([None, -9000.0, 0.0]),
        "NAME_CONTRACT_TYPE": pa.array([None, "Cash loans", "Leasing"]),
        "BURO_COUNT": pa.array([None, None, 1e3]),
    }
)


@dataclass(frozen=True)
class Written:
    """A version's folder, and what went into it."""

    folder: Path
    parts: Fitted

    @property
    def scorer(self) -> Scorer:
        return Scorer.load(self.folder, "7")

    def expected(self, table: pa.Table) -> np.ndarray:
        """The calibrated probabilities of the estimator itself."""
        margins = log_odds(self.parts.estimator.predict_proba(model_frame(table, self.parts.schema))[:, 1])
        return probability_of(self.parts.calibration.margins(margins))


def write(folder: Path, family: str, schema: FeatureSchema = AUDITED) -> Written:
    settings = Settings(_env_file=None, data_dir=folder, cross_validation_folds=2, threads=1)
    found = search(settings, model_frame(TRAIN, schema), outcomes(TRAIN, 9), {family: GRIDS[family]})
    parts = Fitted(
        found.estimator,
        schema,
        Calibration(-0.3, 1.4),
        Threshold(0.2, 0.41, Costs(), 0.15, 0.25, 0.2),
        Scale(600, 50, 20, (Grade("A", 0.0, 0.1, 100, 0.05), Grade("B", 0.1, 1.0, 100, 0.3))),
        ReasonTable.fit(schema, TRAIN),
    )
    version = folder / "version"
    version.mkdir()
    write_version(parts, VALID.append_column("CODE_GENDER", pa.array(["F"] * VALID.num_rows)), 0, version)
    return Written(version, parts)


@pytest.fixture(scope="module", params=FAMILIES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write(tmp_path_factory.mktemp("pipeline"), "logistic_regression")


def test_probabilities_are_the_estimators_calibrated_ones(written: Written) -> None:
    assert written.scorer.table_probabilities(TABLE) == pytest.approx(written.expected(TABLE), abs=1e-12)
    assert written.scorer.table_probabilities(STRANGE) == pytest.approx(written.expected(STRANGE), abs=1e-9)


def test_what_goes_in_comes_out(written: Written) -> None:
    scorer = written.scorer
    for part in ("schema", "calibration", "threshold", "scale", "reason_table"):
        assert getattr(scorer, part) == getattr(written.parts, part), part
    assert scorer.version == "7"


@pytest.mark.parametrize("table", [TABLE, STRANGE])
def test_contributions_and_baseline_add_up_to_every_margin(written: Written, table: pa.Table) -> None:
    scorer = written.scorer
    contributions = scorer.table_contributions(table)
    assert contributions.shape == (table.num_rows, len(SCHEMA.names) + 1)
    assert np.abs(contributions.sum(axis=1) - scorer.table_margins(table)).max() <= 1e-9
    assert np.abs(contributions[:, :-1]).max(axis=0).min() > 0


def test_the_baseline_is_the_same_for_every_client(written: Written) -> None:
    assert len(set(written.scorer.table_contributions(TABLE)[:, -1].tolist())) == 1


@pytest.mark.parametrize("table", [TABLE.slice(0, 40), STRANGE])
def test_single_rows_have_the_numbers_of_the_table(written: Written, table: pa.Table) -> None:
    scorer = written.scorer
    rows = table.to_pylist()
    together, contributions = scorer.table_probabilities(table), scorer.table_contributions(table)
    for i, row in enumerate(rows):
        decided, explained = scorer.score_row(row), scorer.explain(row)
        assert decided.probability_of_default == pytest.approx(together[i], abs=1e-12)
        assert probability_of(np.array([explained.margin]))[0] == pytest.approx(together[i], abs=1e-12)
        by_name = {c.feature: c.contribution for c in explained.contributions}
        assert [by_name[name] for name in SCHEMA.names] == pytest.approx(contributions[i, :-1].tolist(), abs=1e-9)
    assert scorer.probabilities(rows) == pytest.approx(together, abs=1e-12)


def test_the_features_that_decide_contribute_most(written: Written) -> None:
    strength = dict(zip(SCHEMA.names, np.abs(written.scorer.table_contributions(TABLE)).mean(axis=0), strict=False))
    assert max(strength, key=lambda name: strength[name]) == "EXT_SOURCE_2"


def test_a_low_external_score_speaks_against_a_client(written: Written) -> None:
    place = SCHEMA.names.index("EXT_SOURCE_2")
    low, high = (
        written.scorer.table_contributions(
            TABLE.set_column(TABLE.column_names.index("EXT_SOURCE_2"), "EXT_SOURCE_2", pa.array([score] * 200))
        )[:, place]
        for score in (0.05, 0.95)
    )
    assert low.min() > 0 > high.max()


def test_importance_is_the_mean_contribution_over_the_reference_strongest_first(written: Written) -> None:
    scorer = written.scorer
    reference = pq.read_table(written.folder / "reference.parquet")
    means = np.abs(scorer.table_contributions(reference)).mean(axis=0)
    assert scorer.importance == pytest.approx(dict(zip(SCHEMA.names, means, strict=False)))
    assert list(scorer.importance.values()) == sorted(scorer.importance.values(), reverse=True)
    assert [feature.name for feature in scorer.most_important(2)] == list(scorer.importance)[:2]


def test_the_reference_holds_the_features_and_the_scores_and_nothing_else(written: Written) -> None:
    reference = pq.read_table(written.folder / "reference.parquet")
    assert reference.column_names == [*SCHEMA.names, "probability_of_default"]
    assert reference.num_rows == VALID.num_rows
    scores = reference.column("probability_of_default").to_numpy()
    assert scores == pytest.approx(written.scorer.table_probabilities(VALID), abs=1e-12)


def test_a_version_holds_the_files_it_is_said_to(written: Written) -> None:
    model = {"model.cbm", "leaf_index.npz", "leaf_shap.npz"} if (written.folder / "model.cbm").exists() else {FILE_NAME}
    fitted = {"calibration.json", "threshold.json", "scale.json", "reason_table.json", "importance.json"}
    assert {path.name for path in written.folder.iterdir()} == model | fitted | {
        "feature_schema.json",
        "profile.json",
        "reference.parquet",
    }


def test_the_digest_tells_models_apart_and_nothing_else(written: Written, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(written.folder, tmp_path / "copy"))
    Calibration(0.5, 1.1).write(copy)
    assert Scorer.load(copy, "8").digest == written.scorer.digest
    assert len(written.scorer.digest) == 64


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("schema", [NUMBERS, CATEGORIES], ids=["numbers", "categories"])
def test_features_of_one_kind_alone_are_fine(family: str, schema: FeatureSchema, tmp_path: Path) -> None:
    scorer = write(tmp_path, family, schema).scorer
    margins = scorer.table_margins(TABLE)
    assert np.abs(scorer.table_contributions(TABLE).sum(axis=1) - margins).max() <= 1e-9
    assert scorer.probabilities(TABLE.to_pylist()) == pytest.approx(scorer.table_probabilities(TABLE), abs=1e-12)
    assert margins.std() > 0.1


def test_a_logistic_regressions_contribution_depends_on_its_own_feature_alone(pipeline: Written) -> None:
    scorer, place = pipeline.scorer, TABLE.column_names.index("AMT_INCOME_TOTAL")
    richer = TABLE.set_column(place, "AMT_INCOME_TOTAL", pa.array(TABLE["AMT_INCOME_TOTAL"].to_numpy() * 3))
    change = scorer.table_contributions(richer) - scorer.table_contributions(TABLE)
    own = change[:, SCHEMA.names.index("AMT_INCOME_TOTAL")]
    assert np.abs(own).min() > 0
    assert own == pytest.approx(scorer.table_margins(richer) - scorer.table_margins(TABLE), abs=1e-9)
    assert np.abs(np.delete(change, SCHEMA.names.index("AMT_INCOME_TOTAL"), axis=1)).max() <= 1e-9


def test_a_logistic_regressions_baseline_is_the_mean_margin_of_the_reference(pipeline: Written) -> None:
    scorer = pipeline.scorer
    baseline = scorer.table_contributions(TABLE)[0, -1]
    assert baseline == pytest.approx(scorer.table_margins(VALID).mean(), abs=1e-9)


def test_a_scorer_that_has_scored_can_be_sent_to_another_process(written: Written) -> None:
    scorer = written.scorer
    scorer.score_row({})
    again = pickle.loads(pickle.dumps(scorer))  # noqa: S301
    assert (again.table_probabilities(TABLE) == scorer.table_probabilities(TABLE)).all()
    assert again.score_row({}) == scorer.score_row({})


class Foreign:
    """A class that no pipeline of ours holds."""


def numpys_way_to_run_code() -> Any:
    from numpy.testing import runstring

    return runstring


@pytest.mark.parametrize(
    ("what", "named"),
    [
        (lambda: os.system, "system"),
        (numpys_way_to_run_code, "runstring"),
        (Foreign, "Foreign"),
    ],
)
def test_a_file_with_foreign_classes_or_functions_is_refused(
    pipeline: Written, tmp_path: Path, what: Any, named: str
) -> None:
    import skops.io
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    folder = Path(shutil.copytree(pipeline.folder, tmp_path / "version"))
    tampered = make_pipeline(FunctionTransformer(what()), pipeline.parts.estimator[-1])
    skops.io.dump(tampered, folder / FILE_NAME)
    with pytest.raises(ValueError, match=rf"model\.skops holds .*{named}.*, which no pipeline of ours does"):
        Scorer.load(folder, "7")


def test_a_pipeline_that_is_no_pipeline_any_more_is_refused(pipeline: Written, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(pipeline.folder, tmp_path / "version"))
    (folder / FILE_NAME).write_bytes((folder / FILE_NAME).read_bytes()[:200])
    with pytest.raises(Exception, match="zip"):
        Scorer.load(folder, "7")


@pytest.mark.parametrize("family", PIPELINES)
def test_a_stored_pipeline_is_no_pickle(family: str, tmp_path: Path) -> None:
    import zipfile

    folder = write(tmp_path, family).folder
    with zipfile.ZipFile(folder / FILE_NAME) as archive:
        names = archive.namelist()
        assert json.loads(archive.read("schema.json"))["protocol"] > 0
    assert not [name for name in names if not name.endswith((".json", ".npy"))]
