"""Types one landed table of one cohort and keeps the rows of the cohort's own clients.

A Kaggle download shares its histories between train and test, so each cohort takes from them what belongs to its
applications; the rest is counted, not kept. TARGET never travels with the application: it becomes `raw_outcomes`.

A table that would come out the same is left as it is: what it was made from stands with it.
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import duckdb

from credit_platform.home_credit import contracts
from credit_platform.home_credit.contracts import Table, table
from credit_platform.home_credit.delivery import (
    OUTCOME,
    DeliveredFile,
    DeliveryError,
    Problem,
    find,
    open_file,
    typed_column,
)
from credit_platform.home_credit.inspection import Inspection, inspect
from credit_platform.home_credit.integrity import check_archive, stamp
from credit_platform.home_credit.landing import found_when_landed
from credit_platform.lake import (
    Version,
    allow,
    bucket_count,
    bucket_sql,
    connect,
    current,
    draft,
    identifier,
    one_row,
    scan,
    write_buckets,
)
from credit_platform.settings import Settings


class DisturbedError(RuntimeError):
    """A delivered file was written to or replaced while it was read."""


@dataclass(frozen=True)
class Ingested:
    """What became of one file: the table, the rows of unknown clients, what the inspection found, and whether the
    table was there already.
    """

    version: Version
    left_out: int
    inspection: Inspection
    unchanged: bool

    @property
    def path(self) -> Path:
        return self.version.folder()

    @property
    def rows(self) -> int:
        return self.version.rows

    @property
    def buckets(self) -> int:
        return len(self.version.files)


def ingest(settings: Settings, name: str, cohort: str) -> Ingested:
    """Writes `raw_<name>` of one cohort. What was there before stays where the delivery breaks its contract.

    Raises:
        DeliveryError: the file is missing or breaks its contract.
        DisturbedError: the file changed while it was read; the next run reads it again.
        DamagedTableError: a file of the table's parent is not what was written.
        NoRoomError: the disk is full.
    """
    contract = table(name)
    path, parent = _delivered(settings, contract, cohort), _parent(settings, contract, cohort)
    with draft(settings, f"raw_{name}", cohort) as new:
        present = current(settings, f"raw_{name}", cohort)
        source = _source(path, present) if path else {}
        made_from = _made_from(settings, contract, source, parent)
        if present and present.made_from == made_from and present.is_whole():
            return Ingested(present, present.facts["left_out"], inspection_of(present), unchanged=True)
        with _undisturbed(path, source), connect(settings) as connection:
            file = open_file(path) if path else None
            inspection = _inspected(connection, file, contract, source) if file else Inspection(0, {}, ())
            if inspection.blocking:
                raise DeliveryError(inspection.problems)
            count = parent.facts["buckets"] if parent else bucket_count(settings, inspection.rows)
            typed = _typed(contract, file, parent, count) if file else _empty(contract)
            rows = write_buckets(connection, typed, count, new.folder, _order(contract))
            keys = _keys(connection, contract, new.folder)
        facts = {
            "buckets": count,
            "left_out": inspection.rows - rows,
            "keys": keys,
            "source": source,
            "inspection": asdict(inspection),
        }
        version = new.publish(rows, made_from, facts=facts)
    return Ingested(version, inspection.rows - rows, inspection, unchanged=False)


def inspection_of(version: Version) -> Inspection:
    """What the inspection found in the file that a raw table was made from; it is remembered with the table."""
    return Inspection.from_facts(version.facts["inspection"])


def delivered_hashes(settings: Settings, cohort: str) -> dict[str, str]:
    """The SHA-256 of every delivered file of a landed cohort, by table; files not written to since are not read again.

    Raises:
        DeliveryError: two files hold the same table.
    """
    folder = settings.landing_dir / cohort
    files = find(folder) if folder.is_dir() else {}
    names = {table(name).file.lower(): name for name in (*contracts.TABLE_NAMES, "outcomes")}
    return {
        names[stem]: _source(path, current(settings, f"raw_{names[stem]}", cohort))["sha256"]
        for stem, path in files.items()
        if stem in names
    }


def delivered_content(settings: Settings, cohort: str) -> str:
    """A digest of all files of a landed cohort; of what is wrong with them where they can't be told apart."""
    try:
        found: object = delivered_hashes(settings, cohort)
    except DeliveryError as error:
        found = str(error)
    return sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def gaps(contract: Table, inspection: Inspection, most: int = 10) -> list[dict[str, str]]:
    """The columns that lack most values in a file, beside the share they lack in the public data."""
    lacking = sorted(inspection.missing.items(), key=lambda item: -item[1])[:most]
    return [
        {
            "column": name,
            "missing": f"{count / inspection.rows:.1%}",
            "missing in the public data": f"{contract.columns[name].missing_share:.1%}",
        }
        for name, count in lacking
        if count
    ]


