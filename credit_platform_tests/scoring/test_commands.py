"""The command line scores files and cohorts, and looks after the decision log, as a person types it."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from credit_platform import cli
from credit_platform.model import registry
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from credit_platform_tests.serving.decisions.making import decision, personal
from credit_platform_tests.tables import put
from credit_platform_tests.worlds import applicants
from serving.decisions.log import DecisionLog

TABLE = applicants(120, seed=12)


@pytest.fixture
def settings(tmp_path: Path, version_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a data folder whose champion is the small version."""
    own = Settings(_env_file=None, data_dir=tmp_path / "data")
    monkeypatch.setattr(cli, "settings", lambda: own)
    monkeypatch.setattr(registry, "fetch", lambda _: registry.Version("7", "run", version_folder))
    monkeypatch.setenv("COLUMNS", "200")
    return own


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    return " ".join((result.stdout + result.stderr).split())


def written(tmp_path: Path, name: str) -> Path:
    """The applicants as a file of that kind."""
    path = tmp_path / name
    if name.endswith(".parquet"):
        pa.parquet.write_table(TABLE, path, row_group_size=50)
    else:
        pa.csv.write_csv(TABLE, path)
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(path.read_bytes()))
    return path


@pytest.mark.parametrize("name", ["clients.csv", "clients.csv.gz", "clients.parquet"])
@pytest.mark.parametrize("out", ["scores.csv", "scores.parquet"])
def test_a_file_is_scored_as_its_rows_are(
    settings: Settings, scorer: Scorer, tmp_path: Path, name: str, out: str
) -> None:
    result = call("score", written(tmp_path, name), "--out", tmp_path / out)
    assert result.exit_code == 0, said(result)
    assert "scored 120 clients by version 7" in said(result)
    read: Any = pa.csv.read_csv if out.endswith("csv") else pa.parquet.read_table
    rows = read(tmp_path / out).to_pylist()
    for row, client in zip(rows, TABLE.to_pylist(), strict=True):
        alone = scorer.score_row(client)
        assert row["SK_ID_CURR"] == client["SK_ID_CURR"]
        assert row["probability_of_default"] == alone.probability_of_default
        assert (row["score"], row["grade"], row["decision"]) == (alone.score, alone.grade, alone.decision)


def test_reasons_are_those_of_each_client_alone(settings: Settings, scorer: Scorer, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    result = call("score", written(tmp_path, "c.parquet"), "--out", out, "--reasons", "2", "--language", "fr")
    assert result.exit_code == 0, said(result)
    for row, client in zip(pa.parquet.read_table(out).to_pylist(), TABLE.to_pylist(), strict=True):
        texts = [reason.text for reason in scorer.score_row(client, "fr", 2).reasons]
        assert [text for text in (row["reason_1"], row["reason_2"]) if text] == texts


def test_a_cohort_is_scored_from_its_mart(settings: Settings, scorer: Scorer, tmp_path: Path) -> None:
    put(settings, "client_mart", "2025-01", TABLE.slice(0, 50), TABLE.slice(50))
    out = tmp_path / "scores.parquet"
    assert call("score", "--cohort", "2025-01", "--out", out).exit_code == 0
    found = pa.parquet.read_table(out)
    assert found.column("SK_ID_CURR").to_pylist() == TABLE.column("SK_ID_CURR").to_pylist()
    assert found.column("probability_of_default").to_pylist() == scorer.table_probabilities(TABLE).tolist()


def test_what_can_not_be_scored_is_said_and_leaves_what_was_there(settings: Settings, tmp_path: Path) -> None:
    out, wrong = tmp_path / "scores.csv", tmp_path / "wrong.csv"
    out.write_text("as it was")
    wrong.write_text("SK_ID_CURR,EXT_SOURCE_2\n1,0.5\n2,high\n")
    good = written(tmp_path, "good.csv")
    for arguments, words in [
        ((wrong, "--out", out), "wrong.csv column 2, line 3 does not hold what the model reads there"),
        ((tmp_path / "none.csv", "--out", out), "none.csv"),
        (("--cohort", "2031-01", "--out", out), "2031-01"),
        (("--out", out), "either a file or --cohort"),
        ((good, "--cohort", "2025-01", "--out", out), "either a file or --cohort"),
        ((good, "--out", tmp_path / "scores.xlsx"), ".xlsx"),
    ]:
        result = call("score", *arguments)
        assert result.exit_code == 1
        assert words in said(result)
    assert out.read_text() == "as it was"


def test_without_a_log_the_commands_on_it_say_so_and_make_none(settings: Settings) -> None:
    for command in (["verify-log"], ["erase-client", "7", "--by", "me"], ["retain-decisions"]):
        result = call(*command)
        assert result.exit_code == 1
        assert "There is no decision log" in said(result)
    assert not settings.data_dir.exists()


def test_a_log_is_verified_and_a_client_erased_from_it(settings: Settings) -> None:
    with DecisionLog.open(settings) as log:
        kept, erased = (log.record(decision(), personal(client=client)).id for client in ("branch-9", 100_002))
    assert "the log is whole: 2 entries, 2 decisions, 0 of them erased" in said(call("verify-log"))
    result = call("erase-client", "100002", "--by", "the officer")
    assert "erased 1 decisions; proof: " in said(result)
    assert call("erase-client", "100002", "--by", "the officer").exit_code == 1
    assert "3 entries, 2 decisions, 1 of them erased" in said(call("verify-log"))
    assert "0 decisions are older than 1,826 days" in said(call("retain-decisions"))
    with DecisionLog.open(settings) as log:
        assert log.get(erased).personal is None
        assert log.get(kept).personal is not None
        head = log.head_file.read_text()
        log.head_file.write_text(head.replace('"sequence": 3', '"sequence": 9'))
    tampered = call("verify-log")
    assert tampered.exit_code == 1
    assert "not what was written" in said(tampered)
