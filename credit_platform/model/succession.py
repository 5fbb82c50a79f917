"""Which version decides, and how that changes: by a passed gate, by a person's promotion, by a rollback.

Every change is in the ledger before the registry's alias moves, and once more when it has moved. Whoever looks next,
`reconcile`, finishes what a process that died between the two left: the move counts as done where the alias names the
new version, and as not carried out where it names the old one. An alias that somebody moved by other means is written
down as found. So the ledger and the alias may disagree only as long as nobody looks.

Gate reports are artifacts of the run of the version they are about, since all machines share the registry; the ledger
holds their digests. The registry, in turn, holds the name of the ledger's newest entry. Not here: the rules of the gate
(`promotion.py`), how the ledger is kept (`ledger.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, TypedDict

from credit_platform.model import ledger, registry
from credit_platform.model.ledger import Entry, Ledger, LedgerError, Line
from credit_platform.model.promotion import GateReport
from credit_platform.settings import Settings

THE_GATE = "the gate"
_NEWEST = "promotion_ledger"
"""Tag of the registered model that names the ledger's newest entry."""


class _Filed(TypedDict, total=False):
    """Where a gate report lies, and its SHA-256."""

    gate_report: str
    gate_digest: str


class PromotionError(RuntimeError):
    """A version may not decide, or not for the reason given."""


@dataclass(frozen=True)
class Outcome:
    """What came of it for a version: whether it decides now, or waits for a person, and why.

    `notes` say what the alias and the ledger disagreed on before.
    """

    version: str
    result: Literal["promoted", "rolled back to", "waits", "refused", "unchanged"]
    reason: str
    notes: tuple[str, ...] = ()


def settle(settings: Settings, report: GateReport, by: str = THE_GATE) -> Outcome:
    """Acts on a gate report: promotes the challenger, asks for sign-off, or refuses it; the ledger says which.

    A version that was rolled back is not promoted again without a person.

    Raises:
        PromotionError: another version than the report's champion decides by now.
        LedgerError: the ledger is not what was written.
    """
    version = report.challenger
    with _reconciled(settings) as (book, present, notes):
        if version == present:
            return Outcome(version, "unchanged", "decides already", notes)
        if report.champion != present:
            raise PromotionError(f"version {version} was {_stale(report, present)}; compare it again")
        filed = _file(settings, report)
        if not report.passed:
            book.append("refusal", by=by, why=report.reason, from_version=present, to_version=version, **filed)
            return Outcome(version, "refused", report.reason, notes)
        back = book.rolled_back(version)
        if settings.promotion == "auto" and back is None:
            why = report.reason
            move = book.append("promotion", by=by, why=why, from_version=present, to_version=version, **filed)
            _carry_out(settings, book, move)
            return Outcome(version, "promoted", why, notes)
        before = f", but was rolled back by {back.by} ({back.why})" if back else ""
        why = f"passed the gate{before}: {report.reason}"
        book.append("sign-off request", by=by, why=why, from_version=present, to_version=version, **filed)
        command = f"credit-platform promote {version} --by NAME --why TEXT"
        return Outcome(version, "waits", f"{why}; waits for: {command}", notes)


def promote(settings: Settings, version: str, by: str, why: str, override: bool = False) -> Outcome:
    """Makes a version that has passed its gate the champion, in a person's name.

    With `override` also one that has not; the ledger then holds what spoke against it.

    Raises:
        PromotionError: the version decides already, or its gate speaks against it (recorded as a refusal).
        NoModelError: there is no such version.
        LedgerError: the ledger is not what was written.
    """
    by, why = _said(by, why)
    registry.run_of(settings, version)
    with _reconciled(settings) as (book, present, notes):
        if version == present:
            raise PromotionError(f"version {version} decides already")
        judged = book.judged(version)
        filed = _Filed(gate_report=judged.gate_report, gate_digest=judged.gate_digest) if judged else _Filed()
        against = _against(settings, judged, present)
        if against and not override:
            found = "; ".join(against)
            text = f"{why} - refused: {found}"
            book.append("refusal", by=by, why=text, from_version=present, to_version=version, **filed)
            raise PromotionError(f"version {version} was not promoted: {found} (--override promotes it nevertheless)")
        move = book.append(
            "promotion", by=by, why=why, from_version=present, to_version=version, overridden=against, **filed
        )
        _carry_out(settings, book, move)
        return Outcome(version, "promoted", why, notes)


def roll_back(settings: Settings, by: str, why: str, to: str | None = None) -> Outcome:
    """Makes the champion before the present one, or an earlier one, the champion again.

    Raises:
        PromotionError: no other version has decided, or `to` has not.
        NoModelError: the version is no longer in the registry.
        LedgerError: the ledger is not what was written.
    """
    by, why = _said(by, why)
    with _reconciled(settings) as (book, present, notes):
        earlier = [version for version in book.line if version != present]
        if to is not None and to not in book.champions():
            raise PromotionError(f"version {to} has never decided, so nothing can be rolled back to it")
        if to is None and not earlier:
            raise PromotionError("there is no earlier champion to roll back to")
        target = to or earlier[-1]
        if target == present:
            raise PromotionError(f"version {target} decides already")
        registry.run_of(settings, target)
        move = book.append("rollback", by=by, why=why, from_version=present, to_version=target)
        _carry_out(settings, book, move)
        return Outcome(target, "rolled back to", why, notes)


def reconcile(settings: Settings) -> tuple[str, ...]:
    """Brings ledger and alias together. Returns what they disagreed on, in sentences.

    Raises:
        LedgerError: the ledger is not what was written.
    """
    with _reconciled(settings) as (_, _, notes):
        return notes


