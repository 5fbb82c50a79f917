"""A small bank: clients with histories, the first committed cohort in a lake, and a version that decides on them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from credit_platform.explain.population import TABLE as POPULATION
from credit_platform.explain.population import Population
from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import draft, table_path
from credit_platform.mart.buckets import build_cohort
from credit_platform.mart.build import mart_columns
from credit_platform.mart.lookup import publish_lookup
from credit_platform.raw.ingest import ingest
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.worlds import fit_version

COHORT = "2025-01"
THRESHOLD = 0.25
FEATURES = (
    "EXT_SOURCE_2",
    "AMT_CREDIT",
    "AMT_ANNUITY",
    "AMT_GOODS_PRICE",
    "AMT_INCOME_TOTAL",
    "CREDIT_TO_INCOME",
    "PAYMENT_RATE",
    "DAYS_EMPLOYED",
    "NAME_CONTRACT_TYPE",
    "NAME_INCOME_TYPE",
    "ACTIVE_COUNT",
    "BURO_DEBT_TO_CREDIT",
    "INSTAL_LATE_SHARE",
    "PREV_REFUSED_SHARE",
)


def open_bank(folder: Path, samples: Path) -> Settings:
    """The settings of a lake with a cohort's raw tables, mart, look-up and population; the version is in `version/`."""
    settings = Settings(_env_file=None, data_dir=folder, mlflow_tracking_uri="", api_key=None)
    land(settings, samples / COHORT)
    for name in (*TABLE_NAMES, "outcomes"):
        ingest(settings, name, COHORT)
    build_cohort(settings, COHORT)
    publish_lookup(settings, COHORT)
    rows = pq.read_table(table_path(settings, "client_mart", COHORT))
    rows = rows.append_column("cohort", pa.array([COHORT] * rows.num_rows))
    defaulted = _defaults(rows)
    fit_version(folder / "version", _schema(rows), rows, defaulted, rows, THRESHOLD)
    with draft(settings, POPULATION) as new:
        Population.count(Scorer.load(folder / "version", "1"), rows, defaulted).write(new.folder)
        new.publish(rows.num_rows)
    return settings


def _defaults(rows: pa.Table) -> np.ndarray:
    """Outcomes that follow from what the tests turn: the external score, the size of the loan, late instalments."""
    score, loan, late = (
        np.nan_to_num(rows.column(name).cast(pa.float64()).to_numpy(), nan=middle)
        for name, middle in (("EXT_SOURCE_2", 0.5), ("CREDIT_TO_INCOME", 3.0), ("INSTAL_LATE_SHARE", 0.0))
    )
    chance = 1 / (1 + np.exp(1.2 + 5 * (score - 0.4) - 0.55 * (loan - 3) - 3 * late))
    return (np.random.default_rng(5).random(len(chance)) < chance).astype(int)


def _schema(rows: pa.Table) -> FeatureSchema:
    meanings = {column.name: column.meaning for column in mart_columns()}
    features = []
    for name in FEATURES:
        column = rows.column(name).drop_null()
        if pa.types.is_string(column.type):
            features.append(Feature(name, "category", tuple(sorted(set(column.to_pylist()))), meaning=meanings[name]))
        else:
            values = column.cast(pa.float64()).to_numpy()
            low, high = float(values.min()), float(values.max())
            features.append(Feature(name, "numeric", low=low, high=high, meaning=meanings[name]))
    return FeatureSchema(tuple(features), (COHORT,))
