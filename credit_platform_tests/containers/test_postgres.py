"""PostgreSQL as the containers use it: databases and roles by init.sh, then Dagster, MLflow and the log on a server."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import httpx
import psycopg
import pytest
from click.testing import CliRunner as ClickRunner
from pydantic import SecretStr
from typer.testing import CliRunner

from credit_platform import cli
from credit_platform.model import registry
from credit_platform.model.registry import CHALLENGER
from credit_platform.runner import open_instance, register_cohorts, run_job
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.conftest import COHORT
from credit_platform_tests.containers.files import DOCKER, compose
from credit_platform_tests.postgres import postgres
from credit_platform_tests.serving.decisions.making import decision, personal
from credit_platform_tests.worlds import write_version
from serving.decisions.erasure import erase
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify

pytestmark = pytest.mark.xdist_group("containers")

ROLES = ("dagster", "mlflow", "alerts", "decisions", "decisions_owner")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server on which init.sh has been run as the image of PostgreSQL runs it; a role is its password."""
    try:
        with postgres() as url:
            port = int(url.rsplit(":", 1)[1])
            words = {
                f"{role.upper()}_PASSWORD" if role == "decisions_owner" else f"{role.upper()}_DB_PASSWORD": role
                for role in ROLES
            }
            environment = os.environ | words | {"POSTGRES_USER": "tests", "PGHOST": "127.0.0.1", "PGPORT": str(port)}
            subprocess.run(["sh", DOCKER / "postgres" / "init.sh"], env=environment, check=True, timeout=60)
            yield port
    except FileNotFoundError as error:
        pytest.skip(f"{error}: `apt-get install postgresql` to run this")


def address(port: int, role: str, database: str = "") -> str:
    return f"postgresql://{role}:{role}@127.0.0.1:{port}/{database or role}"


def of_log(settings: Settings, port: int, role: str) -> Settings:
    """The settings with the decision log of the containers, asked as a role."""
    url, key = SecretStr(address(port, role, "decisions")), SecretStr("A" * 43 + "=")
    return settings.model_copy(update={"decisions_url": url, "decisions_key": key})


@pytest.mark.parametrize(("role", "database"), [("dagster", "decisions"), ("mlflow", "dagster"), ("alerts", "mlflow")])
def test_a_role_reaches_its_own_database_only(port: int, role: str, database: str) -> None:
    with psycopg.connect(address(port, role)):
        pass
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(address(port, role, database))


def test_the_api_adds_to_the_log_that_was_migrated_for_it_and_can_change_nothing(
    port: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "settings", lambda: of_log(settings, port, "decisions_owner"))
    for _ in range(2):
        assert CliRunner().invoke(cli.app, ["migrate", "--grant", "decisions"]).exit_code == 0
    with DecisionLog.open(of_log(settings, port, "decisions")) as log:
        log.record(decision(), personal(client=1))
        assert erase(log, 1, "a person").decisions == 1
        assert verify(log).problem is None
    for statement in (
        "update decision_records set body = '{}'",
        "delete from decision_records",
        "truncate decision_records",
        "drop table decision_records",
        "alter table decision_records disable trigger all",
        "update decision_keys set client = null",
        "create table mine (a int)",
    ):
        with psycopg.connect(address(port, "decisions")) as connection, pytest.raises(psycopg.Error):
            connection.execute(statement)


def test_granting_to_a_role_that_is_not_there_says_so(
    port: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "settings", lambda: of_log(settings, port, "decisions_owner"))
    refused = CliRunner().invoke(cli.app, ["migrate", "--grant", "nobody_there"])
    assert refused.exit_code == 1
    assert "The decision log can't be written" in refused.stderr


def test_the_graph_runs_on_the_instance_of_the_containers(
    port: int, landed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    config = (DOCKER / "dagster.yaml").read_text("utf-8")
    config = config.replace("port: 5432", f"port: {port}").replace("/data/dagster", str(tmp_path / "data" / "dagster"))
    (home / "dagster.yaml").write_text(config, "utf-8")
    for name, value in (
        ("DAGSTER_HOME", str(home)),
        ("DAGSTER_DB_HOST", "127.0.0.1"),
        ("DAGSTER_DB_PASSWORD", "dagster"),
    ):
        monkeypatch.setenv(name, value)
    with open_instance(landed) as instance:
        register_cohorts(instance, landed)
        outcome = run_job("build_mart", landed, [COHORT], instance)
        assert outcome.errors == {}
    with open_instance(landed) as instance:
        assert instance.get_dynamic_partitions("cohort") == [COHORT]
        assert instance.get_materialized_partitions(dg.AssetKey("client_mart")) == {COHORT}
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
    with psycopg.connect(address(port, "dagster")) as connection:
        assert connection.execute("select count(*) from event_logs").fetchone() != (0,)
    # The image's own folder is read-only.
    assert [path.name for path in home.iterdir()] == ["dagster.yaml"]


@pytest.fixture
def mlflow_server(port: int, tmp_path: Path) -> Iterator[str]:
    """MLflow's server on PostgreSQL, migrated and started by the commands of the image; artifacts come through it."""
    from mlflow.db import commands

    (variable,) = compose()["services"]["mlflow"]["environment"]
    scheme = compose()["services"]["mlflow"]["environment"][variable].partition(":")[0]
    backend = address(port, "mlflow").replace("postgresql", scheme, 1)
    upgraded = ClickRunner().invoke(commands, ["upgrade", backend])
    assert upgraded.exit_code == 0, upgraded.output
    program = Path(sys.executable).with_name("mlflow")
    environment = os.environ | {variable: backend, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
    words = ["server", "--host", "127.0.0.1", "--port", str(own), "--workers", "1"]
    words += ["--artifacts-destination", str(tmp_path / "artifacts"), "--allowed-hosts", "mlflow:5000,127.0.0.1:*"]
    with (tmp_path / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *words], env=environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{own}"
        deadline = time.monotonic() + 60
        while not _healthy(url):
            assert process.poll() is None, (tmp_path / "mlflow.log").read_text("utf-8")
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.2)
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False, timeout=5).is_success
    except httpx.TransportError:
        return False


def test_versions_are_kept_by_mlflow_on_postgresql_and_come_back_through_its_server(
    mlflow_server: str, port: int, settings: Settings, tmp_path: Path
) -> None:
    import mlflow

    there = settings.model_copy(update={"mlflow_tracking_uri": mlflow_server})
    registry.client(there)
    folder = shutil.copytree(write_version(tmp_path / "version"), tmp_path / registry.SCORER)
    schema = Scorer.load(folder, "0").schema
    with mlflow.start_run(experiment_id=mlflow.set_experiment(there.mlflow_experiment).experiment_id):
        mlflow.log_metric("auc", 0.75)
        number = registry.log_version(there, folder, schema)
    registry.point(there, there.model_alias, number)
    registry.point(there, CHALLENGER, number)
    found = registry.fetch(there)
    assert found.number == number == registry.number_under(there, CHALLENGER)
    assert {path.name for path in found.folder.iterdir()} == {path.name for path in folder.iterdir()}
    with psycopg.connect(address(port, "mlflow")) as connection:
        assert connection.execute("select value from latest_metrics where key = 'auc'").fetchone() == (0.75,)
        assert connection.execute("select count(*) from registered_model_aliases").fetchone() == (2,)
    search = f"{mlflow_server}/api/2.0/mlflow/registered-models/search"
    for host, status in (("mlflow:5000", 200), ("evil.example", 403)):
        assert httpx.get(search, headers={"Host": host}, trust_env=False).status_code == status
