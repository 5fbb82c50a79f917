"""A small world for the model's tests: applicants of six features, a fitted version in a folder, splits in a lake."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from credit_platform.features.schema import Feature, FeatureSchema, model_frame
from credit_platform.features.splits import PARTS
from credit_platform.lake import draft
from credit_platform.model.business_cost import Costs, Threshold
from credit_platform.model.reference import write_reference
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

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


def write_version(folder: Path) -> Path:
    """Fits a small model and stores it the way the registry stores versions."""
    from catboost import CatBoostClassifier

    table = applicants(600, seed=3)
    model = CatBoostClassifier(
        iterations=30, depth=4, verbose=False, random_seed=3, allow_writing_files=False, thread_count=1
    )
    model.fit(model_frame(table, SCHEMA), outcomes(table, 3), cat_features=SCHEMA.category_names)
    beside = folder / "extra_files"
    beside.mkdir(parents=True)
    model.save_model(str(folder / "model.cb"))
    SCHEMA.write(beside)
    Threshold(THRESHOLD, 0.41, Costs()).write(beside)
    valid = applicants(400, seed=4)
    probability = Scorer(model, SCHEMA, Threshold(THRESHOLD, 0.41, Costs()), "1").table_probabilities(valid)
    write_reference(valid.select(SCHEMA.names), probability, 0, beside)
    return folder


def write_splits(settings: Settings) -> None:
    """Labelled applicants in three parts, as `feature_splits` leaves them."""
    with draft(settings, "feature_splits") as new:
        SCHEMA.write(new.folder)
        for seed, part in enumerate(PARTS):
            table = applicants(300, seed)
            cohort = pa.array(["2025-01"] * 300)
            pq.write_table(table.append_column("cohort", cohort), new.folder / f"X_{part}.parquet")
            defaulted = pa.table({"cohort": cohort, "SK_ID_CURR": table["SK_ID_CURR"], "TARGET": outcomes(table, seed)})
            pq.write_table(defaulted, new.folder / f"y_{part}.parquet")
        new.publish(900)
