"""A cohort as monitoring looks at it: the version that scored it, that version's profile, and the cohort's own counts.

Not here: what the layers make of it (`layers/`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.mart.build import mart_columns
from credit_platform.model import registry
from credit_platform.model.profile import Counts, Profile, profile_of
from credit_platform.monitoring.counts import count_cohort
from credit_platform.monitoring.findings import STATES, Finding, Layer, State
from credit_platform.monitoring.scored import Scored, scored_clients
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings


@dataclass(frozen=True)
class Observed:
    """What is known of a cohort. `importance` is that of the version's features, strongest first; where it is empty
    every feature counts alike.
    """

    settings: Settings
    cohort: str
    version: str
    profile: Profile
    counts: Mapping[str, Counts]
    importance: Mapping[str, float] = field(default_factory=dict)
    scored: Scored | None = None
    scorer: Scorer | None = None
    folder: Path | None = None

    @classmethod
    def of(cls, settings: Settings, cohort: str) -> Self:
        """Looks at a scored cohort from the version that decides.

        Raises:
            NoModelError: no version decides.
            MissingTableError: the cohort has no mart, or no scores.
        """
        version = registry.fetch(settings)
        scorer = Scorer.load(version.folder, version.number)
        profile = profile_of(version.folder, scorer.schema.features, scorer.threshold)
        return cls(
            settings,
            cohort,
            version.number,
            profile,
            count_cohort(settings, cohort, profile, version.folder),
            scorer.importance,
            scored_clients(settings, cohort),
            scorer,
            version.folder,
        )

    @property
    def clients(self) -> int:
        return next((counts.rows for counts in self.counts.values()), 0)

    @property
    def level(self) -> float:
        """The level of one of the tests of all columns, so that all together keep that of the settings."""
        return self.settings.drift_level / max(len(self.counts), 1)

    @cached_property
    def important(self) -> Collection[str]:
        """The features that are worth a warning by themselves."""
        return set(list(self.importance)[: self.settings.drift_columns]) or set(self.counts)

    def weight(self, column: str) -> float:
        """A feature's share of the importance of all."""
        if not self.importance:
            return 1 / max(len(self.counts), 1)
        return self.importance.get(column, 0.0) / (sum(self.importance.values()) or 1.0)

    def finding(self, layer: Layer, metric: str, state: State, sentence: str, **facts: Any) -> Finding:
        """A finding about this cohort; where there are too few clients for anything more it is at most shown."""
        clients = facts.setdefault("clients", self.clients)
        if min(clients, self.profile.rows) < self.settings.drift_clients:
            state = min(state, "watch", key=STATES.index)
        return Finding(self.cohort, self.version, layer, metric, state, sentence, **facts)


def source_of(column: str) -> str:
    """The delivered table that a mart column comes from, by lineage; that of its history where it has several."""
    return _sources().get(column, "")


@cache
def _sources() -> Mapping[str, str]:
    found = {}
    for column in mart_columns():
        tables = [source.partition(".")[0] for source in column.sources]
        history = [name for name in TABLE_NAMES if name in tables and name != "application"]
        found[column.name] = column.step if column.step in TABLE_NAMES else next(iter(history or tables), "")
    return found
