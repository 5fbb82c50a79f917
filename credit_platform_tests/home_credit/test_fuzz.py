"""Hundreds of spoilt deliveries: each is refused in sentences that name its file, and leaves everything as it was, or
is landed and becomes exactly what a second reading of the file says.
"""

import csv
import gzip
import io
import os
import random
import resource
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES, Column, table
from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import land
from credit_platform.lake import table_path
from credit_platform.mart.buckets import build_cohort
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.home_credit.second_opinion import Broken, Value, as_rows, rows_of

COHORT = "2025-01"
Cells = list[list[str]]
"""A table as text, its header first."""
NAMES = (*TABLE_NAMES, "outcomes")
SMALL = tuple(name for name in NAMES if name not in ("application", "previous_application"))
"""Tables of few columns, which are quick to check."""


@dataclass
class World:
    """A landed cohort with its tables and mart, and each table's cells."""

    settings: Settings
    cells: dict[str, Cells]
    kept: Path
    given: Path

    @property
    def place(self) -> Path:
        return self.settings.landing_dir / COHORT

    def reset(self) -> None:
        """Puts the landing area back, and then the tables, which most tests have changed."""
        shutil.rmtree(self.place)
        shutil.copytree(self.kept, self.place, copy_function=os.link)
        shutil.rmtree(self.given, ignore_errors=True)
        (self.given / COHORT).mkdir(parents=True)
        for name in NAMES:
            ingest(self.settings, name, COHORT)

    def tables(self) -> dict[str, str]:
        """Makes all tables and the mart, and says what their contents are."""
        versions = {name: ingest(self.settings, name, COHORT).version.content for name in NAMES}
        return {**versions, "client_mart": build_cohort(self.settings, COHORT).version.content}

    def rows(self, name: str) -> dict[str, list[Value]]:
        return dict(pq.read_table(table_path(self.settings, f"raw_{name}", COHORT)).to_pydict())


def varied(chance: random.Random) -> TinyDelivery:
    """A faultless delivery whose values differ from row to row, with gaps where there may be some."""
    delivery = TinyDelivery().with_outcomes()
    for name, rows in delivery.rows.items():
        contract = table(name)
        for row in rows:
            for column in contract.columns.values():
                if column.name in contract.key or column.unit == "id" or column.name == "TARGET":
                    continue
                row[column.name] = "" if column.nullable and chance.random() < 0.2 else value(column, chance)
    return delivery


def value(column: Column, chance: random.Random) -> str:
    if column.type == "VARCHAR":
        return chance.choice(list(column.categories))
    low, high = (column.quantiles[0][1], column.quantiles[-1][1]) if column.quantiles else (0.0, 1.0)
    number = chance.uniform(max(low, column.min or low), high)
    return f"{number:.0f}" if column.type == "INTEGER" else repr(round(number, 6))


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, str]]:
    folder = tmp_path_factory.mktemp("fuzz")
    delivery = varied(random.Random(3))
    settings = Settings(_env_file=None, data_dir=folder / "data", threads=1)
    land(settings, delivery.write(folder / "first" / COHORT))
    shutil.copytree(settings.landing_dir / COHORT, folder / "kept")
    cells = {name: [list(rows[0]), *(list(row.values()) for row in rows)] for name, rows in delivery.rows.items()}
    world = World(settings, cells, folder / "kept", folder / "given")
    return world, world.tables()


