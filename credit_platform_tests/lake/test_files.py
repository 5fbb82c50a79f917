"""Files and folders are never half written; DuckDB is opened within its limits; clients are dealt out evenly."""

import os
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_platform.lake import (
    allow,
    atomic,
    atomic_folder,
    bucket_count,
    bucket_of,
    bucket_sql,
    connect,
    files,
    identifier,
    one_row,
    quote,
    replace_folders,
    scratch,
    write_parquet,
)
from credit_platform.settings import Settings


def write_and_fail(path: Path) -> None:
    path.write_text("half")
    raise RuntimeError("halfway")


def test_an_atomic_file_appears_when_its_block_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic(path) as beside:
        beside.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["a.txt"]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="halfway"), atomic(path) as beside:
        write_and_fail(beside)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_atomic_folder_takes_the_place_of_the_old_one_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("first", "second"):
        with atomic_folder(path) as beside:
            (beside / name).touch()
        assert os.listdir(path) == [name]
    assert os.listdir(tmp_path) == ["folder"]


def test_a_block_that_fails_leaves_the_old_folder_and_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "folder" / "old").mkdir(parents=True)
    with pytest.raises(RuntimeError, match="halfway"), atomic_folder(tmp_path / "folder") as beside:
        write_and_fail(beside / "half")
    assert os.listdir(tmp_path / "folder") == ["old"]
    assert os.listdir(tmp_path) == ["folder"]


def test_folders_change_places_together_or_not_at_all(tmp_path: Path) -> None:
    for name in ("new_a", "a", "b"):
        (tmp_path / name / f"of_{name}").mkdir(parents=True)
    moves = {tmp_path / "new_a": tmp_path / "a", tmp_path / "new_b": tmp_path / "b"}
    with pytest.raises(FileNotFoundError):
        replace_folders(moves)
    assert os.listdir(tmp_path / "a") == ["of_a"]
    assert os.listdir(tmp_path / "b") == ["of_b"]
    (tmp_path / "new_b" / "of_new_b").mkdir(parents=True)
    replace_folders(moves)
    assert os.listdir(tmp_path / "a") == ["of_new_a"]
    assert os.listdir(tmp_path / "b") == ["of_new_b"]
    assert os.listdir(tmp_path / "new_a") == ["of_a"], "what was replaced is the caller's to remove"


def test_a_query_is_written_and_its_rows_counted(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "o'brien" / "t.parquet"
    with connect(settings) as connection:
        assert write_parquet(connection, "select i from range(7) t(i)", path) == 7
    assert pq.read_table(path).column("i").to_pylist() == list(range(7))


def test_a_query_that_fails_leaves_the_old_table(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with connect(settings) as connection:
        write_parquet(connection, "select 1 as a", path)
        with pytest.raises(duckdb.Error):
            write_parquet(connection, "select cast('x' || i as integer) from range(3) t(i)", path)
    assert pq.read_table(path).to_pylist() == [{"a": 1}]
    assert os.listdir(tmp_path) == ["t.parquet"]


@pytest.mark.parametrize(("configured", "left"), [("4GB", 500), ("60MB", 60)])
def test_a_connections_memory_can_be_lowered_and_never_raised(settings: Settings, configured: str, left: int) -> None:
    with connect(settings.model_copy(update={"memory_limit": configured})) as connection:
        allow(connection, 500_000_000)
        (limit,) = one_row(connection, "select parse_formatted_bytes(current_setting('memory_limit'))")
    assert limit == pytest.approx(left * 1e6, rel=0.01)


def test_a_connection_keeps_within_its_threads_and_leaves_no_spill_folder(settings: Settings) -> None:
    with connect(settings.model_copy(update={"threads": 1})) as connection:
        threads, spill = one_row(connection, "select current_setting('threads'), current_setting('temp_directory')")
        assert threads == 1
        assert Path(spill).is_dir()
    assert not Path(spill).exists()


@pytest.mark.parametrize("text", ["plain", "o'brien", 'say "no"', "a;--", "März", ""])
def test_quoted_text_and_names_mean_themselves(text: str) -> None:
    with duckdb.connect() as connection:
        assert one_row(connection, f"select {quote(text)}") == (text,)
        if text:
            described = connection.execute(f"describe select 1 as {identifier(text)}").fetchall()
            assert described[0][0] == text


def test_a_query_that_gives_no_row_is_an_error() -> None:
    with duckdb.connect() as connection, pytest.raises(LookupError, match="gave no row"):
        one_row(connection, "select 1 where false")


@given(st.integers(min_value=-(2**40), max_value=2**53), st.sampled_from([1, 2, 16, 256]))
def test_a_clients_bucket_is_the_same_in_python_and_in_sql(client: int, count: int) -> None:
    found = duckdb.execute(f"select {bucket_sql(f'{client}::bigint', count)}").fetchall()
    assert found == [(bucket_of(client, count),)]
    assert 0 <= found[0][0] < count


@pytest.mark.parametrize("step", [1, 2, 16, 1000])
def test_buckets_are_filled_evenly_whatever_the_ids_have_in_common(step: int) -> None:
    filled = Counter(bucket_of(100_000 + step * i, 16) for i in range(16_000))
    assert len(filled) == 16
    assert min(filled.values()) > 700
    assert max(filled.values()) < 1300


def test_the_number_of_buckets_follows_the_clients(settings: Settings) -> None:
    assert [bucket_count(settings, clients) for clients in (0, 25_000, 25_001, 307_511)] == [1, 1, 2, 16]


@pytest.fixture
def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that can't let two folders change places in one step."""
    monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: object())


def test_folders_change_places_where_it_takes_several_steps(tmp_path: Path, without_exchange: None) -> None:
    test_folders_change_places_together_or_not_at_all(tmp_path)


def test_a_folder_whose_replacement_was_killed_between_two_steps_is_put_back_by_the_next(
    tmp_path: Path, without_exchange: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("new", "a"):
        (tmp_path / name / f"of_{name}").mkdir(parents=True)
    rename = os.rename

    def once(source: Path, target: Path) -> None:
        if source.name != "a":
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as killed:
        killed.setattr(os, "rename", once)
        with pytest.raises(KeyboardInterrupt):
            replace_folders({tmp_path / "new": tmp_path / "a"})
    assert not (tmp_path / "a").exists()
    replace_folders({tmp_path / "new": tmp_path / "a"})
    assert os.listdir(tmp_path / "a") == ["of_new"]
    assert os.listdir(tmp_path / "new") == ["of_a"]


def test_a_temporary_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    (tmp_path / "credit-platform-12345").mkdir()
    with pytest.raises(PermissionError, match="belongs to somebody else; set TMPDIR"), scratch("a test"):
        pass


def test_a_temporary_folder_is_private_and_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch("a test") as folder:
        (folder / "file").touch()
        assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(folder.parent) == []