def history(settings: Settings) -> tuple[list[Line], tuple[str, ...]]:
    """All decisions, oldest first, and what ledger and alias disagreed on until now.

    Raises:
        LedgerError: the ledger is not what was written.
    """
    with _reconciled(settings) as (book, _, notes):
        return book.history(), notes


def gate_report(settings: Settings, version: str) -> GateReport | None:
    """A version's newest gate report, or None where the ledger names none.

    Raises:
        PromotionError: the report is gone, or not the one that the ledger names.
        LedgerError: the ledger is not what was written.
    """
    judged = ledger.read(settings).judged(version)
    return _report(settings, judged) if judged else None


@contextmanager
def _reconciled(settings: Settings) -> Iterator[tuple[Ledger, str | None, tuple[str, ...]]]:
    """The ledger, the version that decides, and what the two disagreed on before the block."""
    newest = registry.tag_of_model(settings, _NEWEST)
    with ledger.opened(settings) as book:
        if newest and newest not in {entry.name for entry in book.entries}:
            raise LedgerError(
                f"the registry names entry {newest}, which the ledger {ledger.where(settings)} lacks. Restore it from "
                "a backup. Machines that share a registry have to share the ledger too (CREDIT_LAKE_URI). To begin "
                f"another ledger, remove the tag {_NEWEST} of the registered model."
            )
        present = registry.number_under(settings, settings.model_alias)
        notes = (*_finish(settings, book, present), *_discover(settings, book, present))
        try:
            yield book, present, notes
        finally:
            if book.entries:
                registry.tag_model(settings, _NEWEST, book.entries[-1].name)


def _finish(settings: Settings, book: Ledger, present: str | None) -> Iterator[str]:
    """Says of moves that were left open what became of them."""
    for move in book.open_moves:
        what = f"the {move.kind} of {move.by} from version {move.from_version} to {move.to_version}"
        if move.to_version == present:
            _close(settings, book, move, "the alias names the new version")
            yield f"{what} was interrupted after the alias had moved; it is recorded as done now"
        else:
            _append_end(book, "dropped", move, f"the alias names version {present}")
            yield f"{what} was interrupted before the alias moved and did not take place; repeat it if it is wanted"


def _discover(settings: Settings, book: Ledger, present: str | None) -> Iterator[str]:
    """Writes down where the alias points, if no entry has led there."""
    if present != book.champion:
        note = f"the alias {settings.model_alias} names version {present}, the ledger {book.champion}"
        book.append("found", by="unknown", why=note, from_version=book.champion, to_version=present)
        yield f"{note}: moved by other means"


def _carry_out(settings: Settings, book: Ledger, move: Entry) -> None:
    registry.point(settings, settings.model_alias, str(move.to_version))
    _close(settings, book, move, "the alias was moved")


def _close(settings: Settings, book: Ledger, move: Entry, why: str) -> None:
    """Says in the registry who moved the alias and why, then closes the move."""
    said = {"at": move.at.isoformat(timespec="seconds"), "by": move.by, "why": move.why, "entry": move.name}
    of = {move.to_version: "promoted" if move.kind == "promotion" else "reinstated"}
    if move.kind == "rollback":
        of[move.from_version] = "rolled_back"
    for version, what in of.items():
        if version is not None:
            registry.tag(settings, version, {f"{what}_{key}": value for key, value in said.items()})
    _append_end(book, "done", move, why)


def _append_end(book: Ledger, kind: Literal["done", "dropped"], move: Entry, why: str) -> None:
    book.append(kind, by=move.by, why=why, from_version=move.from_version, to_version=move.to_version, of=move.name)


def _file(settings: Settings, report: GateReport) -> _Filed:
    """Stores a report with its version's run, for machines and for people. Returns what the ledger says of it."""
    path = f"gate/{report.at:%Y%m%dT%H%M%SZ}-{report.digest[:8]}"
    registry.attach(settings, report.challenger, f"{path}.json", report.to_json())
    registry.attach(settings, report.challenger, f"{path}.md", report.markdown())
    registry.tag(
        settings, report.challenger, {"gate": "passed" if report.passed else "failed", "gate_report": f"{path}.json"}
    )
    return _Filed(gate_report=f"{path}.json", gate_digest=report.digest)


def _against(settings: Settings, judged: Entry | None, present: str | None) -> list[str]:
    """What speaks against a promotion."""
    if judged is None:
        return ["it has not been through the gate; materialise champion while it is the challenger"]
    try:
        report = _report(settings, judged)
    except PromotionError as error:
        return [str(error)]
    stale = [f"it was {_stale(report, present)}"] if report.champion != present else []
    return [*stale, *(f"{rule.name.replace('_', ' ')}: {rule.sentence}" for rule in report.failed)]


def _stale(report: GateReport, present: str | None) -> str:
    than, now = (f"version {number}" if number else "no champion" for number in (report.champion, present))
    return f"compared with {than}, while by now {f'{now} decides' if present else 'none decides'}"


def _report(settings: Settings, judged: Entry) -> GateReport:
    text = registry.attached(settings, str(judged.to_version), judged.gate_report)
    if text is None or sha256(text.encode()).hexdigest() != judged.gate_digest:
        found = "is gone" if text is None else "is not the one that the ledger names"
        raise PromotionError(f"the gate report {judged.gate_report} of version {judged.to_version} {found}")
    return GateReport.from_json(text)


def _said(by: str, why: str) -> tuple[str, str]:
    if not by.strip() or not why.strip():
        raise PromotionError("a promotion or rollback needs a name (--by) and a reason (--why)")
    return by.strip(), why.strip()
