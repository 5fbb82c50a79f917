"""The promotion ledger: what is written stays, whatever is done to it is found, and nothing is lost between writers."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from credit_platform.model import ledger
from credit_platform.model.ledger import Entry, Kind, Ledger, LedgerError, opened, problems
from credit_platform.settings import Settings


def add(book: Ledger, kind: Kind = "refusal", before: str | None = None, to: str | None = "2", **more: Any) -> Entry:
    return book.append(kind, by="Ann", why="because", from_version=before, to_version=to, **more)


def move(book: Ledger, kind: Kind, to: str) -> None:
    """A move that was carried out."""
    entry = add(book, kind, book.champion, to)
    add(book, "done", entry.from_version, to, of=entry.name)


def names(settings: Settings) -> list[str]:
    with opened(settings) as book:
        return [entry.name for entry in book.entries]


def file_of(settings: Settings, name: str) -> Path:
    return settings.data_dir / "model" / "promotions" / settings.model_name / f"{name}.json"


def test_an_empty_ledger_has_no_entries_and_no_faults(settings: Settings) -> None:
    assert names(settings) == []
    assert problems(settings) == []


def test_an_entry_is_there_for_whoever_opens_the_ledger_next(settings: Settings) -> None:
    with opened(settings) as book:
        written = add(book, "promotion", "1", "2", gate_report="gate/2.json", gate_digest="ab", overridden=["a | b"])
    with opened(settings) as book:
        assert book.entries == [written]
    assert written.at.utcoffset() is not None
    document = json.loads(file_of(settings, written.name).read_text("utf-8"))
    assert (document["by"], document["why"], document["from_version"], document["to_version"]) == (
        "Ann",
        "because",
        "1",
        "2",
    )


def test_entries_follow_each_other(settings: Settings) -> None:
    with opened(settings) as book:
        for _ in range(12):
            add(book)
    with opened(settings) as book:
        assert [entry.number for entry in book.entries] == list(range(1, 13))
        assert [entry.previous for entry in book.entries[1:]] == [(entry.name,) for entry in book.entries[:-1]]


def test_ledgers_of_two_models_are_two(settings: Settings) -> None:
    with opened(settings) as book:
        add(book)
    assert names(settings.model_copy(update={"model_name": "another"})) == []


@pytest.fixture
def kept(settings: Settings) -> list[str]:
    """The names of five entries."""
    with opened(settings) as book:
        for number in range(5):
            add(book, to=str(number))
    return names(settings)


def test_a_changed_entry_is_found(settings: Settings, kept: list[str]) -> None:
    path = file_of(settings, kept[2])
    path.write_text(path.read_text("utf-8").replace("Ann", "Bob"), "utf-8")
    assert problems(settings) == [f"entry {kept[2]} is not what was written"]
    with pytest.raises(LedgerError, match=r"is damaged.*restore promotions/credit_scoring_model from a backup"):
        names(settings)


def test_an_entry_that_was_changed_together_with_its_name_is_found(settings: Settings, kept: list[str]) -> None:
    content = file_of(settings, kept[2]).read_bytes().replace(b"Ann", b"Bob")
    file_of(settings, kept[2]).unlink()
    forged = f"{kept[2][:8]}-{ledger.sha256(content).hexdigest()}"
    file_of(settings, forged).write_bytes(content)
    assert problems(settings) == [f"entry {kept[2]}, which {kept[3]} follows, is missing"]


def test_an_entry_taken_out_is_found(settings: Settings, kept: list[str]) -> None:
    file_of(settings, kept[1]).unlink()
    assert problems(settings) == [f"entry {kept[1]}, which {kept[2]} follows, is missing"]


def test_an_entry_put_elsewhere_in_the_order_is_found(settings: Settings, kept: list[str]) -> None:
    moved = f"00000009-{kept[4].partition('-')[2]}"
    file_of(settings, kept[4]).rename(file_of(settings, moved))
    assert problems(settings) == [f"entry {moved} is not where it was written"]


def test_an_end_that_was_cut_off_is_found_by_who_knows_the_newest_entry(settings: Settings, kept: list[str]) -> None:
    file_of(settings, kept[4]).unlink()
    assert problems(settings) == []
    assert problems(settings, kept[4]) == [f"entry {kept[4]}, which the registry names, is missing"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_what_is_no_entry_is_found(settings: Settings, kept: list[str], content: bytes) -> None:
    name = f"00000006-{ledger.sha256(content).hexdigest()}"
    file_of(settings, name).write_bytes(content)
    assert problems(settings) == [f"{name} is no entry"]


def write_ten(settings: Settings, by: str) -> None:
    for _ in range(10):
        with opened(settings) as book:
            book.append("refusal", by=by, why="because", from_version=None, to_version="2")


def test_several_processes_write_one_line_of_entries(settings: Settings) -> None:
    writers = [multiprocessing.get_context("fork").Process(target=write_ten, args=(settings, by)) for by in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with opened(settings) as book:
        assert [entry.number for entry in book.entries] == list(range(1, 31))
        assert sorted(entry.by for entry in book.entries) == sorted("abc" * 10)


def test_machines_that_share_an_object_store_alone_lose_nothing(
    settings: Settings, store_bucket: str, tmp_path: Path
) -> None:
    here = settings.model_copy(update={"lake_uri": f"s3://{store_bucket}/lake"})
    elsewhere = here.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    with opened(here) as book, opened(elsewhere) as other:
        first = add(book, to="1")
        second = add(other, to="2")
    with opened(elsewhere) as book:
        assert [entry.name for entry in book.entries] == [first.name, second.name]
        third = add(book, to="3")
    assert sorted(third.previous) == sorted([first.name, second.name])
    assert problems(here, third.name) == []
    assert ledger.where(here) == f"s3://{store_bucket}/lake/promotions/{settings.model_name}"


def test_the_champion_is_where_the_last_move_that_was_done_led(settings: Settings) -> None:
    with opened(settings) as book:
        assert book.champion is None
        move(book, "promotion", "1")
        add(book, "promotion", "1", "2")
        assert book.champion == "1"
        assert [entry.to_version for entry in book.open_moves] == ["2"]
        add(book, "found", "1", "7")
        assert book.champion == "7"


@pytest.mark.parametrize(
    ("moves", "line"),
    [
        ("1 2 3", "1 2 3"),
        ("1 2 3 <2", "1 2"),
        ("1 2 3 <2 <1", "1"),
        ("1 2 3 <1", "1"),
        ("1 2 3 <2 4", "1 2 4"),
        ("1 2 1", "1 2 1"),
        ("1 2 1 <2", "1 2"),
        ("1 2 1 3 <1", "1 2 1"),
        ("1 2 <1 <2", "1 2"),
    ],
)
def test_rollbacks_go_back_along_the_line_of_champions(settings: Settings, moves: str, line: str) -> None:
    with opened(settings) as book:
        for to in moves.split():
            move(book, "rollback" if to.startswith("<") else "promotion", to.removeprefix("<"))
        assert book.line == line.split()


def states(book: Ledger) -> list[str]:
    return [state for _, state in book.history()]


def test_a_request_waits_until_it_is_granted(settings: Settings) -> None:
    with opened(settings) as book:
        move(book, "promotion", "1")
        add(book, "sign-off request", "1", "2", gate_digest="ab")
        assert states(book) == ["done", "waits"]
        add(book, "refusal", "1", "3", gate_digest="cd")
        assert states(book) == ["done", "waits", ""]
        move(book, "promotion", "2")
        assert states(book) == ["done", "promoted", "", "done"]


def test_a_request_lapses_when_another_version_decides_or_the_gate_judges_again(settings: Settings) -> None:
    with opened(settings) as book:
        move(book, "promotion", "1")
        add(book, "sign-off request", "1", "2", gate_digest="ab")
        add(book, "sign-off request", "1", "2", gate_digest="cd")
        assert states(book) == ["done", "lapsed", "waits"]
        move(book, "promotion", "3")
        assert states(book) == ["done", "lapsed", "lapsed", "done"]


def test_an_interrupted_move_is_under_way_until_something_says_what_became_of_it(settings: Settings) -> None:
    with opened(settings) as book:
        entry = add(book, "promotion", None, "1")
        assert states(book) == ["under way"]
        add(book, "dropped", None, "1", of=entry.name)
        assert states(book) == ["not carried out"]
        assert book.champion is None
