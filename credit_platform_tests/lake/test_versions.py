"""A table has versions: one is in force, it comes into force as a whole, and older ones can be restored."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from credit_platform.lake import (
    DamagedTableError,
    MissingTableError,
    bucket_file,
    cohorts_of,
    current,
    draft,
    require,
    restore,
    table_path,
    versions,
)
from credit_platform.settings import Settings
from credit_platform_tests.tables import put, put_file

FIRST, SECOND = pa.table({"a": [1, 2]}), pa.table({"a": [3]})


def ids(settings: Settings) -> list[str]:
    return [version.id for version in versions(settings, "client_mart", "2025-01")]


def aged(settings: Settings, days: float) -> None:
    """Makes every version of the table so many days older."""
    for version in versions(settings, "client_mart", "2025-01"):
        path = settings.lake_dir / "client_mart" / "2025-01" / version.id / "_manifest.json"
        older = (version.written_at - timedelta(days=days)).isoformat()
        path.write_text(path.read_text().replace(version.written_at.isoformat(), older))


def test_a_table_that_was_not_made_is_missing_and_says_what_to_do(settings: Settings) -> None:
    assert current(settings, "client_mart", "2025-01") is None
    assert cohorts_of(settings, "client_mart") == []
    with pytest.raises(MissingTableError, match="client_mart of cohort 2025-01 has not been made yet; materialise it"):
        table_path(settings, "client_mart", "2025-01")


def test_what_was_published_last_is_in_force_and_what_was_before_is_kept(settings: Settings) -> None:
    first, second = (put(settings, "client_mart", "2025-01", table) for table in (FIRST, SECOND))
    assert current(settings, "client_mart", "2025-01") == second
    assert second.rows == 1
    assert ids(settings) == [first.id, second.id]
    assert cohorts_of(settings, "client_mart") == ["2025-01"]


def test_a_reader_of_a_version_is_not_disturbed_by_the_next(settings: Settings) -> None:
    first = put(settings, "client_mart", "2025-01", FIRST)
    content = first.file(bucket_file(0)).read_bytes()
    put(settings, "client_mart", "2025-01", SECOND)
    assert first.file(bucket_file(0)).read_bytes() == content


def test_the_same_content_again_is_the_same_version_with_newer_facts(settings: Settings) -> None:
    first = put(settings, "client_mart", "2025-01", FIRST)
    with draft(settings, "client_mart", "2025-01") as new:
        new.keep(first, bucket_file(0))
        again = new.publish(2, made_from="elsewhere", facts={"seen": 2})
    assert ids(settings) == [first.id] == [again.id]
    assert require(settings, "client_mart", "2025-01").facts == {"seen": 2}
    assert require(settings, "client_mart", "2025-01").made_from == "elsewhere"


def test_a_draft_that_fails_leaves_the_version_in_force_and_nothing_else(settings: Settings) -> None:
    first = put(settings, "client_mart", "2025-01", FIRST)

    def fail() -> None:
        with draft(settings, "client_mart", "2025-01") as new:
            (new.folder / bucket_file(0)).write_bytes(b"half")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail()
    assert current(settings, "client_mart", "2025-01") == first
    assert sorted(os.listdir(settings.lake_dir / "client_mart" / "2025-01")) == [first.id, "current"]


def test_a_draft_whose_process_was_killed_is_removed_by_the_next(settings: Settings) -> None:
    code = (
        "import sys, time; from pathlib import Path; from credit_platform.settings import Settings\n"
        "from credit_platform.lake import draft\n"
        "with draft(Settings(_env_file=None, data_dir=Path(sys.argv[1])), 'client_mart', '2025-01') as new:\n"
        "    (new.folder / 'half').touch(); print('drafting', flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(settings.data_dir)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "drafting\n"
    folder = settings.lake_dir / "client_mart" / "2025-01"
    first = put(settings, "client_mart", "2025-01", FIRST)
    assert len(list(folder.glob(".draft-*/half"))) == 1, "a draft of a living process stays"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    put(settings, "client_mart", "2025-01", SECOND)
    assert sorted(os.listdir(folder))[:1] == [first.id]
    assert not list(folder.glob(".draft-*"))


def test_an_older_version_can_be_restored_and_the_newer_one_again(settings: Settings) -> None:
    first, second = (put(settings, "client_mart", "2025-01", table) for table in (FIRST, SECOND))
    assert restore(settings, "client_mart", "2025-01", first.id) == first
    assert current(settings, "client_mart", "2025-01") == first
    restore(settings, "client_mart", "2025-01", second.id)
    assert current(settings, "client_mart", "2025-01") == second


def test_restoring_what_is_not_kept_names_what_is(settings: Settings) -> None:
    first = put(settings, "client_mart", "2025-01", FIRST)
    with pytest.raises(LookupError, match=f"no version 'x' of client_mart/2025-01 is kept; there are: {first.id}"):
        restore(settings, "client_mart", "2025-01", "x")


@pytest.mark.parametrize(("days", "kept"), [(6.9, 3), (7.1, 1)])
def test_replaced_versions_are_kept_for_the_configured_days(settings: Settings, days: float, kept: int) -> None:
    for table in (FIRST, SECOND):
        put(settings, "client_mart", "2025-01", table)
    aged(settings, days)
    put(settings, "client_mart", "2025-01", FIRST)
    # The second was replaced just now, however old it is.
    assert len(ids(settings)) == max(kept, 2)


def test_a_version_that_was_just_replaced_stays_for_its_readers_even_if_none_are_to_be_kept(settings: Settings) -> None:
    none = settings.model_copy(update={"keep_versions_days": 0})
    for table in (FIRST, SECOND):
        put(none, "client_mart", "2025-01", table)
    assert len(ids(none)) == 2
    aged(none, 0.1)
    put(none, "client_mart", "2025-01", FIRST)
    assert len(ids(none)) == 2


def test_a_restored_version_is_never_removed_while_it_is_in_force(settings: Settings) -> None:
    first, _ = (put(settings, "client_mart", "2025-01", table) for table in (FIRST, SECOND))
    restore(settings, "client_mart", "2025-01", first.id)
    aged(settings, 100)
    put(settings, "client_mart", "2025-01", FIRST)
    assert require(settings, "client_mart", "2025-01").id == first.id


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_file_that_was_cut_short_is_named_with_what_to_do(settings: Settings, content: bytes) -> None:
    version = put(settings, "client_mart", "2025-01", FIRST)
    version.file(bucket_file(0)).write_bytes(content)
    with pytest.raises(DamagedTableError, match=f"holds {len(content)} bytes.*materialise client_mart again"):
        table_path(settings, "client_mart", "2025-01")
    assert not version.is_whole()


def test_a_file_that_is_gone_is_named(settings: Settings) -> None:
    version = put(settings, "client_mart", "2025-01", FIRST)
    version.file(bucket_file(0)).unlink()
    with pytest.raises(DamagedTableError, match=r"bucket-000\.parquet is gone"):
        version.folder()


def test_a_damaged_table_is_made_whole_by_publishing_the_same_again(settings: Settings) -> None:
    version = put(settings, "client_mart", "2025-01", FIRST)
    version.file(bucket_file(0)).write_bytes(b"short")
    assert put(settings, "client_mart", "2025-01", FIRST).id != version.id
    assert require(settings, "client_mart", "2025-01").is_whole()


def test_an_unchanged_file_is_shared_between_versions(settings: Settings) -> None:
    first = put(settings, "client_mart", "2025-01", FIRST, SECOND)
    second = put_file(settings, "client_mart", "2025-01", bucket_file(1), FIRST)
    assert first.file(bucket_file(0)).stat().st_ino == second.file(bucket_file(0)).stat().st_ino
    assert second.files[bucket_file(0)] == first.files[bucket_file(0)]


def test_a_table_without_cohorts_has_versions_too(settings: Settings) -> None:
    with draft(settings, "feature_splits") as new:
        (new.folder / "schema.json").write_text("{}")
        version = new.publish(0)
    assert table_path(settings, "feature_splits") == settings.lake_dir / "feature_splits" / version.id
    assert version.written_at <= datetime.now(UTC)


def test_a_copied_data_folder_is_a_lake(settings: Settings, tmp_path: Path) -> None:
    put(settings, "client_mart", "2025-01", FIRST)
    shutil.copytree(settings.data_dir, tmp_path / "copy")
    copied = settings.model_copy(update={"data_dir": tmp_path / "copy"})
    assert table_path(copied, "client_mart", "2025-01").is_relative_to(tmp_path / "copy")
