"""The served OpenAPI against the API itself: generated requests never end in a 5xx, nor in a status, a media type or an
answer that it does not know.

CREDIT_GENERATED_REQUESTS=9000 generates thousands, not a few for each operation; --log-cli-level=INFO counts them.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from pydantic import SecretStr
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from credit_platform.alerting import sources, watch
from credit_platform.alerting.store import AlertStore
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.messages import INCOME
from credit_platform_tests.serving.conftest import local, write_drift, write_lake
from credit_platform_tests.serving.test_decisions import BAD
from serving.app import create_app

logger = logging.getLogger(__name__)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
KEY = "open sesame"
HEADERS = {"X-API-Key": KEY}
REQUESTS = int(os.environ.get("CREDIT_GENERATED_REQUESTS", "160"))


@pytest.fixture
def known() -> dict[str, object]:
    """Values of parameters that lead to something; what is generated hardly ever does."""
    return {"sk_id_curr": 100_001, "cohort": "2024-03"}


@pytest.fixture
def app(settings: Settings, scorer: Scorer, known: dict[str, object]) -> Iterator[FastAPI]:
    """An API with a model, a mart, drift reports, an incident and a decision on record."""
    write_lake(settings)
    write_drift(settings)
    watch.observe(settings, [sources.run_from("2024-03", [INCOME])])
    with AlertStore.of(settings) as store, store.reading() as read:
        known["alert_id"] = read.incidents()[0].id
    app = create_app(settings.model_copy(update={"api_key": SecretStr(KEY)}), lambda: scorer)
    with local(app) as api:
        answer = api.post("/v1/predict", json={"features": BAD}, headers=HEADERS)
        known["decision_id"] = answer.json()["decision_id"]
        yield app


def test_generated_requests_end_in_what_openapi_says(app: FastAPI, known: dict[str, object]) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS)
    del schema.raw_schema["security"]  # else half of the requests would end at the door
    operations = [found.ok() for found in schema.get_all_operations()]
    statuses: Counter[tuple[str, int]] = Counter()
    for operation in operations:
        for mode in GenerationMode:
            examples = max(1, REQUESTS // (2 * len(operations)))

            @seed(20)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.quiet,
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def generated(case: Case) -> None:
                if statuses.total() % 3 == 0:
                    case.path_parameters |= {n: known[n] for n in case.path_parameters if n in known}
                answer = case.call(headers=HEADERS)
                statuses[case.operation.label, answer.status_code] += 1
                case.validate_response(answer, checks=CHECKS)

            with suppress(Unsatisfiable):  # where nothing can be wrong with a request
                generated()
    assert {label for label, _ in statuses} == {operation.label for operation in operations}
    logger.info("%d requests: %s", statuses.total(), dict(statuses))


def test_every_operation_is_documented_with_an_example_and_its_refusals(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert all(path.startswith("/v1/") for path in document["paths"])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert {"200", "401", "403", "429", "500", "503"} <= set(operation["responses"]), path
            if body := operation.get("requestBody"):
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert schemas[name].get("examples") or schemas[name]["properties"], (path, method)


def test_every_path_is_answered_without_its_version_too(api: TestClient) -> None:
    for path in ("/health", "/ready", "/metrics", "/model", "/clients", "/clients/100001", "/drift", "/alerts"):
        bare, versioned = api.get(path), api.get(f"/v1{path}")
        assert bare.status_code == versioned.status_code == 200
        if path != "/metrics":
            assert bare.json() == versioned.json()
