"""Lets months pass and keeps what happened: what landed, what was found, told and done, and what it cost.

A month is landed, scored and watched on the day it is complete; what became of its clients arrives months later. The
first months bring their outcomes with them: from them the first champion is made. Beside the platform, which renews
its model when it should, the first champion is kept to say what doing nothing would have cost.

Not here: how anything is done (`lender.py`), and when an incident or a training is due (`alerting`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from pydantic import TypeAdapter

from credit_platform.alerting import retraining, watch
from credit_platform.alerting.incidents import Event, Run
from credit_platform.alerting.retraining import Limits, Situation
from credit_platform.alerting.sources import of_layers
from credit_platform.alerting.store import AlertStore
from credit_platform.home_credit.simulator.scenarios import STABLE, Conditions, conditions
from credit_platform.settings import Settings

Progress = Callable[[int, str], None]


@dataclass(frozen=True)
class Costs:
    """What a month cost per client by its true outcomes, in refused good clients: as each of these would decide."""

    champion: float
    first: float
    approve_all: float
    default_rate: float


class Lending(Protocol):
    """A month's work."""

    @property
    def settings(self) -> Settings: ...

    @property
    def version(self) -> str:
        """The version that decides; empty where none does."""

    def receive(self, cohort: str, outcomes: bool) -> bool:
        """Takes a month in; whether it may be scored."""

    def receive_outcomes(self, cohort: str) -> None:
        """Takes in what became of a month's clients."""

    def score(self, cohort: str) -> None: ...

    def monitor(self, cohort: str) -> Run | None:
        """What is known of a month."""

    def train(self, since: str, progress: Callable[[str], None]) -> str:
        """Makes a challenger of what is labelled since a month (empty: of all); what came of it at the gate."""

    def labelled(self) -> list[str]: ...

    def set_aside(self) -> list[str]:
        """The months in quarantine."""

    def costs(self, cohort: str, version: str) -> Costs: ...


@dataclass(frozen=True)
class Told:
    """One thing that was told of an incident."""

    incident: str
    event: str
    kind: str
    severity: str
    sentence: str
    cause: str


@dataclass(frozen=True)
class Month:
    """What happened in a month. `found` are sentences about what was bad in it, told or not.

    `decided` says why there was, or was no training, where an incident asked for one; `trained` what came of it.
    `costs` is None in the months from which the first champion was made.
    """

    cohort: str
    version: str
    set_aside: bool
    found: tuple[str, ...]
    told: tuple[Told, ...]
    decided: str
    trained: str
    costs: Costs | None


@dataclass(frozen=True)
class Play:
    """A replay. `change` is the month in which the scenario begins to act, `material` that in which it matters."""

    scenario: str
    clients: int
    seed: int
    outcomes_after: int
    change: str
    material: str
    months: tuple[Month, ...]

    @property
    def watched(self) -> list[Month]:
        """The months after the first champion was made."""
        return [month for month in self.months if month.costs is not None]

    @property
    def first_outcomes(self) -> str:
        """The month in which the first outcomes from after the change arrive; empty: none."""
        names = [month.cohort for month in self.months]
        late = names.index(self.change) + self.outcomes_after if self.change in names else len(names)
        return names[late] if self.material and late < len(names) else ""

    @property
    def noticed(self) -> str:
        """The first month since the change in which anything was found; empty: none."""
        return next((m.cohort for m in self.watched if m.found and self.change <= m.cohort and self.change), "")

    @property
    def alerts(self) -> list[tuple[str, Told]]:
        """What was told anew or as worse, by month."""
        return [(m.cohort, told) for m in self.watched for told in m.told if told.event in ("opened", "escalated")]

    @property
    def trainings(self) -> list[tuple[str, str]]:
        """The trainings by drift, by month, and what came of each."""
        return [(m.cohort, m.trained) for m in self.watched if m.trained]

    @property
    def renewed(self) -> list[Month]:
        """The months that another version than the first one decided."""
        watched = self.watched
        return [m for m in watched if m.version != watched[0].version and not m.set_aside]

    def cost(self, months: Sequence[Month]) -> tuple[float, float]:
        """Mean cost per client of some months: as decided, and as the first champion would have."""
        costs = [month.costs for month in months if month.costs is not None]
        count = max(len(costs), 1)
        return sum(c.champion for c in costs) / count, sum(c.first for c in costs) / count

    def to_json(self) -> str:
        return TypeAdapter(Play).dump_json(self, indent=1).decode()


