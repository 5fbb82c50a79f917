"""A small world for the model's tests: applicants of six features, a fitted version in a folder, splits in a lake."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from credit_platform.explain.reason_table import ReasonTable
from credit_platform.features.schema import Feature, FeatureSchema, model_frame
from credit_platform.features.splits import PARTS
from credit_platform.lake import draft
from credit_platform.model import registry
from credit_platform.model.business_cost import Costs, Threshold
from credit_platform.model.calibration import Calibration
from credit_platform.model.scale import Grade, Scale
from credit_platform.model.version import Fitted
from credit_platform.model.version import write_version as write_version_folder
from credit_platform.settings import Settings
from credit_platform_tests.tables import put

THRESHOLD = 0.3
SCHEMA = FeatureSchema(
    (
        Feature("EXT_SOURCE_2", "numeric", low=0, high=1, meaning="Score of the second bureau"),
        Feature("AMT_INCOME_TOTAL", "numeric", low=25e3, high=9e6, meaning="Yearly income"),
        Feature("OCCUPATION_TYPE", "category", ("Drivers", "Laborers", "Managers"), meaning="Occupation"),
        Feature("DAYS_BIRTH", "numeric", low=-25e3, high=-7e3, meaning="Age in days"),
        Feature("NAME_CONTRACT_TYPE", "category", ("Cash loans", "Revolving loans"), meaning="Product"),
        Feature("BURO_COUNT", "numeric", low=0, high=20, meaning="Credits at other lenders"),
    ),
    ("2025-01", "2025-02"),
)

GRIDS: dict[str, dict[str, list[Any]]] = {
    "catboost": {"depth": [1, 3], "iterations": [40], "learning_rate": [0.15]},
    "hist_gradient_boosting": {"histgradientboostingclassifier__max_leaf_nodes": [4]},
    "logistic_regression": {"logisticregression__C": [0.1]},
}
"""Grids of a few small models of each family."""


def applicants(clients: int, seed: int = 0) -> pa.Table:
    """Mart rows with gaps in two features; incomes have a heavy tail."""
    random = np.random.default_rng(seed)
    occupations = random.choice(SCHEMA.features[2].categories, clients)
    return pa.table(
        {
            "SK_ID_CURR": pa.array(np.arange(clients) + 100_001),
            "EXT_SOURCE_2": pa.array(random.random(clients), mask=random.random(clients) < 0.1),
            "AMT_INCOME_TOTAL": random.lognormal(11.9, 0.8, clients),
            "OCCUPATION_TYPE": pa.array(occupations, pa.string(), mask=random.random(clients) < 0.3),
            "DAYS_BIRTH": -random.uniform(7_500, 25_000, clients).round(),
            "NAME_CONTRACT_TYPE": pa.array(random.choice(SCHEMA.features[4].categories, clients), pa.string()),
            "BURO_COUNT": random.poisson(4, clients).astype(float),
        }
    )


def outcomes(table: pa.Table, seed: int = 0) -> np.ndarray:
    """About one default in six, more of them where the score is low and the occupation is labourer."""
    score = table.column("EXT_SOURCE_2").fill_null(0.5).to_numpy()
    labourer = table.column("OCCUPATION_TYPE").fill_null("").to_numpy() == "Laborers"
    chance = 1 / (1 + np.exp(0.5 + 4 * score - 1.2 * labourer))
    return (np.random.default_rng(seed + 1).random(len(chance)) < chance).astype(int)


def write_version(folder: Path, schema: FeatureSchema = SCHEMA, threshold: float = THRESHOLD) -> Path:
    """Fits a small model and stores it the way the registry stores versions."""
    table = applicants(600, seed=3)
    return fit_version(folder, schema, table, outcomes(table, 3), applicants(400, seed=4), threshold)


def fit_version(
    folder: Path,
    schema: FeatureSchema,
    rows: pa.Table,
    defaulted: np.ndarray,
    valid: pa.Table,
    threshold: float = THRESHOLD,
    seed: int = 3,
) -> Path:
    """A version of a small CatBoost model on some rows; its cut-off is given, its grey zone is empty."""
    from credit_platform.model.native_catboost import NativeCatBoost

    folder.mkdir(parents=True, exist_ok=True)
    model = NativeCatBoost(depth=4, iterations=30, learning_rate=0.1, rsm=1.0, random_seed=seed)
    grades = (Grade("A", 0.0, 0.1, 100, 0.05), Grade("B", 0.1, 0.3, 100, 0.2), Grade("C", 0.3, 1.0, 100, 0.5))
    fitted = Fitted(
        model.fit(model_frame(rows, schema), defaulted),
        schema,
        Calibration(0.0, 1.0),
        Threshold(threshold, 0.41, Costs()),
        Scale(600, 50, 20, grades),
        ReasonTable.fit(schema, rows),
    )
    write_version_folder(fitted, valid, 0, folder)
    return folder


def register(settings: Settings, folder: Path, alias: str = "") -> str:
    """Registers the version in a folder, in a run of its own, under an alias if one is given. Returns its number."""
    import mlflow

    experiment = registry.client(settings).get_experiment_by_name(settings.mlflow_experiment).experiment_id
    with TemporaryDirectory() as temporary:
        scorer = Path(shutil.copytree(folder, Path(temporary) / registry.SCORER))
        with mlflow.start_run(experiment_id=experiment):
            number = registry.log_version(settings, scorer, FeatureSchema.read(folder))
    if alias:
        registry.point(settings, alias, number)
    return number


def write_splits(settings: Settings, sizes: Mapping[str, int] | None = None) -> None:
    """Labelled applicants in three parts, as `feature_splits` leaves them, 300 in a part whose size is not given."""
    sizes = {part: (sizes or {}).get(part, 300) for part in PARTS}
    with draft(settings, "feature_splits") as new:
        SCHEMA.write(new.folder)
        for seed, (part, clients) in enumerate(sizes.items()):
            table = applicants(clients, seed)
            cohort = pa.array(["2025-01"] * clients)
            pq.write_table(table.append_column("cohort", cohort), new.folder / f"X_{part}.parquet")
            target = outcomes(table, seed)
            weight = clients / 2 / np.where(target == 1, max(target.sum(), 1), max((1 - target).sum(), 1))
            ids = {"cohort": cohort, "SK_ID_CURR": table["SK_ID_CURR"]}
            pq.write_table(
                pa.table({**ids, "TARGET": target, "sample_weight": weight}), new.folder / f"y_{part}.parquet"
            )
        new.publish(sum(sizes.values()))


def people(clients: int, seed: int = 0) -> pa.Table:
    """Applicants whose mart rows tell their gender, and by their dates who they are."""
    random = np.random.default_rng(seed + 100)
    table = applicants(clients, seed)
    for name in ("DAYS_REGISTRATION", "DAYS_ID_PUBLISH"):
        table = table.append_column(name, pa.array(-random.uniform(0, 7_000, clients).round()))
    return table.append_column("CODE_GENDER", pa.array(random.choice(["F", "M"], clients)))


def write_labelled_cohort(settings: Settings, cohort: str, mart: pa.Table, defaulted: np.ndarray) -> None:
    """A cohort's mart and outcomes in the lake, for `feature_splits` to be made from."""
    put(settings, "client_mart", cohort, mart)
    put(settings, "raw_outcomes", cohort, pa.table({"SK_ID_CURR": mart["SK_ID_CURR"], "TARGET": defaulted}))
