"""One client, one number: by the API, from raw records, in a batch, replayed and through MLflow, on a whole sample."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import buckets, table_path
from credit_platform.mart.buckets import build_cohort
from credit_platform.mart.lookup import publish_lookup
from credit_platform.raw.ingest import ingest
from credit_platform.scoring.batch import score_cohort
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local
from credit_platform_tests.worlds import fit_version
from serving.app import create_app

COHORT = "2025-01"
FROM_RECORDS = 3
"""How many of the clients are decided on from raw records as well; each takes a good part of a second."""


def rows_of(settings: Settings, table: str) -> list[dict[str, Any]]:
    return [row for path in buckets(table_path(settings, table, COHORT)) for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Settings:
    """The first committed cohort in the lake, mart and look-up table included."""
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("parity"), api_key=None)
    land(settings, samples / COHORT)
    for name in TABLE_NAMES:
        ingest(settings, name, COHORT)
    build_cohort(settings, COHORT)
    publish_lookup(settings, COHORT)
    return settings


@pytest.fixture(scope="module")
def version(sample: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that reads every fifth column of the mart, and all categories."""
    (file,) = buckets(table_path(sample, "client_mart", COHORT))
    mart = pq.read_table(file)
    features = []
    for i, field in enumerate(mart.schema):
        if pa.types.is_string(field.type):
            known = tuple(sorted(set(mart.column(field.name).drop_null().to_pylist())))
            features.append(Feature(field.name, "category", known))
        elif field.name != "SK_ID_CURR" and (i % 5 == 0 or field.name.startswith("EXT_SOURCE")):
            features.append(Feature(field.name, "numeric"))
    schema = FeatureSchema(tuple(features), (COHORT,))
    score = mart.column("EXT_SOURCE_2").fill_null(0.5).to_numpy()
    defaulted = (np.random.default_rng(1).random(len(score)) > score).astype(int)
    return fit_version(tmp_path_factory.mktemp("parity-model") / "scorer", schema, mart, defaulted, mart, 0.5)


@pytest.fixture(scope="module")
def api(sample: Settings, version: Path) -> Iterator[TestClient]:
    with local(create_app(sample, lambda: Scorer.load(version, "3"))) as client:
        yield client


@pytest.fixture(scope="module")
def decided(api: TestClient, sample: Settings) -> dict[int, dict[str, Any]]:
    """What the API decides on every client by their id."""
    clients = [row["SK_ID_CURR"] for row in rows_of(sample, "client_mart")]
    answers = {client: api.post(f"/v1/clients/{client}/decision") for client in clients}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {client: answer.json() for client, answer in answers.items()}


def numbers(answer: dict[str, Any]) -> list[Any]:
    return [answer[name] for name in ("probability_of_default", "score", "grade", "decision", "threshold")]


def test_the_sample_holds_all_decisions_and_many_probabilities(decided: dict[int, dict[str, Any]]) -> None:
    assert {answer["decision"] for answer in decided.values()} == {"approve", "refuse"}
    assert len({answer["probability_of_default"] for answer in decided.values()}) > len(decided) / 2


def test_features_sent_by_the_caller_are_decided_on_as_those_of_the_mart(
    api: TestClient, decided: dict[int, dict[str, Any]]
) -> None:
    for client, answer in decided.items():
        sent = api.post("/v1/predict", json=api.get(f"/v1/clients/{client}").json()).json()
        assert numbers(sent) == numbers(answer)
        assert sent["reasons"] == answer["reasons"]


def test_replays_are_identical(api: TestClient, decided: dict[int, dict[str, Any]]) -> None:
    for answer in decided.values():
        replay = api.post(f"/v1/decisions/{answer['decision_id']}/replay").json()
        assert replay["identical"], replay["differences"]
        assert numbers(replay) == numbers(answer)


def test_the_scores_of_the_cohort_are_those_of_the_api(
    sample: Settings, version: Path, decided: dict[int, dict[str, Any]]
) -> None:
    score_cohort(sample, Scorer.load(version, "3"), COHORT)
    scores = {row["SK_ID_CURR"]: numbers(row) for row in rows_of(sample, "scores")}
    assert scores == {client: numbers(answer) for client, answer in decided.items()}


def test_a_mart_file_sent_as_a_batch_is_decided_on_alike(
    api: TestClient, sample: Settings, decided: dict[int, dict[str, Any]]
) -> None:
    (file,) = buckets(table_path(sample, "client_mart", COHORT))
    with file.open("rb") as content:
        answer = api.post("/v1/predict/batch?format=ndjson&reasons=4", files={"file": ("mart.parquet", content)})
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert {row["SK_ID_CURR"]: numbers(row) for row in rows} == {c: numbers(a) for c, a in decided.items()}
    for row in rows:
        given = [row[f"reason_{i}"] for i in range(1, 5) if row[f"reason_{i}"]]
        assert given == [reason["text"] for reason in decided[row["SK_ID_CURR"]]["reasons"]]


def test_raw_records_are_decided_on_as_the_mart_that_was_made_of_them(
    api: TestClient, sample: Settings, decided: dict[int, dict[str, Any]]
) -> None:
    raw = {name: rows_of(sample, f"raw_{name}") for name in TABLE_NAMES}
    for client in list(decided)[:: len(decided) // FROM_RECORDS][:FROM_RECORDS]:
        own = {name: [row for row in rows if row.get("SK_ID_CURR") == client] for name, rows in raw.items()}
        theirs = {row["SK_ID_BUREAU"] for row in own["bureau"]}
        own["bureau_balance"] = [row for row in raw["bureau_balance"] if row["SK_ID_BUREAU"] in theirs]
        (application,) = own.pop("application")
        answer = api.post("/v1/applications/decision", json={"application": application, "history": own}).json()
        assert numbers(answer) == numbers(decided[client])
        assert answer["source"]["empty_tables"] == [name for name, rows in own.items() if not rows]
        of_mart = set(decided[client]["source"]["empty_tables"])
        assert of_mart == set(answer["source"]["empty_tables"]) - {"bureau_balance"}


def test_mlflows_generic_model_gives_the_same_numbers(
    sample: Settings, version: Path, decided: dict[int, dict[str, Any]], tmp_path: Path
) -> None:
    import mlflow

    from credit_platform.scoring import pyfunc

    mlflow.pyfunc.save_model(tmp_path / "model", python_model=pyfunc.__file__, artifacts={"scorer": str(version)})
    rows = pq.read_table(buckets(table_path(sample, "client_mart", COHORT))[0]).to_pandas()
    found = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(rows)
    expected = [decided[client]["probability_of_default"] for client in rows["SK_ID_CURR"]]
    assert np.abs(found["probability_of_default"].to_numpy() - expected).max() <= 1e-12
    assert found["decision"].tolist() == [decided[client]["decision"] for client in rows["SK_ID_CURR"]]
