"""Incidents as the API tells them, and what may be asked of them.

Not here: when something is an incident, and what a decision about one does (`credit_platform/alerting`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from credit_platform.alerting.heartbeat import last_beat
from credit_platform.alerting.incidents import Incident, IncidentError, ResolvedError
from credit_platform.alerting.store import AlertStore, AlertStoreError, Transaction
from credit_platform.alerting.watch import UnknownIncidentError
from credit_platform.settings import Settings
from serving.problems import ProblemError

STATES = {"open": ("open",), "suspected": ("suspected",), "resolved": ("resolved",), "all": ()}


class Said(BaseModel):
    """What a person, or monitoring itself, decided about an incident."""

    model_config = ConfigDict(from_attributes=True)

    by: str = Field(examples=["ana"])
    why: str = Field(examples=["the bureau mends the feed on Monday"])
    at: datetime
    until: datetime | None = Field(None, description="Until when it holds, where it ends.")


class Alert(BaseModel):
    """One cause, from its first bad cohort on."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["5b1f0c9e7a21"])
    kind: str = Field(description="The layer of monitoring, or what else it is about.", examples=["score"])
    status: Literal["suspected", "open", "resolved"] = Field(description="Suspected: bad, but not told yet.")
    severity: Literal["warn", "critical"] = Field(description="The worst that was told.")
    state: Literal["ok", "watch", "warn", "critical"] = Field(description="As the newest cohort has it.")
    sentence: str = Field(examples=["the score moved: PSI 0.31 against 0.1 among 5,000 clients"])
    where: str = Field(examples=["psi of probability_of_default"])
    value: float | None = Field(examples=[0.31])
    threshold: float | None = Field(examples=[0.1])
    clients: int = Field(examples=[5000])
    cause: str = Field(description="The likely cause, where it can be told.", examples=["population moved"])
    model_version: str = Field(examples=["7"])
    since: str = Field(description="The first bad cohort.", examples=["2025-02"])
    subject: str = Field(description="The cohort that was judged last, or the job or sensor.", examples=["2025-03"])
    bad: int = Field(description="Bad cohorts in a row.", examples=[2])
    good: int = Field(description="Good cohorts in a row since.", examples=[0])
    first_at: datetime
    last_at: datetime
    told_at: datetime | None = Field(description="When a message about it went out last.")
    acknowledged: Said | None = None
    snoozed: Said | None = None
    resolved: Said | None = None
    verdict: Literal["", "useful", "noise"] = Field("", description="What a person said of it when closing it.")
    outcome: str = Field("", description="What came of the training that it asked for.")


class Alerts(BaseModel):
    """Incidents, the newest first."""

    alerts: list[Alert]
    before: datetime | None = Field(description="To ask for those before these; null where there are no more.")
    useful: int = Field(description="Of all closed by a person: useful.", examples=[11])
    noise: int = Field(description="Of all closed by a person: noise.", examples=[1])
    heartbeat_at: datetime | None = Field(description="When monitoring was last seen alive; null: never.")


class AlertEvent(BaseModel):
    """A line of an incident's history."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    kind: str = Field(examples=["opened"])
    who: str = Field(examples=["monitoring"])
    said: str = Field(examples=["the score moved: PSI 0.31 against 0.1 among 5,000 clients"])


class AlertHistory(Alert):
    """An incident and all that happened to it, oldest first."""

    history: list[AlertEvent]


_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Name = Annotated[str | None, Field(max_length=100, description="Who decides, where several people share a key.")]


class UntilBody(BaseModel):
    """Until when an incident is taken up or silenced, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"until": "2026-03-31T12:00:00Z", "why": "the bureau mends the feed on Monday", "by": "ana"}]
        },
    )

    until: AwareDatetime
    why: _Text
    by: _Name = None


class ResolveBody(BaseModel):
    """Why an incident is closed, and whether it was worth telling."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"verdict": "useful", "why": "the unit was mended", "by": "ana"}]},
    )

    verdict: Literal["useful", "noise"]
    why: _Text
    by: _Name = None


def listed(settings: Settings, status: Sequence[str], limit: int, before: datetime | None) -> Alerts:
    """The newest incidents of some states, empty: of all."""
    with _reading(settings) as read:
        found = read.incidents(status, limit, before) if read else []
        useful, noise = read.verdicts() if read else (0, 0)
    beat = last_beat(settings)
    more = found[-1].last_at if len(found) == limit else None
    return Alerts(alerts=[told(i) for i in found], before=more, useful=useful, noise=noise, heartbeat_at=beat)


def with_history(settings: Settings, identity: str) -> AlertHistory:
    """One incident with its history.

    Raises:
        ProblemError: there is none of this id.
    """
    with _reading(settings) as read:
        incident = read.incident(identity) if read else None
        if read is None or incident is None:
            raise _unknown()
        history = [AlertEvent.model_validate(entry) for entry in read.history(identity)]
    return AlertHistory(**told(incident).model_dump(), history=history)


def told(incident: Incident) -> Alert:
    return Alert.model_validate(incident)


@contextmanager
def refused() -> Iterator[None]:
    """Says why, where something can't be done with an incident."""
    try:
        yield
    except UnknownIncidentError:
        raise _unknown() from None
    except ResolvedError:
        raise ProblemError("already-resolved", "Nothing can be done with an incident that is over.") from None
    except IncidentError as error:
        text = str(error)
        raise ProblemError("invalid-request", f"{text[0].upper()}{text[1:]}.") from None
    except AlertStoreError:
        raise ProblemError("no-alerts", "Try again; the server's log says more.") from None


@contextmanager
def _reading(settings: Settings) -> Iterator[Transaction | None]:
    with refused():
        store = AlertStore.find(settings)
        if store is None:
            yield None
            return
        with store, store.reading() as read:
            yield read


def _unknown() -> ProblemError:
    return ProblemError("not-found", "There is no incident of this id; /alerts lists those there are.")