def play(
    lender: Lending,
    cohorts: Sequence[str],
    *,
    scenario: str,
    clients: int,
    seed: int,
    change: str,
    history: int,
    outcomes_after: int,
    progress: Progress = lambda _done, _what: None,
) -> Play:
    """Plays months one after another. Of the first `history` months the outcomes are known from the start."""
    trainings: list[datetime] = []
    asked: set[str] = set()
    months: list[Month] = []
    for number, cohort in enumerate(cohorts):
        at, known = month_end(cohort), number < history
        progress(number, f"{cohort}: landing")
        sound = lender.receive(cohort, known)
        if known:
            made = ""
            if number == history - 1:
                made = lender.train("", partial(_tell, progress, number, cohort))
                if not lender.version:
                    raise ValueError(f"no first champion could be made of {history} months: {made}")
            months.append(Month(cohort, lender.version, not sound, (), (), "", made, None))
            continue
        version = lender.version
        if sound:
            progress(number, f"{cohort}: scoring and monitoring")
            lender.score(cohort)
        runs = [lender.monitor(cohort)]
        late = number - outcomes_after
        if late >= history:
            lender.receive_outcomes(cohorts[late])
            again = lender.monitor(cohorts[late])
            runs.insert(0, again and of_layers(again, ("outcomes",)))
        seen = [run for run in runs if run is not None]
        events = watch.observe(lender.settings, seen, at)
        decision = retraining.decide(_situation(lender, trainings), Limits.of(lender.settings), at)
        trained = ""
        if decision.due and decision.key not in asked:
            asked.add(decision.key)
            trainings.append(at)
            trained = lender.train(decision.since, partial(_tell, progress, number, cohort))
            events += watch.link_outcome(lender.settings, decision.incidents, trained, at)
        months.append(
            Month(
                cohort=cohort,
                version=version,
                set_aside=not sound,
                found=tuple(signal.sentence for run in seen for signal in run.signals if signal.is_bad),
                told=tuple(_told(event) for event in events),
                decided=decision.reason if decision.incidents else "",
                trained=trained,
                costs=lender.costs(cohort, version),
            )
        )
    progress(len(cohorts), "done")
    return Play(
        scenario, clients, seed, outcomes_after, change, material_month(scenario, change, cohorts), tuple(months)
    )


def material_month(scenario: str, change: str, cohorts: Sequence[str]) -> str:
    """The month from which a scenario's change matters: by half a standard deviation of a trait, by a third in the odds
    of default, by a fifth of the incomes, or by values that arrive otherwise than before. Empty: never.
    """
    since = list(cohorts).index(change) if change in cohorts else len(cohorts)
    for number, cohort in enumerate(cohorts):
        if number >= since and _is_material(conditions(scenario, number - since)):
            return cohort
    return ""


def month_end(cohort: str) -> datetime:
    """When a cohort named after a month is complete: the first of the next month."""
    year, month = int(cohort[:4]), int(cohort[5:7])
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _tell(progress: Progress, number: int, cohort: str, what: str) -> None:
    progress(number, f"{cohort}: {what}")


def _is_material(now: Conditions) -> bool:
    return (
        max(abs(now.age_shift), abs(now.debt_shift)) >= 0.5
        or abs(now.log_odds_shift) >= 0.3
        or abs(now.income_factor - 1) >= 0.2 - 1e-9
        or now.income_unit != STABLE.income_unit
        or now.ext_source_3_delivered < STABLE.ext_source_3_delivered
        or now.new_category_share >= 0.02
    )


def _situation(lender: Lending, trainings: Sequence[datetime]) -> Situation:
    with AlertStore.of(lender.settings) as store, store.reading() as read:
        incidents = list(read.unresolved().values())
    return Situation(incidents, lender.set_aside(), lender.labelled(), trainings, lender.version)


def _told(event: Event) -> Told:
    incident = event.incident
    sentence = incident.outcome if event.kind == "retrained" else incident.sentence
    return Told(incident.id, event.kind, incident.kind, incident.severity, sentence, incident.cause)
