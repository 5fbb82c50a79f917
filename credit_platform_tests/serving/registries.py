"""A registry in memory: versions of one model that differ by their cut-off."""

from dataclasses import replace
from pathlib import Path

from credit_platform.model.registry import NoModelError
from credit_platform.scoring.scorer import Scorer


class Registry:
    """Every number is a version, except those that are gone; `broken` ones can't be loaded, though they are there."""

    def __init__(self, folder: Path, **aliases: str) -> None:
        self.folder = folder
        self.aliases = aliases
        self.thresholds: dict[str, float] = {}
        self.gone: set[str] = set()
        self.broken: set[str] = set()
        self.loaded: list[str] = []
        self.cards: dict[str, str] = {}

    def number_under(self, alias: str, /) -> str | None:
        return self.aliases.get(alias)

    def load(self, number: str, /) -> Scorer:
        self.loaded.append(number)
        if number in self.gone:
            raise NoModelError(f"no version {number}")
        if number in self.broken:
            raise ValueError("files of different versions lie together")
        scorer = Scorer.load(self.folder, number)
        if number in self.thresholds:
            scorer.threshold = replace(scorer.threshold, value=self.thresholds[number])
        return scorer

    def card(self, number: str, /) -> str | None:
        return self.cards.get(number)
