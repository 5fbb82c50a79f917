"""The compose file: order, secrets, ports, volumes, rights; and what Prometheus and Grafana are told."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from credit_platform_tests.containers.files import DOCKER, TARGETS, carried_by, compose, stages
from serving.metrics import Metrics
from serving.problems import KINDS

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
ONCE = {name for name, service in SERVICES.items() if service["restart"] == "no"}
VARIABLE = re.compile(r"\$\{(\w+)(:[?-][^}]*)?\}")


def given() -> dict[str, str]:
    lines = (DOCKER / ".env.example").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_everything_of_the_platform_is_there_by_profile() -> None:
    core = {"postgres", "mlflow", "webserver", "daemon", "code-location", "api", "ui"}
    by_profile = {p: {n for n, s in SERVICES.items() if p in s["profiles"]} for p in ("core", "observability")}
    assert by_profile["core"] == core | ONCE
    assert by_profile["observability"] == core | ONCE | {"prometheus", "grafana"}


def test_built_images_are_targets_of_the_dockerfile_and_every_other_one_has_a_version() -> None:
    built = {s["image"]: s["build"]["target"] for s in SERVICES.values() if "build" in s}
    assert sorted(built.values()) == sorted(TARGETS)
    for service in SERVICES.values():
        assert service["image"] in built or re.search(r":v?\d+(\.\d+)*(-\w+)?$", service["image"]), service["image"]


def test_services_start_in_the_order_of_their_health() -> None:
    targets = {s["image"]: s["build"]["target"] for s in SERVICES.values() if "build" in s}
    for name, service in SERVICES.items():
        healthy = name in ONCE or "healthcheck" in service or stages()[targets[service["image"]]].all("HEALTHCHECK")
        assert healthy, name
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONCE else "service_healthy"
            assert how == {"condition": wanted}, (name, needed)
            assert set(service["profiles"]) <= set(SERVICES[needed]["profiles"])
    assert "depends_on" not in SERVICES["postgres"]


def test_nothing_starts_without_secrets_and_none_has_a_default() -> None:
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    needed = {name for name, rest in VARIABLE.findall(text) if rest.startswith(":?")}
    assert {name for name, rest in VARIABLE.findall(text) if not rest.startswith(":?")} == {"CREDIT_VERSION"}
    secrets = given()
    assert secrets.pop("COMPOSE_PROFILES") == "core"
    assert secrets == dict.fromkeys(needed, "")
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY$|_URL$", key) and "://" not in str(value):
                assert VARIABLE.fullmatch(value), (name, key)
            assert not re.search(r"://\w+:(?!\$\{)[^@/]*@", str(value)), (name, key)


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    for file in ("secrets.sh", ".env.example"):
        (tmp_path / file).write_bytes((DOCKER / file).read_bytes())
    first = subprocess.run(["sh", tmp_path / "secrets.sh"], check=True, capture_output=True, text=True)
    written = (tmp_path / ".env").read_text("utf-8")
    values = dict(line.split("=", 1) for line in written.splitlines() if line and not line.startswith("#"))
    assert set(values) == set(given())
    assert len(set(values.values())) == len(values)
    assert all(len(value) >= 44 for name, value in values.items() if name != "COMPOSE_PROFILES")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert not any(value in first.stdout for value in values.values() if len(value) > 10)
    subprocess.run(["sh", tmp_path / "secrets.sh"], check=True, capture_output=True)
    assert (tmp_path / ".env").read_text("utf-8") == written


def test_ports_are_published_on_this_machine_only_and_those_of_the_database_and_the_graph_not_at_all() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"mlflow", "webserver", "api", "ui", "prometheus", "grafana"}
    ports = [port for each in published.values() for port in each]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_volumes_are_named_used_and_laid_over_folders_that_the_images_have() -> None:
    named = {volume.split(":")[0] for s in SERVICES.values() for volume in s.get("volumes", ())}
    assert {name for name in named if not name.startswith(".")} == set(compose()["volumes"])
    for volume in (v for s in SERVICES.values() for v in s.get("volumes", ()) if v.startswith(".")):
        source, _, mode = volume.split(":")
        assert (DOCKER / source).exists(), source
        assert mode == "ro"
    (made,) = [rest for rest in stages()["runtime"].all("RUN") if rest.startswith("mkdir")]
    for service in (s for s in SERVICES.values() if s["image"].startswith("credit-platform-")):
        for volume in service.get("volumes", ()):
            place = volume.split(":")[1]
            assert any(word == place or word.startswith(f"{place}/") for word in made.split()), volume


def test_services_can_write_to_their_volumes_only_and_gain_no_rights() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["mem_limit"], name
        assert not service.get("privileged"), name
        assert name == "postgres" or "cap_add" not in service
    assert "data:/data:ro" in SERVICES["api"]["volumes"]
    assert "keys:/data/keys:ro" in SERVICES["api"]["volumes"]


def test_the_graph_is_given_neither_the_decision_log_nor_its_key() -> None:
    for name in set(SERVICES) - {"postgres", "migrate-decisions", "api"}:
        assert not any("DECISIONS" in key for key in SERVICES[name].get("environment", {})), name
    assert "decisions_owner" not in SERVICES["api"]["environment"]["CREDIT_DECISIONS_URL"]


def test_the_driver_of_each_database_is_in_the_image_that_asks_it() -> None:
    """An address without a driver is left to our own code, which takes psycopg."""
    targets = {s["image"]: s["build"]["target"] for s in SERVICES.values() if "build" in s}
    asked = [
        (targets[service["image"]], match[1])
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
        if (match := re.match(r"postgresql(?:\+(\w+))?://", str(value)))
    ]
    assert asked
    for target, driver in asked:
        assert ("psycopg2-binary" if driver == "psycopg2" else "psycopg") in carried_by(target), target
        assert driver == "psycopg2" or target in ("api", "code-location")


def test_mlflow_answers_by_the_name_that_others_call_it() -> None:
    (command,) = stages()["mlflow"].all("CMD")
    words = json.loads(command)
    hosts = words[words.index("--allowed-hosts") + 1].split(",")
    asked = {
        s["environment"]["CREDIT_MLFLOW_TRACKING_URI"] for n, s in SERVICES.items() if n in ("api", "code-location")
    }
    assert asked == {"http://mlflow:5000"}
    assert "mlflow:5000" in hosts


def _dashboards() -> list[tuple[str, str]]:
    return [
        (f"{path.stem}: {panel['title']}", target["expr"])
        for path in sorted((DOCKER / "grafana" / "dashboards").glob("*.json"))
        for panel in json.loads(path.read_text("utf-8"))["panels"]
        for target in panel["targets"]
    ]


def _rules() -> list[tuple[str, str]]:
    rules = yaml.safe_load((DOCKER / "prometheus" / "alerts.yaml").read_text("utf-8"))
    return [(rule["alert"], rule["expr"]) for group in rules["groups"] for rule in group["rules"]]


def _exposed() -> dict[str, set[str]]:
    """Every series that the API has, with its labels."""
    metrics = Metrics()
    metrics.answered("GET", "/", 200, 0.1)
    metrics.refused("unauthorised")
    metrics.decided("approve", 0.1, "1")
    metrics.serves("model", "1")
    metrics.recorded(0.1, 1)
    metrics.not_recorded()
    series = [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    found: dict[str, set[str]] = {"up": {"job", "instance"}}
    for line in series:
        name, _, labels = line.partition(" ")[0].partition("{")
        found.setdefault(name, {"job", "instance"}).update(re.findall(r"(\w+)=", labels))
    return found


@pytest.mark.parametrize(("place", "expression"), [*_dashboards(), *_rules()], ids=lambda value: str(value)[:40])
def test_an_expression_is_promql_over_series_and_labels_that_the_api_has(place: str, expression: str) -> None:
    promql_parser.parse(expression)
    exposed = _exposed()
    used = set(re.findall(r"\b(credit_\w+|up)\b", expression))
    assert used, place
    assert used <= set(exposed), place
    labels = set().union(*(exposed[name] for name in used))
    matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    grouped = [label.strip() for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in group.split(",")]
    assert {*matched, *grouped} <= labels, place


def test_reasons_that_alerts_name_are_kinds_of_refusals() -> None:
    named = {reason for _, expression in _rules() for reason in re.findall(r'reason="([^"]+)"', expression)}
    assert named <= set(KINDS)


def test_prometheus_asks_the_api_with_the_key_that_was_made_for_it() -> None:
    config = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["api"]["authorization"]["credentials_file"] == "/keys/prometheus"
    assert jobs["api"]["static_configs"] == [{"targets": ["api:8000"]}]
    assert "keys:/keys:ro" in SERVICES["prometheus"]["volumes"]
    assert "/data/keys/prometheus" in SERVICES["keys"]["command"][-1]
    assert config["rule_files"] == ["alerts.yaml"]


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    source = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    (found,) = source["datasources"]
    assert found["url"] == "http://prometheus:9090"
    provider = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/credit-platform.yaml").read_text("utf-8"))
    folder = provider["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{folder}:ro" in SERVICES["grafana"]["volumes"]
    for path in (DOCKER / "grafana" / "dashboards").glob("*.json"):
        panels = json.loads(path.read_text("utf-8"))["panels"]
        assert {panel["datasource"]["uid"] for panel in panels} == {found["uid"]}
