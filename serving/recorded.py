"""Decisions on record, told, and made again from their record. Not here: where they are kept (`decisions/`)."""

from dataclasses import asdict
from typing import Any

from credit_platform.explain.glossary import LANGUAGES
from credit_platform.scoring.scorer import Scorer
from serving import answers
from serving.decisions.entries import Record
from serving.decisions.errors import ErasedError


def told(record: Record) -> answers.RecordedDecision:
    """A record as the API answers it."""
    decision, personal = asdict(record.decision), record.personal
    decision.pop("extra")
    return answers.RecordedDecision(
        decision_id=record.id,
        sequence=record.sequence,
        at=record.at,
        hash=record.hash,
        model_name=decision.pop("model"),
        model_version=decision.pop("version"),
        **decision,
        erased=personal is None,
        client=personal.client if personal else None,
        request_id=personal.request_id if personal else None,
        inputs=dict(personal.inputs) if personal else None,
        reasons=[answers.RecordedReason(**asdict(r)) for r in personal.reasons] if personal else None,
        source=answers.Source(**personal.source) if personal else None,
        outcome=answers.Outcome.model_validate(record.outcome) if record.outcome else None,
    )


def replayed(record: Record, scorer: Scorer) -> answers.Replay:
    """Decides again on the inputs of a record with the version that decided, and compares to the bit.

    Raises:
        ErasedError: the inputs were erased.
    """
    if record.personal is None:
        raise ErasedError(f"the inputs of decision {record.id} were erased")
    decision = record.decision
    language = next((known for known in LANGUAGES if known == decision.language), LANGUAGES[0])
    again = scorer.score_row(record.personal.inputs, language, decision.extra["most_reasons"])
    values: dict[str, Any] = {
        "probability_of_default": again.probability_of_default,
        "score": again.score,
        "grade": again.grade,
        "decision": again.decision,
        "threshold": scorer.threshold.value,
    }
    then = [(r.code, r.contribution) for r in record.personal.reasons]
    compared = {name: (getattr(decision, name), value) for name, value in values.items()}
    compared["reasons"] = (then, [(r.code, r.contribution) for r in again.reasons])
    differences = [
        answers.Difference(field=name, recorded=recorded, replayed=now)
        for name, (recorded, now) in compared.items()
        if recorded != now
    ]
    return answers.Replay(
        decision_id=record.id,
        model_version=decision.version,
        identical=not differences,
        differences=differences,
        language=language,
        reasons=[answers.Reason(**asdict(reason)) for reason in again.reasons],
        **values,
    )
