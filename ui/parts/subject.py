"""Whom a page is about."""

from dataclasses import dataclass

from ui.answers.model import Features


@dataclass(frozen=True)
class Subject:
    """Somebody to decide about. `number` is None where only features are known; `features` where only the number is."""

    number: int | None
    features: Features | None

    @property
    def known(self) -> Features:
        return self.features or {}
