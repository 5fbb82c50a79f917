"""A registered version as others load it, through MLflow: the scorer's numbers, whatever a frame leaves out."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from credit_platform.features.schema import MISSING_CATEGORY, model_frame
from credit_platform.model import registry
from credit_platform.model.families import FAMILIES
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.model.test_version import write
from credit_platform_tests.worlds import SCHEMA, applicants, register

pytestmark = pytest.mark.xdist_group("graph")

TABLE = applicants(120, seed=31)
ALIAS = "under_test"


class Registered:
    """A version in the registry and what MLflow makes of it."""

    def __init__(self, settings: Settings) -> None:
        import mlflow

        self.settings = settings
        version = registry.fetch(settings, ALIAS)
        self.scorer = Scorer.load(version.folder, version.number)
        self.loaded = mlflow.pyfunc.load_model(f"models:/{settings.model_name}@{ALIAS}")

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        found: pd.DataFrame = self.loaded.predict(frame)
        return found


@pytest.fixture(scope="module", params=FAMILIES)
def registered(
    request: pytest.FixtureRequest, store: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registered]:
    own = store.model_copy(update={"model_name": request.param, "mlflow_experiment": request.param})
    folder = write(tmp_path_factory.mktemp(request.param), request.param).folder
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(tmp_path_factory.mktemp("elsewhere"))
        register(own, folder, ALIAS)
        yield Registered(own)


def close(found: pd.DataFrame, scorer: Scorer, expected: np.ndarray) -> bool:
    same = np.abs(found["probability_of_default"].to_numpy() - expected).max() <= 1e-12
    return bool(same and list(found["decision"]) == [scorer.decide(p) for p in expected.tolist()])


def test_it_says_what_the_scorer_says(registered: Registered) -> None:
    scorer = registered.scorer
    expected = scorer.table_probabilities(TABLE)
    assert close(registered.predict(model_frame(TABLE, SCHEMA)), scorer, expected)
    assert set(registered.predict(model_frame(TABLE, SCHEMA))["decision"]) >= {"approve", "review"}


def test_a_missing_category_may_be_none_or_called_missing(registered: Registered) -> None:
    expected = registered.scorer.table_probabilities(TABLE)
    with_none = TABLE.to_pandas()
    assert with_none["OCCUPATION_TYPE"].isna().any()
    assert close(registered.predict(with_none), registered.scorer, expected)
    called = with_none.fillna({"OCCUPATION_TYPE": MISSING_CATEGORY})
    assert close(registered.predict(called), registered.scorer, expected)


@pytest.mark.parametrize("left_out", [["EXT_SOURCE_2"], ["OCCUPATION_TYPE"], ["EXT_SOURCE_2", "NAME_CONTRACT_TYPE"]])
def test_a_column_that_is_left_out_counts_as_missing(registered: Registered, left_out: list[str]) -> None:
    frame = model_frame(TABLE, SCHEMA).drop(columns=left_out)
    rows = [{name: value for name, value in row.items() if name not in left_out} for row in TABLE.to_pylist()]
    assert close(registered.predict(frame), registered.scorer, registered.scorer.probabilities(rows))


def test_a_column_without_any_value_counts_as_missing(registered: Registered) -> None:
    frame = model_frame(TABLE, SCHEMA)
    empty = frame.assign(EXT_SOURCE_2=np.nan, OCCUPATION_TYPE=None)
    left_out = frame.drop(columns=["EXT_SOURCE_2", "OCCUPATION_TYPE"])
    assert registered.predict(empty).equals(registered.predict(left_out))


def test_other_columns_and_another_order_change_nothing(registered: Registered) -> None:
    frame = model_frame(TABLE, SCHEMA)
    shuffled = frame[frame.columns[::-1]].assign(SHOE_SIZE=43, CODE_GENDER="F")
    assert registered.predict(shuffled).equals(registered.predict(frame))


def test_rows_keep_the_callers_index(registered: Registered) -> None:
    frame = model_frame(TABLE, SCHEMA).set_index(pd.Index(TABLE["SK_ID_CURR"].to_pylist()))
    assert list(registered.predict(frame.iloc[[5, 2]]).index) == [100_006, 100_003]


def test_the_signature_names_the_features_and_what_comes_out(registered: Registered) -> None:
    signature = registered.loaded.metadata.signature
    kinds = {"numeric": "double", "category": "string"}
    assert {spec.name: spec.type.name for spec in signature.inputs} == {f.name: kinds[f.kind] for f in SCHEMA.features}
    assert not [spec.name for spec in signature.inputs if spec.required]
    assert signature.outputs.input_names() == ["probability_of_default", "decision"]
    number = registry.number_under(registered.settings, ALIAS)
    assert number
    assert registry.has_signature(registered.settings, number)


def test_its_requirements_are_the_libraries_of_its_family_in_the_versions_it_was_made_with(
    registered: Registered,
) -> None:
    import mlflow

    asked = mlflow.pyfunc.get_model_dependencies(f"models:/{registered.settings.model_name}@{ALIAS}")
    lines = Path(asked).read_text("utf-8").split()
    by_family = {
        "catboost": set(),
        "hist_gradient_boosting": {"scikit-learn", "skops", "shap"},
        "logistic_regression": {"scikit-learn", "skops"},
    }
    wanted = {"numpy", "pandas", "pyarrow", *by_family[registered.settings.model_name]}
    assert {f"{name}=={version(name)}" for name in wanted} == {line for line in lines if not line.startswith("mlflow")}


@pytest.mark.parametrize("wrong", [{"EXT_SOURCE_2": "high"}, {"OCCUPATION_TYPE": 3.5}, {"BURO_COUNT": np.int64(2**62)}])
def test_a_value_of_the_wrong_type_is_refused_by_name(registered: Registered, wrong: dict[str, Any]) -> None:
    """Doubles do not hold every whole number of 64 bits, so MLflow asks for doubles."""
    import mlflow

    frame = model_frame(TABLE, SCHEMA).assign(**wrong)
    with pytest.raises(mlflow.MlflowException, match=next(iter(wrong))):
        registered.predict(frame)


def test_a_folder_of_another_name_is_not_registered(tmp_path: Path, store: Settings) -> None:
    with pytest.raises(ValueError, match="is to be called 'scorer', not 'other'"):
        registry.log_version(store, tmp_path / "other", SCHEMA)


@pytest.mark.parametrize("kind", ["int32", "float32"])
def test_whole_numbers_and_short_ones_are_numbers_too(registered: Registered, kind: str) -> None:
    frame = model_frame(TABLE, SCHEMA)
    short = frame.assign(BURO_COUNT=frame["BURO_COUNT"].astype(kind))
    assert registered.predict(short).equals(registered.predict(frame))
