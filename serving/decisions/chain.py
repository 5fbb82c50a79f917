"""The chain: each entry's hash covers its content and the hash before it, and a code that only the log's key can make.

A head names the newest entry of some moment. Kept where nobody reaches it through the database, it is what shows that
the tail was cut off. Not here: walking the chain (`verification.py`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest, digest
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Table

from credit_platform.lake.files import atomic
from serving.decisions.entries import Receipt, moment
from serving.decisions.errors import DecisionLogError
from serving.decisions.schema import keys, records

START = bytes(32)
"""What stands for the hash before the first entry."""

_NEWEST = f"select sequence, hash from {records.name} order by sequence desc limit 1"


@dataclass(slots=True)
class Entry:
    """An entry that waits for its place in the chain. A sealed one brings the key that opens it."""

    id: str
    at: int
    event: str
    body: str
    subject: str | None = None
    sealed: bytes | None = None
    client: bytes | None = None
    wrapped: bytes | None = None
    content: bytes = field(init=False)

    def __post_init__(self) -> None:
        # Here rather than in the transaction, because there every process has to wait for it.
        self.content = digest_of(self.id, self.at, self.event, self.subject, self.body, self.sealed)


def digest_of(*values: object) -> bytes:
    """SHA-256 over values, each behind its type and length, so that no two lists of values look alike."""
    whole = sha256()
    for value in values:
        raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        whole.update(f"{type(value).__name__}:{len(raw)}:".encode())
        whole.update(raw)
    return whole.digest()


def link(previous: bytes, sequence: int, content: bytes) -> bytes:
    """The hash of an entry."""
    return sha256(previous + sequence.to_bytes(8, "big") + content).digest()


def code(key: bytes, made: bytes) -> bytes:
    """What proves that the holder of the key made this hash."""
    return digest(key, made, "sha256")


def append(connection: Connection, entries: Sequence[Entry], key: bytes) -> list[Receipt]:
    """Appends entries in a transaction that keeps every other writer out."""
    newest = connection.exec_driver_sql(_NEWEST).one_or_none()
    sequence, current = newest or (0, START)
    rows, receipts = [], []
    for e in entries:
        sequence += 1
        current = link(current, sequence, e.content)
        rows.append((sequence, e.id, e.at, e.event, e.subject, e.body, e.sealed, current, code(key, current)))
        receipts.append(Receipt(e.id, sequence, moment(e.at), current.hex(), e.subject))
    _insert(connection, records, rows)
    _insert(connection, keys, [(e.id, e.client, e.wrapped) for e in entries if e.wrapped is not None])
    return receipts


def _insert(connection: Connection, table: Table, rows: Sequence[tuple]) -> None:
    """Plain SQL for all columns, because SQLAlchemy's own costs more per row than the rest of it together."""
    names = table.columns.keys()
    marks = ["?" if connection.dialect.name == "sqlite" else "%s"] * len(names)
    if rows:
        statement = f"insert into {table.name} ({', '.join(names)}) values ({', '.join(marks)})"
        connection.exec_driver_sql(statement, list(rows))


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of some moment, signed with the log's key."""

    sequence: int
    hash: str
    at: str
    signature: str

    @classmethod
    def of(cls, receipt: Receipt, key: bytes) -> Self:
        at = receipt.at.isoformat()
        return cls(receipt.sequence, receipt.hash, at, code(key, digest_of(receipt.sequence, receipt.hash, at)).hex())

    def genuine(self, key: bytes) -> bool:
        expected = code(key, digest_of(self.sequence, self.hash, self.at)).hex()
        return compare_digest(expected.encode(), str(self.signature).encode())

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads a head that `write` made.

        Raises:
            DecisionLogError: there is none, or it isn't one.
        """
        try:
            head = cls(**json.loads(file.read_bytes()))
            if isinstance(head.sequence, int) and isinstance(head.hash, str):
                return head
        except (OSError, ValueError, TypeError):
            pass
        raise DecisionLogError(f"{file} is missing, or is no head of a decision log.")

    def write(self, file: Path) -> None:
        """Takes the place of an older head; a newer one stays, for it may be the proof that entries are gone."""
        if file.exists() and Head.read(file).sequence >= self.sequence:
            return
        text = {"sequence": self.sequence, "hash": self.hash, "at": self.at, "signature": self.signature}
        with atomic(file) as beside:
            beside.write_text(json.dumps(text) + "\n", "utf-8")
