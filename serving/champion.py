"""The versions this process decides by: fetched from the registry, held in memory, replaced when an alias moves.

A seat holds the version under one alias. It is looked after beside the requests, which never wait for it: a new version
is loaded and tried while the old one goes on deciding, and takes its place between two requests. One that can't be
loaded, or can't score, never takes the seat. Not here: how a version scores (`credit_platform/scoring`).
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from threading import Lock
from typing import Protocol, Self

from credit_platform.model import registry
from credit_platform.model.registry import NoModelError
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from serving.bodies import Bodies
from serving.problems import ProblemError

logger = logging.getLogger(__name__)

ModelSource = Callable[[], Scorer]
"""Brings the version under an alias, or raises NoModelError."""

CurrentVersion = Callable[[], str | None]
"""Which version the alias names now; cheap beside fetching it."""

_RETRY_SECONDS = 300.0
"""How long a version that was refused is left alone; what was wrong may have been the way to it."""
_KEPT_VERSIONS = 3


class Registry(Protocol):
    """Where versions come from. Its methods may take seconds."""

    def number_under(self, alias: str, /) -> str | None:
        """The number of the version under an alias."""

    def load(self, number: str, /) -> Scorer:
        """Raises NoModelError where there is no such version."""

    def card(self, number: str, /) -> str | None:
        """The version's model card as HTML. Raises NoModelError where there is no such version."""


class ConfiguredRegistry:
    """The registry of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def number_under(self, alias: str) -> str | None:
        return registry.number_under(self._settings, alias)

    def load(self, number: str) -> Scorer:
        return Scorer.load(registry.version(self._settings, number).folder, number)

    def card(self, number: str) -> str | None:
        from credit_platform.model.card import CARD

        return registry.attached(self._settings, number, f"{CARD}.html")


class NoRegistry:
    """What stands for a registry where the champion comes from elsewhere."""

    def number_under(self, _alias: str) -> str | None:
        return None

    def load(self, number: str) -> Scorer:
        raise NoModelError(f"there is no registry to hold version {number}")

    def card(self, _number: str) -> str | None:
        return None


@dataclass(frozen=True)
class Champion:
    """A scorer and what its requests look like."""

    scorer: Scorer
    bodies: Bodies

    @cached_property
    def names(self) -> dict[str, None]:
        """The features in their order; keys, because they are also looked up."""
        return dict.fromkeys(self.scorer.schema.names)

    @cached_property
    def categories(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """The categorical features and what the training saw of them."""
        features = self.scorer.schema.features
        return tuple((f.name, frozenset(f.categories)) for f in features if f.kind == "category")


class Seat:
    """Where the version under an alias sits."""

    def __init__(
        self,
        source: ModelSource,
        name: str,
        patience: float,
        current: CurrentVersion | None = None,
        seated: Callable[[str], None] | None = None,
    ) -> None:
        """`seated` is told the number of each version that takes the seat; `patience` is what callers are told to have
        while nobody sits there, in seconds.
        """
        self._source = source
        self._current = current
        self._seated = seated
        self._name = name
        self._patience = patience
        self._champion: Champion | None = None
        self._looking = Lock()
        self._refused: tuple[str, float] | None = None
        self._said = False
        self._problem = self._none_yet = (
            f"No model is registered as {name} yet. Run `credit-platform run`; this server finds it by itself."
        )

    @classmethod
    def under(
        cls,
        versions: Registry,
        settings: Settings,
        alias: str,
        patience: float,
        seated: Callable[[str], None] | None = None,
    ) -> Self:
        """The seat of whatever an alias of the registry names."""
        name = f"{settings.model_name}@{alias}"

        def source() -> Scorer:
            number = versions.number_under(alias)
            if number is None:
                raise NoModelError(f"no version is registered as {name}")
            return versions.load(number)

        return cls(source, name, patience, lambda: versions.number_under(alias), seated)

    @property
    def occupant(self) -> Champion | None:
        """Whoever sits there."""
        return self._champion

    def champion(self) -> Champion:
        """Whoever sits there.

        Raises:
            ProblemError: nobody does; the detail says what to do.
        """
        champion = self._champion
        if champion is None:
            raise ProblemError("no-model", self._problem, headers={"Retry-After": str(max(1, round(self._patience)))})
        return champion

    def look(self) -> None:
        """Seats the version that the alias names, if it is another one and any good. Never fails."""
        with self._looking:
            try:
                wanted = self._current() if self._current and self._champion else None
            except Exception:
                # A registry that does not answer is no reason to stop deciding.
                logger.exception("the registry can't be asked for %s; going on as before", self._name)
                return
            if self._champion is None or wanted not in (None, self._champion.scorer.version):
                self._fetch(wanted)

    def _fetch(self, wanted: str | None) -> None:
        now = time.monotonic()
        if self._refused and self._refused[0] == wanted and now < self._refused[1]:
            return
        try:
            champion = _tried(self._source())
        except NoModelError:
            self._problem = self._none_yet
            if not self._said:
                logger.warning(self._none_yet)
            self._said = True
            return
        except Exception as error:
            # Whatever is wrong with a version, the server stays up to say so.
            self._problem = (
                f"The model registered as {self._name} can't be loaded ({type(error).__name__}); "
                "the server's log says why."
            )
            logger.exception(self._problem)
            if wanted is not None and self._champion is not None:
                self._refused = (wanted, now + _RETRY_SECONDS)
            return
        self._champion, self._refused = champion, None
        logger.info("%s is version %s from now on", self._name, champion.scorer.version)
        if self._seated is not None:
            self._seated(champion.scorer.version)


class Versions:
    """Versions by their number, whatever alias they have or had; the last few are kept."""

    def __init__(self, load: Callable[[str], Scorer], seats: Sequence[Seat]) -> None:
        self._load = load
        self._seats = seats
        self._kept: dict[str, Scorer] = {}
        self._lock = Lock()

    def scorer(self, number: str) -> Scorer:
        """The very version of that number.

        Raises:
            NoModelError: the registry does not hold it.
        """
        for seat in self._seats:
            if seat.occupant and seat.occupant.scorer.version == number:
                return seat.occupant.scorer
        with self._lock:
            found = self._kept.pop(number, None) or self._load(number)
            self._kept[number] = found
            if len(self._kept) > _KEPT_VERSIONS:
                del self._kept[next(iter(self._kept))]
        return found


def _tried(scorer: Scorer) -> Champion:
    """A version that has decided an example, and everything that its first calls would have taken time for.

    Raises:
        ValueError: what it says is no probability.
    """
    champion = Champion(scorer, Bodies(scorer.schema))
    for row in ({}, champion.bodies.example):
        if not isfinite(scorer.score_row(row).probability_of_default):
            raise ValueError(f"version {scorer.version} gives no probability")
    scorer.explain(champion.bodies.example)
    champion.names, champion.categories  # noqa: B018 - computed once
    return champion