def _delivered(settings: Settings, contract: Table, cohort: str) -> Path | None:
    """The file that holds the table; none only for outcomes that are not known yet."""
    folder = settings.landing_dir / cohort
    files = find(folder) if folder.is_dir() else {}
    if contract.file.lower() in files:
        return files[contract.file.lower()]
    if contract.name == "outcomes":
        application = _delivered(settings, table("application"), cohort)
        return application if application and OUTCOME in open_file(application).columns else None
    raise DeliveryError([Problem(f"{contract.file}.csv", f"the table is missing from landing/{cohort}; land it first")])


def _inspected(
    connection: duckdb.DuckDBPyConnection, file: DeliveredFile, contract: Table, source: dict[str, Any]
) -> Inspection:
    """What is found in the file. What landing has found in the same bytes is not looked for again."""
    allow(connection, file.memory(connection))
    found = found_when_landed(file.path, source["sha256"], contract)
    if found is None:
        check_archive(file.path)
        found = inspect(connection, file, contract)
    return found


@contextmanager
def _undisturbed(path: Path | None, source: dict[str, Any]) -> Iterator[None]:
    """What is read in the block is what was hashed, or an error, which then comes before any other."""
    try:
        yield
    finally:
        if path and not (path.is_file() and stamp(path) == (source["size"], source["changed"])):
            where = f"landing/{path.parent.name}/{path.name}"
            raise DisturbedError(f"{where} was written to while it was read; run it again when it is complete")


def _parent(settings: Settings, contract: Table, cohort: str) -> Version | None:
    """The table whose rows decide which of this one's are kept; the application decides about itself."""
    if contract.parent is None:
        return None
    parent = current(settings, f"raw_{contract.parent}", cohort)
    if parent is None:
        raise DeliveryError(
            [Problem(f"landing/{cohort}", f"raw_{contract.parent} has not been made yet; it comes first")]
        )
    return parent


def _source(path: Path, present: Version | None) -> dict[str, Any]:
    """A delivered file's name, size, time and SHA-256; one that was not written to since is not read again."""
    size, changed = stamp(path)
    found = {"name": path.name, "size": size, "changed": changed}
    before = present.facts["source"] if present else {}
    if {name: before.get(name) for name in found} == found:
        return dict(before)
    with path.open("rb") as stream:
        return {**found, "sha256": file_digest(stream, "sha256").hexdigest()}


def _made_from(settings: Settings, contract: Table, source: dict[str, Any], parent: Version | None) -> str:
    """The fingerprint of all that decides what the table's files hold."""
    dealt = [parent.facts["keys"], parent.facts["buckets"]] if parent else [settings.bucket_clients]
    made_from = [source.get("sha256"), contracts.digest(contract.name), _columns(contract), dealt, duckdb.__version__]
    return sha256(json.dumps(made_from).encode()).hexdigest()


def _keys(connection: duckdb.DuckDBPyConnection, contract: Table, folder: Path) -> str:
    """A digest of the keys that a child of the table joins on: while it stays, so do the child's rows."""
    keys = [name for name in ("SK_ID_CURR", *contract.key) if name in contract.columns]
    columns = ", ".join(map(identifier, dict.fromkeys(keys)))
    found = one_row(connection, f"select count(*), bit_xor(hash({columns})) from {scan(folder)}")
    return ":".join(map(str, found))


def _typed(contract: Table, file: DeliveredFile, parent: Version | None, count: int) -> str:
    """The table's rows of this cohort's clients, each with its client's bucket."""
    query = f"select {_columns(contract, file.numbers)} from {file.scan()}"
    client = bucket_sql("SK_ID_CURR", count)
    if parent is None:
        return f"select *, {client} as bucket from ({query})"
    if contract.name == "outcomes":
        query = f"select * from ({query}) where {OUTCOME} is not null"
    rows, key = scan(parent.verified_folder()), identifier(contract.parent_key or "")
    if "SK_ID_CURR" in contract.columns:
        return f"select *, {client} as bucket from ({query}) where {key} in (select {key} from {rows})"
    return f"select rows.*, {client} as bucket from ({query}) as rows join {rows} as parent using ({key})"


def _columns(contract: Table, numbers: Collection[str] = ()) -> str:
    return ", ".join(f"{typed_column(c, numbers)[0]} as {identifier(c.name)}" for c in contract.columns.values())


def _order(contract: Table) -> tuple[str, ...]:
    """The columns that put the table's rows in one order, a client's together: with the key, of which the inspection
    has found that no two rows share it, or with every column.
    """
    first = ("SK_ID_CURR",) if "SK_ID_CURR" in contract.columns else ()
    return tuple(dict.fromkeys((*first, *(contract.key or contract.columns))))


def _empty(contract: Table) -> str:
    columns = ", ".join(f"cast(null as {c.type}) as {identifier(c.name)}" for c in contract.columns.values())
    return f"select {columns}, 0 as bucket limit 0"
