"""Where decisions are made: the version in force scores, the challenger may look on, the log takes it down, and only
then is it given.

Every endpoint that decides comes here with one client's features. Not here: where those came from, and what a version
makes of them (`credit_platform/scoring`).
"""

import logging
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from fastapi import Request

from credit_platform.scoring.scorer import Decided
from credit_platform.settings import Settings
from serving.champion import Champion, Seat
from serving.decisions.entries import Decision, Personal, Reason, Shadow
from serving.metrics import Metrics
from serving.recorder import Recorded, Recorder
from serving.wishes import Wishes

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]


class Subject(NamedTuple):
    """Who is decided about, if known, by which features, and where these are from, as `answers.Source` has it.

    The features may be more than the version in force reads: the challenger may read others.
    """

    row: Row
    client: int | None
    source: dict[str, Any]


class Desk:
    """Decides on clients for callers."""

    def __init__(
        self, settings: Settings, seat: Seat, challenger: Seat | None, recorder: Recorder, metrics: Metrics
    ) -> None:
        self._model = settings.model_name
        self.seat = seat
        self._challenger = challenger
        self.recorder = recorder
        self._metrics = metrics
        self._failed: str | None = None

    async def decide(
        self, request: Request, champion: Champion, kind: str, subject: Subject, wishes: Wishes
    ) -> dict[str, Any]:
        """A decision that is on record, as `answers.Decision` has it.

        `champion` is taken from the seat once by whoever reads the request, so that one version does everything.

        Raises:
            ProblemError: it could not be put on record, so it is not given.
        """
        scorer, state = champion.scorer, request.state
        decided = scorer.score_row(subject.row, wishes.language, wishes.most_reasons)
        state.model_version = scorer.version
        decision_id = None
        if self.recorder.enabled:
            record = self.record_of(champion, kind, state.caller.name, state.request_id, subject, wishes, decided)
            decision_id = state.decision_id = await self.recorder.record(*record)
        self.count(champion, [decided])
        return answer_of(champion, subject, wishes, decided, decision_id, state.request_id)

    def record_of(
        self,
        champion: Champion,
        kind: str,
        caller: str,
        request_id: str,
        subject: Subject,
        wishes: Wishes,
        decided: Decided,
    ) -> Recorded:
        """What the log is to keep of a decision. The challenger, where there is one, is asked here."""
        scorer = champion.scorer
        read, shadow = champion.names, None
        challenger = self._challenger.occupant if self._challenger else None
        if challenger is not None and challenger.scorer.version != scorer.version:
            read = read | challenger.names
            shadow = self._shadow(challenger, subject.row)
        decision = Decision(
            kind=kind,
            caller=caller,
            model=self._model,
            version=scorer.version,
            threshold=scorer.threshold.value,
            probability_of_default=decided.probability_of_default,
            decision=decided.decision,
            score=decided.score,
            grade=decided.grade,
            language=wishes.language,
            shadow=shadow,
            extra={"most_reasons": wishes.most_reasons},
        )
        row = subject.row
        personal = Personal(
            client=subject.client,
            request_id=request_id,
            inputs=row if row.keys() <= read.keys() else {name: row[name] for name in read if name in row},
            reasons=tuple(Reason(code=r.code, contribution=r.contribution) for r in decided.reasons),
            source=subject.source,
        )
        return decision, personal

    def count(self, champion: Champion, decisions: Sequence[Decided]) -> None:
        """Tells the metrics of decisions that are given."""
        for decided in decisions:
            self._metrics.decided(decided.decision, decided.probability_of_default, champion.scorer.version)

    def _shadow(self, challenger: Champion, row: Row) -> Shadow | None:
        scorer = challenger.scorer
        try:
            probability = float(scorer.probabilities([row])[0])
            if not isfinite(probability):
                raise ValueError("no probability")
            return Shadow(version=scorer.version, probability_of_default=probability)
        except Exception as error:
            # Whatever happens to it, the challenger is no part of the decision. Its message could hold values.
            if self._failed != scorer.version:
                logger.error("challenger %s can't score (%s)", scorer.version, type(error).__name__)
            self._failed = scorer.version
            return None


def answer_of(
    champion: Champion, subject: Subject, wishes: Wishes, decided: Decided, decision_id: str | None, request_id: str
) -> dict[str, Any]:
    """A decision as `answers.Decision` has it."""
    scorer, row = champion.scorer, subject.row
    return {
        "decision_id": decision_id,
        "request_id": request_id,
        "probability_of_default": decided.probability_of_default,
        "score": decided.score,
        "grade": decided.grade,
        "decision": decided.decision,
        "threshold": scorer.threshold.value,
        "model_version": scorer.version,
        "language": wishes.language,
        "reasons": decided.reasons,
        "source": subject.source,
        "missing_features": [name for name in champion.names if row.get(name) is None],
        "unknown_categories": [
            name for name, known in champion.categories if (value := row.get(name)) is not None and value not in known
        ],
    }


def of_request(features: Row, client: int | None = None) -> Subject:
    """A subject whose features the caller sent."""
    source = {"origin": "request", "cohort": None, "made_at": None, "age_days": None, "empty_tables": None}
    return Subject(features, client, source)
