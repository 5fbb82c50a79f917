"""What happens to decisions when processes die, disks are full and databases go away."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from credit_platform.settings import Settings
from credit_platform_tests.serving.decisions.making import Intruder, decision, personal
from serving.decisions import database
from serving.decisions.erasure import erase
from serving.decisions.errors import DecisionLogError
from serving.decisions.log import DecisionLog
from serving.decisions.verification import verify

REPOSITORY = Path(__file__).parents[3]


@contextmanager
def writing(settings: Settings, threads: int, each: int) -> Iterator["subprocess.Popen[str]"]:
    module = "credit_platform_tests.serving.decisions.writing"
    arguments = [str(settings.data_dir), settings.decisions_url.get_secret_value(), str(threads), str(each)]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_after_kill_9_every_acknowledged_decision_is_on_record(settings: Settings) -> None:
    with writing(settings, threads=8, each=100_000) as process:
        assert process.stdout
        acknowledged = [process.stdout.readline().strip() for _ in range(150)]
        process.kill()
        acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    with DecisionLog.open(settings, create=False) as log:
        recorded = {record.id for record in log.since(personal=False)}
        assert set(acknowledged) <= recorded
        # At most one decision per thread can be on record without having been acknowledged.
        assert len(recorded) <= len(acknowledged) + 8
        assert verify(log).problem is None
        log.record(decision(), personal())
        assert verify(log).entries == len(recorded) + 1


def test_processes_that_start_at_once_on_nothing_write_one_chain(settings: Settings) -> None:
    with (
        writing(settings, 4, 15) as first,
        writing(settings, 4, 15) as second,
        writing(settings, 4, 15) as third,
        DecisionLog.open(settings) as log,
    ):
        own = [log.record(decision(), personal(client="own")).id for _ in range(20)]
        acknowledged = [
            line for process in (first, second, third) for line in process.communicate(timeout=60)[0].split()
        ]
        assert [first.returncode, second.returncode, third.returncode] == [0, 0, 0]
        assert len(acknowledged) == 180
        assert {record.id for record in log.since()} == {*acknowledged, *own}
        assert [record.sequence for record in log.since()] == list(range(1, 201))
        assert len(log.of_client(3, limit=100)) == 45
        assert verify(log).problem is None


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A full disk, as far as this process can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_on_a_full_disk_nothing_is_half_recorded_and_later_it_goes_on(embedded: Settings) -> None:
    with DecisionLog.open(embedded) as log:
        first = log.record(decision(), personal())
        written_so_far = (embedded.data_dir / "decisions" / "decisions.db-wal").stat().st_size
        large = personal(inputs={str(number): f"{number * 7919 % 10_007}" for number in range(5000)})
        with no_file_larger_than(written_so_far + 5000):
            for _ in range(3):
                with pytest.raises(DecisionLogError, match="can't be written"):
                    log.record_all([(decision(), personal()), (decision(), large)])
            assert log.get(first.id).personal == personal()
        second = log.record(decision(), large)
        assert [record.id for record in log.since()] == [first.id, second.id]
        assert verify(log).problem is None


def test_a_log_that_can_only_be_read_takes_no_decisions(settings: Settings) -> None:
    with DecisionLog.open(settings) as log:
        made = log.record(decision(), personal())
    url = settings.decisions_url.get_secret_value()
    read_only = (
        f"{url}%20-cdefault_transaction_read_only%3Don"
        if url
        else f"sqlite:///file:{settings.data_dir / 'decisions' / 'decisions.db'}?mode=ro&uri=true"
    )
    with DecisionLog.open(settings.model_copy(update={"decisions_url": SecretStr(read_only)})) as log:
        with pytest.raises(DecisionLogError, match="can't be written"):
            log.record(decision(), personal())
        assert [record.id for record in log.since()] == [made.id]
        assert verify(log).problem is None


def test_a_table_that_is_gone_for_a_while_costs_only_the_decisions_of_that_while(
    log: DecisionLog, intruder: Intruder
) -> None:
    log.record(decision(), personal())
    intruder("alter table decision_keys rename to elsewhere")
    with pytest.raises(DecisionLogError) as told:
        log.record(decision(), personal(client="client-4711"))
    assert "client-4711" not in str(told.value)
    intruder("alter table elsewhere rename to decision_keys")
    log.record(decision(), personal())
    assert [record.sequence for record in log.since()] == [1, 2]
    assert verify(log).problem is None


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_connections_that_were_cut_are_replaced(log: DecisionLog, intruder: Intruder) -> None:
    log.record(decision(), personal())
    others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    assert intruder(f"select pg_terminate_backend(pid) {others}")
    log.record(decision(), personal())
    assert verify(log).entries == 2


def test_a_write_that_never_gets_its_turn_is_an_error(
    log: DecisionLog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PATIENCE_SECONDS", 1)
    with DecisionLog.open(settings) as impatient:
        with log.database.writing(), pytest.raises(DecisionLogError, match="can't be written"):
            impatient.record(decision(), personal())
        assert impatient.record(decision(), personal()).sequence == 1


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_role_that_may_only_append_is_all_the_api_needs(
    log: DecisionLog, intruder: Intruder, settings: Settings
) -> None:
    url = settings.decisions_url.get_secret_value()
    ((schema,),) = intruder("select current_schema()")
    for statement in (
        f"create role api_of_{schema} login",
        f"grant usage on schema {schema} to api_of_{schema}",
        f"grant select on decision_log_version, decision_secret, decision_records, decision_keys to api_of_{schema}",
        f"grant insert on decision_records, decision_keys to api_of_{schema}",
        f"grant delete on decision_keys to api_of_{schema}",
    ):
        intruder(statement)
    limited = settings.model_copy(update={"decisions_url": SecretStr(url.replace("tests@", f"api_of_{schema}@"))})
    with DecisionLog.open(limited) as api:
        made = api.record(decision(), personal())
        api.record_outcome(decision_id=made.id, defaulted=True, observed_on=made.at.date(), source="servicing")
        assert erase(api, 100002, by="dpo").decisions == 1
        assert verify(api).problem is None
    stranger = Intruder(limited)
    with pytest.raises(DBAPIError, match=r"must be owner|permission denied"):
        stranger.disarm()
    stranger.close()


def test_a_commit_waits_for_the_disk_whatever_the_server_says(settings: Settings) -> None:
    url = settings.decisions_url.get_secret_value()
    hasty = SecretStr(f"{url}%20-csynchronous_commit%3Doff" if url else "")
    with (
        DecisionLog.open(settings.model_copy(update={"decisions_url": hasty})) as log,
        log.database.writing() as connection,
    ):
        asked = "show synchronous_commit" if url else "pragma synchronous"
        assert connection.exec_driver_sql(asked).scalar_one() == ("on" if url else 2)  # 2 is FULL


@pytest.mark.parametrize("url", ["mysql://user:pa55word@host/db", "sqlite://", "nonsense", "postgresql:/pa55word"])
def test_a_url_that_is_none_is_refused_without_repeating_it(embedded: Settings, url: str) -> None:
    with pytest.raises(DecisionLogError) as told:
        DecisionLog.open(embedded.model_copy(update={"decisions_url": SecretStr(url)}))
    assert "pa55word" not in str(told.value)


def test_a_database_that_does_not_answer_is_told_without_its_password(embedded: Settings) -> None:
    url = SecretStr("postgresql://user:pa55word@127.0.0.1:1/db")
    with pytest.raises(DecisionLogError, match="can't be read") as told:
        DecisionLog.open(embedded.model_copy(update={"decisions_url": url}))
    assert "pa55word" not in str(told.value)


def test_looking_for_a_log_does_not_make_one(settings: Settings) -> None:
    with pytest.raises(DecisionLogError, match="There is no decision log"):
        DecisionLog.open(settings, create=False)
    assert list(settings.data_dir.iterdir()) == []


def test_tables_of_a_newer_program_are_left_alone(log: DecisionLog, intruder: Intruder, settings: Settings) -> None:
    intruder("update decision_log_version set version_num = 'r9999'")
    with pytest.raises(DecisionLogError, match="r9999"):
        DecisionLog.open(settings)
    intruder("update decision_log_version set version_num = 'r0001'")


def test_the_migrations_make_the_tables_that_the_program_expects(log: DecisionLog) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from serving.decisions.schema import VERSION_TABLE, metadata

    with log.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_the_log_imports_nothing_of_the_pipeline() -> None:
    script = """
import sys
import serving.decisions.erasure, serving.decisions.verification
heavy = {"alembic", "dagster", "fastapi", "mlflow", "pandas", "psycopg"}
print(sorted({m.partition(".")[0] for m in sys.modules} & heavy))
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
