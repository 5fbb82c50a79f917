"""The command line, as a person types it."""

import gzip
import json
import os
import shutil
from errno import ENOSPC
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from credit_platform import cli, quarantine
from credit_platform.lake import current, table_path
from credit_platform.settings import Settings
from credit_platform_tests.tables import put

pytestmark = pytest.mark.xdist_group("graph")

SAMPLES = Path(__file__).parent.parent / "data" / "samples"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the command line runs with: a data folder and a Dagster instance of the test's own."""
    own = Settings(_env_file=None, data_dir=tmp_path / "data")
    monkeypatch.setattr(cli, "settings", lambda: own)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("COLUMNS", "200")
    return own


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    """All that was written, on one line: rich wraps where the terminal ends."""
    return " ".join((result.stdout + result.stderr).split())


def test_running_with_nothing_landed_says_what_to_do_first(settings: Settings) -> None:
    result = call("run")
    assert result.exit_code == 1
    assert "No cohort has been landed." in said(result)
    assert "credit-platform simulate" in said(result)


def test_landing_a_bad_delivery_names_file_and_column_and_lands_nothing(settings: Settings, tmp_path: Path) -> None:
    delivery = shutil.copytree(SAMPLES / "2025-03", tmp_path / "2025-03")
    path = delivery / "application.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.replace("SK_ID_CURR", "CLIENT", 1).encode()))
    result = call("land", delivery)
    assert result.exit_code == 1
    assert "Nothing was landed." in said(result)
    assert "application.csv.gz, column SK_ID_CURR: the column is missing" in said(result)
    assert not settings.landing_dir.exists() or not list(settings.landing_dir.iterdir())


