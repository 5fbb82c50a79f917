"""The model in force: fetched from the registry, held in memory, and replaced when the alias names another version.

A request that finds the last look too long ago looks again; the others go on with the version they have. A version
that can't be loaded never takes the seat of one that serves.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from credit_platform.model.registry import NoModelError, fetch, number_under
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from serving.bodies import Bodies
from serving.problems import ProblemError

logger = logging.getLogger(__name__)

ModelSource = Callable[[], Scorer]
"""Brings the champion, or raises NoModelError."""

CurrentVersion = Callable[[], str | None]
"""Which version the alias names now; cheap beside fetching it."""


@dataclass(frozen=True)
class Champion:
    """A scorer and what its requests look like."""

    scorer: Scorer
    bodies: Bodies


def registry_source(settings: Settings) -> ModelSource:
    """The champion of the configured registry."""

    def source() -> Scorer:
        version = fetch(settings)
        return Scorer.load(version.folder, version.number)

    return source


def registry_version(settings: Settings) -> CurrentVersion:
    """The version under the champion's alias in the configured registry."""
    return lambda: number_under(settings, settings.model_alias)


class Seat:
    """Where the champion sits. A request looks for a model, or for a newer one, at most every `patience` seconds."""

    def __init__(self, source: ModelSource, name: str, patience: float, current: CurrentVersion | None = None) -> None:
        self._source = source
        self._current = current
        self._name = name
        self._patience = patience
        self._champion: Champion | None = None
        self._looked_at = float("-inf")
        self._looking = Lock()
        self._problem = self._none_yet = (
            f"No model is registered as {name} yet. Run `credit-platform run`; this server finds it by itself."
        )

    def look(self) -> Champion | None:
        """The champion; looked for unless someone else is at it or it was tried a moment ago."""
        if self._due() and self._looking.acquire(blocking=False):
            try:
                if self._due() and self._outdated():
                    self._champion = self._fetch() or self._champion
                self._looked_at = time.monotonic()
            finally:
                self._looking.release()
        return self._champion

    def _due(self) -> bool:
        if self._champion is not None and self._current is None:
            return False
        return time.monotonic() - self._looked_at >= self._patience

    def _outdated(self) -> bool:
        if self._champion is None or self._current is None:
            return self._champion is None
        try:
            return self._current() not in (None, self._champion.scorer.version)
        except Exception:
            # A registry that does not answer is no reason to stop deciding.
            logger.exception("the registry can't be asked for the champion; going on with the version in force")
            return False

    def champion(self) -> Champion:
        """The champion.

        Raises:
            ProblemError: there is none; the detail says what to do.
        """
        champion = self.look()
        if champion is None:
            raise ProblemError("no-model", self._problem, headers={"Retry-After": str(max(1, round(self._patience)))})
        return champion

    def _fetch(self) -> Champion | None:
        try:
            scorer = self._source()
            # A version that can't score must not take the seat; besides, the first call of each kind is a slow one.
            scorer.probabilities([{}])
            scorer.explain({})
        except NoModelError:
            self._problem = self._none_yet
            logger.warning(self._problem)
            return None
        except Exception as error:
            # Whatever is wrong with a version, the server stays up to say so.
            self._problem = (
                f"The model registered as {self._name} can't be loaded ({type(error).__name__}); "
                "the server's log says why."
            )
            logger.exception(self._problem)
            return None
        logger.info("serving %s version %s", self._name, scorer.version)
        return Champion(scorer, Bodies(scorer.schema))
