"""Erasure of a client (GDPR, article 17), retention, and a new master key: what destroys or renews keys.

The decisions stay, the chain stays whole, and each destruction is an entry of the chain that says how many keys it
took, not whose: nothing on record ties erased decisions to each other or to the client. Not here: the keys
themselves (`keys.py`).
"""

import logging
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select, update

from serving.decisions.chain import Entry, append
from serving.decisions.entries import Receipt, first_id, moment, new_id, now, written
from serving.decisions.errors import DecisionLogError
from serving.decisions.log import DecisionLog
from serving.decisions.schema import keys, secret

logger = logging.getLogger(__name__)

_MOST_AT_ONCE = 5000
"""Keys in one transaction; decisions wait while it runs."""


class Erased(NamedTuple):
    """How many decisions can't be opened any more, and the entries that say so."""

    decisions: int
    receipts: list[Receipt]


def erase(log: DecisionLog, client: int | str, by: str) -> Erased:
    """Destroys the keys of all decisions on a client. `by` is who ordered it; it stays on record, the client does not.

    Decisions that are being recorded meanwhile are not among them. A client the log does not know is no error, and no
    entry.

    Raises:
        DecisionLogError: nothing was erased.
    """
    return _destroy(log, keys.c.client == log.keys.pseudonym(client), "erasure", {"by": by})


def retain(log: DecisionLog, days: float) -> Erased:
    """Destroys the keys of all decisions older than that, some thousand per transaction.

    Raises:
        DecisionLogError: not all were destroyed; those that were are on record, and the same call again goes on.
    """
    before = now() - timedelta(days=days) // timedelta(microseconds=1)
    return _destroy(log, keys.c.id < first_id(before), "retention", {"before": moment(before).isoformat()})


def rotate(log: DecisionLog) -> int:
    """Wraps all keys under the master key in force, the first of CREDIT_DECISIONS_KEY. How many it wrapped anew.

    Once it is done and the older master keys are destroyed, no key in any older backup can be unwrapped.

    Raises:
        DecisionLogError: some keys are still wrapped under older master keys, which must be kept; call again.
    """
    masters, renewed, last = log.keys.masters, 0, ""
    renew = update(keys).where(keys.c.id == bindparam("of")).values(wrapped=bindparam("anew"))
    with log.database.writing() as connection:
        wrapped = connection.execute(select(secret.c.wrapped)).scalar_one()
        if not masters.in_force(wrapped):
            connection.execute(update(secret).values(wrapped=masters.rewrap(wrapped, b"secret")))
    while True:
        with log.database.writing() as connection:
            page = connection.execute(
                select(keys).where(keys.c.id > last).order_by(keys.c.id).limit(_MOST_AT_ONCE)
            ).all()
            anew = [
                {"of": row.id, "anew": log.keys.rewrapped(row.id, row.client, row.wrapped)}
                for row in page
                if not masters.in_force(row.wrapped)
            ]
            if anew:
                connection.execute(renew, anew)
        renewed += len(anew)
        if len(page) < _MOST_AT_ONCE:
            break
        last = page[-1].id
    _scrub(log)
    return renewed


def _destroy(log: DecisionLog, which: ColumnElement[bool], event: str, said: dict[str, str]) -> Erased:
    total, receipts = 0, []
    while True:
        with log.database.writing() as connection:
            count = _delete(connection, which)
            if count:
                at = now()
                entry = Entry(new_id(at), at, event, written({"destroyed": count, **said}).decode())
                receipts += append(connection, [entry], log.keys.chain)
        total += count
        if count < _MOST_AT_ONCE:
            break
    if receipts:
        log.keep_head(receipts[-1])
        _scrub(log)
    return Erased(total, receipts)


def _delete(connection: Connection, which: ColumnElement[bool]) -> int:
    ids = select(keys.c.id).where(which).limit(_MOST_AT_ONCE)
    return connection.execute(delete(keys).where(keys.c.id.in_(ids))).rowcount


def _scrub(log: DecisionLog) -> None:
    try:
        clean = log.database.scrub()
    except DecisionLogError:
        clean = False
    if not clean:
        logger.warning("the destroyed keys, encrypted, may still be found in the database's own files for a while")
