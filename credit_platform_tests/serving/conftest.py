"""A small world for the API: a real model of seven features, a published mart of two cohorts, two drift reports."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.mart.lookup import publish_lookup
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.tables import put, rows_of
from credit_platform_tests.worlds import fit_version
from serving.app import create_app

THRESHOLD = 0.3

SCHEMA = FeatureSchema(
    features=(
        Feature("EXT_SOURCE_2", "numeric", low=0.0, high=1.0, missing_share=0.1, meaning="Score of the second bureau"),
        Feature("AMT_CREDIT", "numeric", low=45_000, high=2_000_000, meaning="Amount of the loan applied for"),
        Feature("AMT_INCOME_TOTAL", "numeric", low=25_000, high=900_000, meaning="Yearly income the client declared"),
        Feature("DAYS_BIRTH", "numeric", low=-25_000, high=-7_500, meaning="Age in days, counted back from today"),
        Feature("CREDIT_TO_INCOME", "numeric", low=0.1, high=20, meaning="Loan applied for, in yearly incomes"),
        Feature("NAME_CONTRACT_TYPE", "category", ("Cash loans", "Revolving loans"), meaning="Product applied for"),
        Feature("OCCUPATION_TYPE", "category", ("Drivers", "Laborers", "Managers", "(missing)"), meaning="Occupation"),
    ),
    cohorts=("2024-01", "2024-02"),
)


def write_version(folder: Path) -> Path:
    """A version of a small model that knows the labourers and the external score."""
    random = np.random.default_rng(4)
    score, credit, income = random.random(300), random.uniform(45e3, 2e6, 300), random.uniform(25e3, 9e5, 300)
    days = -random.uniform(7_500, 25_000, 300)
    contract, occupation = (random.choice(f.categories, 300) for f in SCHEMA.features[-2:])
    risk = 2.5 * (0.5 - score) + 1e-6 * credit + 0.8 * (occupation == "Laborers") + random.normal(0, 0.5, 300)
    score[::10] = np.nan
    columns = (score, credit, income, days, credit / income, contract, occupation)
    rows = pa.table(dict(zip(SCHEMA.names, columns, strict=True)))
    return fit_version(folder, SCHEMA, rows, (risk > 1.2).astype(int), rows, THRESHOLD, seed=4)


def write_lake(settings: Settings) -> None:
    """Two cohorts of a mart; client 100001 is in both, 100002 in the older one, and 100004 has hardly any history."""
    contract, credit = "'Cash loans' as NAME_CONTRACT_TYPE", "200000 + SK_ID_CURR % 7 * 90000 as AMT_CREDIT"
    columns = f"(SK_ID_CURR % 10) / 10 as EXT_SOURCE_2, {credit}, {contract}, 'Laborers' as OCCUPATION_TYPE"
    full = (
        f'{columns}, 120000 as AMT_INCOME_TOTAL, -12000 as DAYS_BIRTH, 2.5::double as "CREDIT_TO_INCOME", 1 as SECRET'
    )
    empty = "null as EXT_SOURCE_2, 90000 as AMT_CREDIT, 'Cash loans' as NAME_CONTRACT_TYPE, null as OCCUPATION_TYPE"
    nothing = "null as AMT_INCOME_TOTAL, 'nan'::double as DAYS_BIRTH, null as \"CREDIT_TO_INCOME\", 1 as SECRET"
    for cohort, ids in (("2024-02", "(100001), (100002)"), ("2024-03", "(100001), (100003)")):
        query = f"select SK_ID_CURR, {full} from (values {ids}) t(SK_ID_CURR)"
        if cohort == "2024-03":
            query += f" union all select 100004, {empty}, {nothing}"
        put(settings, "client_mart", cohort, *rows_of(settings, [query]))
        publish_lookup(settings, cohort)


def write_drift(settings: Settings) -> None:
    """The verdicts of a calm month and of a drifted one, each with a page beside it."""
    reports = settings.monitoring_dir / "reports"
    reports.mkdir(parents=True)
    for cohort, psi in (("2024-02", 0.02), ("2024-03", 0.64)):
        drifted = ["EXT_SOURCE_2"] if psi > 0.1 else []
        verdict = {
            "cohort": cohort,
            "drifted": bool(drifted),
            "drift_share": len(drifted) / 4,
            "threshold": 0.2,
            "drifted_columns": drifted,
            "columns": {"EXT_SOURCE_2": psi, "AMT_CREDIT": 0.01, "DAYS_BIRTH": 0.03, "OCCUPATION_TYPE": None},
        }
        (reports / f"{cohort}.json").write_text(json.dumps(verdict), "utf-8")
        page = f"<!doctype html><html><body><h1>Evidently on {cohort}</h1><script>void 0</script></body></html>"
        (reports / f"{cohort}.html").write_text(page, "utf-8")


@pytest.fixture(scope="session")
def version_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_version(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def scorer(version_folder: Path) -> Scorer:
    return Scorer.load(version_folder, "3")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty data folder, whatever the environment says."""
    return Settings(_env_file=None, data_dir=tmp_path, api_key=None, api_max_body_bytes=50_000)


@pytest.fixture
def api(settings: Settings, scorer: Scorer) -> Iterator[TestClient]:
    """The API with a model, a mart and drift reports."""
    write_lake(settings)
    write_drift(settings)
    with local(create_app(settings, lambda: scorer)) as client:
        yield client


def local(app: object) -> TestClient:
    """A client that seems to come over the loopback interface."""
    return TestClient(app, base_url="http://127.0.0.1:8000")  # type: ignore[arg-type]
