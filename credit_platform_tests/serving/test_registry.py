"""The API over a real registry: the champion is found, followed and shown with its card, and old versions replay."""

from pathlib import Path

import pytest

from credit_platform.model import registry
from credit_platform.model.card import CARD
from credit_platform.settings import Settings
from credit_platform_tests.serving.conftest import local
from credit_platform_tests.serving.server import until
from credit_platform_tests.serving.test_decisions import BAD, ask
from credit_platform_tests.worlds import register
from serving.app import create_app


def test_the_champion_of_the_registry_is_served_followed_and_replayed_later(
    settings: Settings, version_folder: Path
) -> None:
    with local(create_app(settings, patience=0.05)) as api:
        assert api.get("/v1/health").status_code == 503
        first = register(settings, version_folder, settings.model_alias)
        until(lambda: api.get("/v1/health").status_code == 200, 60)
        assert api.get("/v1/model/card").status_code == 404
        registry.attach(settings, first, f"{CARD}.html", "<!doctype html><h1>Model card</h1>")
        page = api.get("/v1/model/card")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "script" not in page.headers["content-security-policy"]
        assert "<h1>Model card</h1>" in page.text
        answer = ask(api, "/v1/predict", BAD)
        second = register(settings, version_folder, settings.model_alias)
        until(lambda: api.get("/v1/health").json()["model_version"] == second, 60)
        assert answer["model_version"] == first != second
    # A process that never had the first version in force.
    with local(create_app(settings)) as api:
        assert api.post(f"/v1/decisions/{answer['decision_id']}/replay").json()["identical"]


@pytest.mark.parametrize("path", ["/v1/model", "/model"])
def test_the_model_tells_its_interval_review_zone_scale_and_card(settings: Settings, path: str, scorer: object) -> None:
    with local(create_app(settings, lambda: scorer)) as api:  # type: ignore[arg-type, return-value]
        model = api.get(path).json()
    threshold = model["threshold"]
    assert threshold["low"] <= threshold["value"] <= threshold["high"]
    assert threshold["review_low"] <= threshold["value"] <= threshold["review_high"]
    assert model["scale"]["points_to_double"] == 20
    assert [grade["name"] for grade in model["scale"]["grades"]] == ["A", "B", "C"]
    assert model["card"] == "/v1/model/card"
