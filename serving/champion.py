"""The model in force: fetched from the registry once, held in memory, and asked for again while there is none.

Not here: switching to a newer champion while serving.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from credit_platform.model.registry import NoModelError, fetch
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from serving.bodies import Bodies
from serving.problems import ProblemError

logger = logging.getLogger(__name__)

ModelSource = Callable[[], Scorer]
"""Brings the champion, or raises NoModelError."""


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


class Seat:
    """Where the champion sits. While it is empty, a request looks for a model at most every `patience` seconds."""

    def __init__(self, source: ModelSource, name: str, patience: float) -> None:
        self._source = source
        self._name = name
        self._patience = patience
        self._champion: Champion | None = None
        self._looked_at = float("-inf")
        self._looking = Lock()
        self._problem = self._none_yet = (
            f"No model is registered as {name} yet. Run `credit-platform run`; this server finds it by itself."
        )

    def look(self) -> Champion | None:
        """The champion; fetched when there is none, unless someone else is at it or it was tried a moment ago."""
        if self._champion is None and self._looking.acquire(blocking=False):
            try:
                if self._champion is None and time.monotonic() - self._looked_at >= self._patience:
                    self._champion = self._fetch()
                    self._looked_at = time.monotonic()
            finally:
                self._looking.release()
        return self._champion

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