def test_landing_on_a_full_disk_says_so_in_a_sentence(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    result = call("land", SAMPLES / "2025-03")
    assert result.exit_code == 1
    assert "Nothing was landed: no room for the delivered files (No space left on device):" in said(result)


def test_landing_a_folder_that_is_not_there_says_so(settings: Settings, tmp_path: Path) -> None:
    result = call("land", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "does not exist" in said(result)


def test_a_landed_cohort_can_be_run_and_another_one_is_not_known(settings: Settings) -> None:
    landed = call("land", SAMPLES / "2025-03")
    assert landed.exit_code == 0, said(landed)
    assert "landed cohort 2025-03: " in said(landed)
    assert json.loads((settings.landing_dir / "2025-03" / "delivery.json").read_text())["rows"]["application"] == 400

    unknown = call("run", "--cohort", "2031-01")
    assert unknown.exit_code == 1
    assert "No cohort '2031-01' has been landed; there are: 2025-03" in said(unknown)

    done = call("run", "--job", "build_mart")
    assert done.exit_code == 0, said(done)
    assert "400 clients" in said(done)
    assert str(settings.lake_dir) in said(done).replace(" ", "")
    assert table_path(settings, "client_mart", "2025-03").exists()


def test_training_without_any_outcomes_fails_with_a_sentence_not_a_traceback(settings: Settings) -> None:
    assert call("land", SAMPLES / "2025-03").exit_code == 0
    result = call("run", "--job", "train")
    assert result.exit_code == 1
    assert "feature_splits failed: no landed cohort has known outcomes" in said(result)
    assert "Traceback" not in said(result)


def test_simulating_an_unknown_scenario_lists_the_known_ones(tmp_path: Path) -> None:
    result = call("simulate", "--out", tmp_path / "out", "--scenario", "earthquake")
    assert result.exit_code == 2
    assert "'earthquake' is not one of" in said(result)
    assert "stable" in said(result)
    assert not (tmp_path / "out").exists()


def test_simulating_into_a_folder_with_content_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", "utf-8")
    result = call("simulate", "--out", tmp_path / "full", "--clients", "100", "--cohorts", "1")
    assert result.exit_code == 1
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["mine.txt"]


def test_a_simulated_delivery_can_be_landed(settings: Settings, tmp_path: Path) -> None:
    wrote = call("simulate", "--out", tmp_path / "out", "--clients", "100", "--cohorts", "1", "--format", "csv.gz")
    assert wrote.exit_code == 0, said(wrote)
    assert "wrote 1 delivery" in said(wrote)
    landed = call("land", tmp_path / "out")
    assert landed.exit_code == 0, said(landed)
    assert "landed cohort 2025-01: 100 applications, " in said(landed)


def test_versions_are_listed_and_an_older_one_is_restored(settings: Settings) -> None:
    older, newer = (put(settings, "client_mart", "2025-03", pa.table({"a": [row]})) for row in (1, 2))
    listed = call("versions", "client_mart", "2025-03")
    assert listed.exit_code == 0, said(listed)
    lines = listed.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [older.id, newer.id]
    assert ["in force" in line for line in lines] == [False, True]
    assert "1 rows" in lines[0]

    restored = call("restore", "client_mart", "2025-03", older.id)
    assert restored.exit_code == 0, said(restored)
    assert f"client_mart of cohort 2025-03 is version {older.id} again" in said(restored)
    assert current(settings, "client_mart", "2025-03") == older


def test_a_table_without_cohorts_has_versions_too(settings: Settings) -> None:
    older, _ = (put(settings, "feature_splits", None, pa.table({"a": [row]})) for row in (1, 2))
    assert call("versions", "feature_splits").stdout.startswith(older.id)
    assert call("restore", "feature_splits", older.id).exit_code == 0
    assert current(settings, "feature_splits") == older


def test_versions_that_are_not_kept_are_refused_with_those_that_are(settings: Settings) -> None:
    kept = put(settings, "client_mart", "2025-03", pa.table({"a": [1]}))
    unknown = call("versions", "client_mart")
    assert unknown.exit_code == 1
    assert "no version of client_mart of no cohort is kept; cohorts that have one: 2025-03" in said(unknown)
    lost = call("restore", "client_mart", "2025-03", "yesterday")
    assert lost.exit_code == 1
    assert f"no version 'yesterday' of client_mart/2025-03 is kept; there are: {kept.id}" in said(lost)
    assert "expected: credit-platform restore TABLE" in said(call("restore", "client_mart", "a", "b", "c"))


def test_the_marts_sql_is_written_in_another_dialect(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "mart.sql"
    assert call("export-sql", "--dialect", "spark", "--out", path).exit_code == 0
    written = path.read_text("utf-8")
    assert written.startswith("-- The client mart for spark")
    assert call("export-sql", "--dialect", "spark").stdout == written
    unknown = call("export-sql", "--dialect", "sparq")
    assert unknown.exit_code == 1
    assert "no dialect 'sparq'; known: " in said(unknown)


def test_the_data_dictionary_is_the_committed_page(settings: Settings) -> None:
    page = Path(__file__).parents[1] / "docs" / "data-dictionary.md"
    assert call("dictionary").stdout == page.read_text("utf-8")


def test_quarantine_lists_who_is_held_and_why_and_a_release_lets_one_pass_by_name(settings: Settings) -> None:
    assert "no cohort is in quarantine" in said(call("quarantine"))
    quarantine.hold(settings, "2025-03", "quality_report", ["EXT_SOURCE_3 [score] no longer arrives."], "digest")
    assert "2025-03: found by quality_report, since 20" in said(call("quarantine"))
    assert "EXT_SOURCE_3 [score] no longer arrives." in said(call("quarantine"))

    anonymous = call("release", "2025-03", "--by", " ", "--why", "x")
    assert anonymous.exit_code == 1
    assert "a release needs the name of who decides and the reason" in said(anonymous)

    released = call("release", "2025-03", "--by", "Ada [risk]", "--why", "the bureau closed", "--from-now-on")
    assert released.exit_code == 0, said(released)
    assert "as Ada [risk] decided in spite of: EXT_SOURCE_3 [score] no longer arrives." in said(released)
    assert "no cohort is in quarantine" in said(call("quarantine"))
    assert quarantine.record(settings, "2025-03").is_usual