@pytest.fixture
def world(_made: tuple[World, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # thousands of them: no power is lost here
    _made[0].reset()
    return _made[0]


@pytest.fixture
def pristine(_made: tuple[World, dict[str, str]]) -> dict[str, str]:
    return _made[1]


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a folder; what is no file, by its kind."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    }


def taken(world: World, source: Path, files: set[str]) -> list[str]:
    """Lands a delivery. Refused, it says why in sentences about these files, and nothing has changed; the answer."""
    delivered, landed = everything(source.parent), everything(world.settings.landing_dir)
    refused = None
    try:
        land(world.settings, source)
    except DeliveryError as error:
        refused = str(error)
    assert everything(source.parent) == delivered
    if refused is None:
        return []
    assert everything(world.settings.landing_dir) == landed
    assert 0 < len(refused) < 6000
    for sentence in refused.splitlines():
        assert any(file in sentence for file in files), sentence
        assert sentence.isprintable(), repr(sentence)
    return refused.splitlines()


def agree(world: World, name: str, path: Path) -> list[str]:
    """Lands one table's file, holds what came of it against the second opinion, and takes the file away."""
    said = taken(world, world.given / COHORT, {path.name})
    contract = table(name)
    parents = world.rows(contract.parent)[contract.parent_key or ""] if contract.parent else None
    broken = None
    try:
        expected = rows_of(path, contract, parents)
    except Broken as verdict:
        broken = str(verdict)
    assert said or not broken, f"landed, but {broken}"
    if not said:
        ingest(world.settings, name, COHORT)
        assert as_rows(world.rows(name)) == expected
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    return said


def write_csv(path: Path, cells: Cells, **how: Any) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, **{"lineterminator": "\n", **how}).writerows(cells)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def as_text(_: str) -> pa.DataType:
    return pa.string()


def write_parquet(path: Path, cells: Cells, types: Callable[[str], pa.DataType] = as_text, **how: Any) -> Path:
    columns = {}
    for name, *texts in zip(*cells, strict=True):
        columns[name] = pa.array([text or None for text in texts], pa.string()).cast(types(name))
    pq.write_table(pa.table(columns), path, **how)
    return path


# What is said in another way is the same: every table and the mart are, to the byte.


def reordered(chance: random.Random, name: str, cells: Cells, folder: Path) -> Path:
    order = chance.sample(range(len(cells[0])), len(cells[0]))
    return write_csv(folder / f"{table(name).file}.csv", [[row[i] for i in order] for row in cells])


def shuffled(chance: random.Random, name: str, cells: Cells, folder: Path) -> Path:
    suffix = chance.choice([".csv", ".csv.gz"])
    return write_csv(folder / f"{table(name).file}{suffix}", [cells[0], *chance.sample(cells[1:], len(cells) - 1)])


def with_more_columns(chance: random.Random, name: str, cells: Cells, folder: Path) -> Path:
    more = chance.randrange(1, 30)
    wide = [[*row, *(f"extra {i}" if row is cells[0] else "1.5" for i in range(more))] for row in cells]
    return write_csv(folder / f"{table(name).file}.csv", wide)


def written_otherwise(chance: random.Random, name: str, cells: Cells, folder: Path) -> Path:
    end, quoting = chance.choice(["\n", "\r\n"]), chance.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    path = write_csv(folder / f"{table(name).file.upper()}.CSV", cells, lineterminator=end, quoting=quoting)
    path.write_bytes(chance.choice([b"", b"\xef\xbb\xbf"]) + path.read_bytes() + end.encode() * chance.randrange(3))
    return path


def in_several_gzips(chance: random.Random, name: str, cells: Cells, folder: Path) -> Path:
    plain = write_csv(folder / "plain", cells).read_bytes()
    (folder / "plain").unlink()
    cut = chance.randrange(len(plain))
    path = folder / f"{table(name).file}.csv.gz"
    path.write_bytes(gzip.compress(plain[:cut]) + gzip.compress(plain[cut:], 1))
    return path


def numbers_otherwise(chance: random.Random, name: str, cells: Cells, folder: Path) -> Path:
    contract = table(name)
    ways = [
        lambda text: f"+{text}" if text[0] != "-" else text,
        lambda text: f" {text}  ",
        lambda text: f"{text}.0" if "." not in text and "e" not in text else f"{text}0" if "e" not in text else text,
        lambda text: f"{text}e0" if "e" not in text else text,
        lambda text: f"00{text}" if text[0] not in "+-" else text,
    ]
    numeric = [column in contract.columns and contract.columns[column].type != "VARCHAR" for column in cells[0]]
    said = [
        [chance.choice(ways)(text) if number and text else text for number, text in zip(numeric, row, strict=True)]
        for row in cells[1:]
    ]
    return write_csv(folder / f"{table(name).file}.csv", [cells[0], *said])


def as_parquet(chance: random.Random, name: str, cells: Cells, folder: Path) -> Path:
    contract = table(name)

    def kind(column: str) -> pa.DataType:
        promised = contract.columns[column].type
        if promised == "VARCHAR":
            return chance.choice([pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
        return {
            "DOUBLE": pa.float64(),
            "BIGINT": pa.int64(),
            "INTEGER": chance.choice([pa.int32(), pa.int64(), pa.float64()]),
        }[promised]

    typed = chance.random() < 0.7
    return write_parquet(
        folder / f"{table(name).file}.parquet",
        [cells[0], *chance.sample(cells[1:], len(cells) - 1)],
        kind if typed else as_text,
        row_group_size=chance.randrange(1, 14),
        compression=chance.choice(["none", "snappy", "zstd", "gzip"]),
        write_page_checksum=chance.random() < 0.5,
        use_dictionary=chance.random() < 0.5,
    )


HARMLESS = [reordered, shuffled, with_more_columns, written_otherwise, in_several_gzips, numbers_otherwise, as_parquet]


@pytest.mark.parametrize("way", HARMLESS)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_said_otherwise_is_the_same_to_the_byte(
    world: World, pristine: dict[str, str], way: Callable[..., Path], name: str
) -> None:
    chance = random.Random(f"{way.__name__} {name}")
    way(chance, name, world.cells[name], world.given / COHORT)
    assert taken(world, world.given / COHORT, set()) == []
    assert world.tables() == pristine


# One cell, with what may be anything.

NASTY = [
    *("", " ", "nan", "NaN", "inf", "-inf", "Infinity", "1e308", "-1e308", "1e-320", "1e400", "0", "-0", "-0.0", "00"),
    *("-1", "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775808", "9" * 40, "9007199254740993", "9007199254740993.5", "1.5", "1e3", "1E5", "1e-3", ".5"),
    *("5.", "1,5", "1.000,5", "1 000", "1_000", "0x10", "0b11", "true", "null", "None", "N/A", "#REF!", "=1+1", "'1"),
    *('"', '""', "a\nb", "a\r\nb", "\t5", "5\t", "\u00a05", "\u0663", "\uff11\uff12", "x" * 5000, "\u00e9"),
    *("\U0001f600", "\u202e", "\x00", "1\x002", "\x1f", "\x1a", "12 months", "1970-01-01", "1e30", "1e31", "1e-30"),
    *("365243", "3.0000000001", "2e9", "XNA", "\\N", "\ufeff1"),
]


def cell_of(chance: random.Random, name: str) -> tuple[str, int]:
    contract = table(name)
    return chance.choice(list(contract.columns)), chance.randrange(1, 13)


@pytest.mark.parametrize("part", range(8))
def test_any_text_in_a_cell_is_refused_where_it_stands_or_taken_for_what_it_is(world: World, part: int) -> None:
    for text in NASTY[part::8]:
        chance = random.Random(text)
        for name in (chance.choice(SMALL), chance.choice(NAMES)):
            column, row = cell_of(chance, name)
            cells = [list(line) for line in world.cells[name]]
            cells[row][cells[0].index(column)] = text
            suffix = chance.choice([".csv", ".csv", ".csv.gz", ".parquet"])
            path = world.given / COHORT / f"{table(name).file}{suffix}"
            said = agree(world, name, (write_parquet if suffix == ".parquet" else write_csv)(path, cells))
            if said:
                assert f"column {column}" in said[0] or f"column {' + '.join(table(name).key)}" in said[0]
                assert f"row {row}" in said[0]
                assert text not in said[0] or len(text) < 3
    world.tables()


@pytest.mark.parametrize("number", ["2147483647", "-2147483648", "1e30", "-1e30", "1e-30"])
def test_the_largest_and_smallest_numbers_that_are_taken_can_be_computed_with(world: World, number: str) -> None:
    kind = "DOUBLE" if "e" in number else "INTEGER"
    for name in TABLE_NAMES:
        contract, (header, *rows) = table(name), world.cells[name]
        extreme = [c for c in header if contract.columns[c].type == kind and c not in contract.key]
        cells = [header, *([number if c in extreme else t for c, t in zip(header, row, strict=True)] for row in rows)]
        assert not agree(world, name, write_csv(world.given / COHORT / f"{contract.file}.csv", cells))
    world.tables()


# The table's shape.


def without_columns(chance: random.Random, cells: Cells) -> Cells:
    gone = set(chance.sample(range(len(cells[0])), chance.randrange(1, len(cells[0]))))
    return [[text for i, text in enumerate(row) if i not in gone] for row in cells]


def renamed(chance: random.Random, cells: Cells) -> Cells:
    place = chance.randrange(len(cells[0]))
    change = chance.choice(
        [str.lower, str.title, lambda n: f" {n}", lambda n: f"{n}_", lambda n: n[:-1], lambda _: "", lambda n: f"{n}\n"]
    )
    return [[change(t) if i == place else t for i, t in enumerate(cells[0])], *cells[1:]]


def with_a_column_twice(chance: random.Random, cells: Cells) -> Cells:
    place, change = chance.randrange(len(cells[0])), chance.choice([str, str.lower])
    return [[*row, change(row[place])] for row in cells]


def with_names_swapped(chance: random.Random, cells: Cells) -> Cells:
    one, other = chance.sample(range(len(cells[0])), 2)
    header = list(cells[0])
    header[one], header[other] = header[other], header[one]
    return [header, *cells[1:]]


def with_a_row_twice(chance: random.Random, cells: Cells) -> Cells:
    return [*cells, chance.choice(cells[1:])]


def with_a_shifted_row(chance: random.Random, cells: Cells) -> Cells:
    row, place = chance.randrange(1, len(cells)), chance.randrange(len(cells[0]) + 1)
    changed = [*cells[row][:place], "", *cells[row][place:]] if chance.random() < 0.7 else cells[row][:-1]
    return [*cells[:row], [*changed[:-1], ""] if chance.random() < 0.5 else changed, *cells[row + 1 :]]


def header_only(_: random.Random, cells: Cells) -> Cells:
    return cells[:1]


def without_a_header(_: random.Random, cells: Cells) -> Cells:
    return cells[1:]


def header_amid(chance: random.Random, cells: Cells) -> Cells:
    row = chance.randrange(1, len(cells))
    return [*cells[:row], cells[0], *cells[row:]]


def emptied(chance: random.Random, cells: Cells) -> Cells:
    place = chance.randrange(len(cells[0]))
    return [cells[0], *([*row[:place], "", *row[place + 1 :]] for row in cells[1:])]


def very_wide(chance: random.Random, cells: Cells) -> Cells:
    more = chance.choice([500, 20_000])
    return [[*row, *(f"c{i}" if n == 0 else "" for i in range(more))] for n, row in enumerate(cells)]


def very_long(chance: random.Random, cells: Cells) -> Cells:
    changed = [list(row) for row in cells]
    chance.choice(changed)[chance.randrange(len(cells[0]))] += "z" * 1_500_000
    return changed


SHAPES = [
    *(without_columns, renamed, with_a_column_twice, with_names_swapped, with_a_row_twice, with_a_shifted_row),
    *(header_only, without_a_header, header_amid, emptied, very_wide, very_long),
]


@pytest.mark.parametrize("spoil", SHAPES)
def test_a_table_of_another_shape_is_refused_or_taken_for_what_it_is(
    world: World, spoil: Callable[[random.Random, Cells], Cells]
) -> None:
    for name in NAMES:
        chance = random.Random(f"{spoil.__name__} {name}")
        path = world.given / COHORT / f"{table(name).file}{chance.choice(['.csv', '.csv.gz'])}"
        agree(world, name, write_csv(path, spoil(chance, world.cells[name])))
    world.tables()


# The file's bytes.


def in_latin_1(_: random.Random, content: bytes) -> bytes:
    return content.decode().replace("a", "ä").encode("latin-1", "replace")


def in_utf_16(chance: random.Random, content: bytes) -> bytes:
    return content.decode().encode(chance.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32"]))


def with_broken_utf_8(chance: random.Random, content: bytes) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + chance.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f"]) + content[place:]


def with_other_delimiters(chance: random.Random, content: bytes) -> bytes:
    return content.replace(b",", chance.choice([b";", b"\t", b"|", b", "]))


def with_other_line_ends(chance: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    return b"".join(line + chance.choice([b"\n", b"\r\n", b"\r", b"\n\n"]) for line in lines)


def with_a_quote(chance: random.Random, content: bytes) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + b'"' + content[place:]


def cut_off(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def with_bytes_changed(chance: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randrange(1, 4)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def with_a_piece_moved(chance: random.Random, content: bytes) -> bytes:
    one, other = sorted(chance.sample(range(len(content)), 2))
    return content[:one] + content[other:] + content[one:other]


def with_nul_bytes(chance: random.Random, content: bytes) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + bytes(chance.randrange(1, 5000)) + content[place:]


def nothing(_: random.Random, content: bytes) -> bytes:
    return content[:0]


def white_space(chance: random.Random, _: bytes) -> bytes:
    return chance.choice([b"\n", b" ", b"\n\n\n", b"\r\n", b",,,\n", b"\xef\xbb\xbf", b"\x00", b"\x1a"])


BYTES = [
    *(in_latin_1, in_utf_16, with_broken_utf_8, with_other_delimiters, with_other_line_ends, with_a_quote, cut_off),
    *(with_bytes_changed, with_a_piece_moved, with_nul_bytes, nothing, white_space),
]


@pytest.mark.parametrize("spoil", BYTES)
def test_a_damaged_text_file_is_refused_or_taken_for_what_it_is(
    world: World, spoil: Callable[[random.Random, bytes], bytes]
) -> None:
    for seed, name in enumerate((*SMALL, "application", "previous_application")):
        chance = random.Random(f"{spoil.__name__} {seed}")
        path = write_csv(world.given / COHORT / f"{table(name).file}.csv", world.cells[name])
        path.write_bytes(spoil(chance, path.read_bytes()))
        agree(world, name, path)
    world.tables()


PACKED = [cut_off, with_bytes_changed, with_a_piece_moved, with_nul_bytes, nothing, white_space]


@pytest.mark.parametrize("spoil", PACKED)
@pytest.mark.parametrize("kind", [".csv.gz", ".parquet"])
def test_a_damaged_packed_file_is_refused(
    world: World, kind: str, spoil: Callable[[random.Random, bytes], bytes], pristine: dict[str, str]
) -> None:
    for seed in range(5):
        world.reset()
        chance = random.Random(f"{spoil.__name__} {seed}")
        name = chance.choice(SMALL)
        path = world.given / COHORT / f"{table(name).file}{kind}"
        write = write_csv if kind == ".csv.gz" else lambda p, c: write_parquet(p, c, write_page_checksum=True)
        write(path, world.cells[name])
        path.write_bytes(spoil(chance, path.read_bytes()))
        if not taken(world, path.parent, {path.name}):  # a bit that says nothing, such as the time in a gzip's header
            assert world.tables() == pristine


# Types that Parquet has and tables have not.

TYPES = [
    pa.decimal128(38, 10),
    pa.decimal128(20, 0),
    pa.float32(),
    pa.int8(),
    pa.uint64(),
    pa.bool_(),
    pa.timestamp("us"),
    pa.date32(),
    pa.time64("us"),
    pa.list_(pa.int64()),
    pa.struct({"a": pa.int64()}),
    pa.map_(pa.string(), pa.int64()),
    pa.null(),
    pa.dictionary(pa.int8(), pa.int64()),
]


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_a_parquet_column_of_another_type_is_refused_or_taken_for_what_it_is(world: World, kind: pa.DataType) -> None:
    for name in ("pos_cash_balance", "bureau"):
        chance = random.Random(f"{kind} {name}")
        column = chance.choice([c.name for c in table(name).columns.values() if c.type != "VARCHAR"])
        columns = {title: pa.array(texts) for title, *texts in zip(*world.cells[name], strict=True)}
        whole = [None if text == "" else int(float(text)) for text in columns[column].to_pylist()]
        columns[column] = as_type(whole, kind)
        path = world.given / COHORT / f"{table(name).file}.parquet"
        pq.write_table(pa.table(columns), path)
        said = agree(world, name, path)
        refused = pa.types.is_nested(kind) or pa.types.is_temporal(kind) or pa.types.is_boolean(kind)
        assert said or not refused or set(whole) == {None}
    world.tables()


def as_type(whole: list[int | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_null(kind):
        return pa.nulls(len(whole))
    if pa.types.is_dictionary(kind):
        return pa.array(whole, pa.int64()).dictionary_encode()
    made: Callable[[int], object] = int
    if pa.types.is_list(kind):
        made = lambda v: [v]  # noqa: E731
    elif pa.types.is_struct(kind):
        made = lambda v: {"a": v}  # noqa: E731
    elif pa.types.is_map(kind):
        made = lambda v: [("a", v)]  # noqa: E731
    elif pa.types.is_boolean(kind):
        made = bool
    elif not (pa.types.is_decimal(kind) or pa.types.is_float32(kind)):
        made = lambda v: abs(v) % 100  # noqa: E731
    values = [None if v is None else made(v) for v in whole]
    if pa.types.is_temporal(kind):
        return pa.array(values, pa.int32() if pa.types.is_date32(kind) else pa.int64()).cast(kind)
    return pa.array(values, kind)


# Archives and folders.


@contextmanager
def no_large_file() -> Iterator[None]:
    """Whoever writes more than a few megabytes in here fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def bomb(archive: Path, chance: random.Random) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr(f"{chance.choice(['', 'a/', '2025-01/'])}bureau.csv", bytes(30_000_000))


def bomb_that_says_it_is_small(archive: Path, chance: random.Random) -> None:
    bomb(archive, chance)
    size, packed = struct.pack("<I", 30_000_000), archive.read_bytes()
    archive.write_bytes(packed.replace(size, struct.pack("<I", chance.randrange(100, 2000))))


def bomb_that_says_it_is_huge(archive: Path, chance: random.Random) -> None:
    bomb(archive, chance)
    size, packed = struct.pack("<I", 30_000_000), archive.read_bytes()
    archive.write_bytes(packed.replace(size, struct.pack("<I", 4_000_000_000)))


def bomb_of_shared_bytes(archive: Path, chance: random.Random) -> None:
    """Many names in the directory for the same bytes."""
    names = ["bureau.csv", "bureau_balance.csv", "application.csv", "outcomes.csv"]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        for name in names:
            content.writestr(name, chance.randbytes(20_000))
        for info in content.infolist():
            info.header_offset, info.file_size = 0, 3_000_000_000


def zip_in_a_zip(archive: Path, chance: random.Random) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as content:
        content.writestr("bureau.csv", "SK_ID_CURR\n")
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr(chance.choice(["2025-01.zip", "bureau.csv.zip", "bureau.csv"]), inner.getvalue())


OUT = ["../", "../../../", "/", "/etc/", "..\\", "C:\\", "./../", "a/../../", "x" * 300 + "/", "\n/"]


def leading_out(archive: Path, chance: random.Random) -> None:
    way = chance.choice(OUT)
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr(f"{way}bureau.csv", chance.choice(["SK_ID_CURR\n1\n", ""]))
        content.writestr(f"{way}evil.txt", "evil")


def a_link(archive: Path, chance: random.Random) -> None:
    link = zipfile.ZipInfo("bureau.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr(link, chance.choice(["/etc/passwd", "../../application.csv", "bureau.csv"]))


def twice(archive: Path, chance: random.Random) -> None:
    again = ["BUREAU.csv", "bureau.csv.gz", "bureau.parquet", "./bureau.csv", "x/../bureau.csv"]
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("bureau.csv", "SK_ID_CURR\n")
        content.writestr(chance.choice(again), "")


def packed_otherwise(archive: Path, chance: random.Random) -> None:
    method = chance.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED])
    with zipfile.ZipFile(archive, "w", method) as content:
        content.writestr("bureau.csv", "SK_ID_CURR\n1\n")
    if chance.random() < 0.5:
        packed = bytearray(archive.read_bytes())
        packed[packed.index(b"PK\x01\x02") + 10] = packed[8] = 97
        archive.write_bytes(packed)


def damaged(archive: Path, chance: random.Random) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("bureau.csv", "SK_ID_CURR\n" + "".join(f"{chance.random()}\n" for _ in range(500)))
    spoil = chance.choice([cut_off, with_bytes_changed, with_a_piece_moved, with_nul_bytes])
    archive.write_bytes(spoil(chance, archive.read_bytes()))


ARCHIVES = [
    *(
        bomb,
        bomb_that_says_it_is_small,
        bomb_that_says_it_is_huge,
        bomb_of_shared_bytes,
        zip_in_a_zip,
        leading_out,
        a_link,
    ),
    *(twice, packed_otherwise, damaged),
]


@pytest.mark.parametrize("spoil", ARCHIVES)
def test_a_zip_that_is_none_of_a_delivery_is_refused_and_unpacks_to_little(
    world: World, spoil: Callable[[Path, random.Random], None]
) -> None:
    for seed in range(6):
        world.reset()
        inside = seed % 2
        archive = world.given / (f"{COHORT}/more.zip" if inside else f"{COHORT}.zip")
        spoil(archive, random.Random(f"{spoil.__name__} {seed}"))
        with no_large_file():
            assert taken(world, archive.parent if inside else archive, {archive.name, COHORT, ".csv"})


@pytest.mark.parametrize("kind", ["gzip", "gzip of lines", "parquet"])
def test_a_file_that_unpacks_to_far_more_than_a_table_is_refused(world: World, kind: str) -> None:
    path = world.given / COHORT / ("bureau_balance.parquet" if kind == "parquet" else "bureau_balance.csv.gz")
    if kind == "parquet":
        rows = 3_000_000
        same = {"SK_ID_BUREAU": 1, "MONTHS_BALANCE": -1, "STATUS": "C"}
        columns = {name: pa.repeat(pa.scalar(single), rows) for name, single in same.items()}
        pq.write_table(pa.table(columns), path, row_group_size=rows)
    else:
        content = b"1,-1,C\n" * 5_000_000 if "lines" in kind else bytes(40_000_000)
        path.write_bytes(gzip.compress(b"SK_ID_BUREAU,MONTHS_BALANCE,STATUS\n" + content, 9))
    with no_large_file():
        (said,) = taken(world, path.parent, {path.name})
    assert "unpacks to more than" in said or "too many for its size" in said


def hidden_files(folder: Path, source: Path) -> bool:
    for name in (".bureau.csv", "._bureau.csv", "bureau.csv~", "bureau.csv.part", ".DS_Store", "Thumbs.db", "bureau"):
        shutil.copy(source / "bureau.csv", folder / name)
    return True


def links(folder: Path, source: Path) -> bool:
    (folder / "bureau.csv").symlink_to(source / "bureau.csv")
    (folder / "outcomes.csv").symlink_to(folder / "nowhere")
    (folder / "application.csv").symlink_to(folder / "application.csv")
    (folder / "loop").symlink_to(folder)
    return False


def a_pipe(folder: Path, source: Path) -> bool:
    os.mkfifo(folder / "bureau.csv")
    return True


def folders_for_files(folder: Path, source: Path) -> bool:
    (folder / "bureau.csv").mkdir()
    return True


def the_same_table_twice(folder: Path, source: Path) -> bool:
    for name in ("bureau.csv", "Bureau.CSV"):
        shutil.copy(source / "bureau.csv", folder / name)
    return True


def the_same_table_in_two_forms(folder: Path, source: Path) -> bool:
    shutil.copy(source / "bureau.csv", folder / "bureau.csv")
    (folder / "bureau.csv.gz").write_bytes(gzip.compress((source / "bureau.csv").read_bytes()))
    return True


def another_tables_name(folder: Path, source: Path) -> bool:
    shutil.copy(source / "bureau.csv", folder / "bureau_balance.csv")
    return True


def deep_folders(folder: Path, source: Path) -> bool:
    shutil.copytree(source, folder / "a" / "b" / "c")
    return True


def kaggle_beside_others(folder: Path, source: Path) -> bool:
    shutil.copy(source / "application.csv", folder / "application_train.csv")
    shutil.copy(source / "application.csv", folder / "application.csv")
    return True


FOLDERS = [
    *(hidden_files, links, a_pipe, folders_for_files, the_same_table_twice, the_same_table_in_two_forms),
    *(another_tables_name, deep_folders, kaggle_beside_others),
]


@pytest.mark.parametrize("make", FOLDERS)
def test_a_folder_of_odd_things_is_refused_or_taken_for_what_it_is(
    world: World, pristine: dict[str, str], make: Callable[[Path, Path], bool]
) -> None:
    refused = make(world.given / COHORT, world.kept)
    said = taken(world, world.given / COHORT, {COHORT, "bureau", "application"})
    assert bool(said) == refused
    if not refused:
        assert world.tables() == pristine


def test_there_are_at_least_five_hundred_of_them() -> None:
    tables = len(HARMLESS) * len(NAMES) + 2 * len(NASTY) + len(SHAPES) * len(NAMES) + 8 * len(BYTES)
    assert tables + 10 * len(PACKED) + 2 * len(TYPES) + 6 * len(ARCHIVES) + len(FOLDERS) >= 500
