"""Decisions to put on record, and a hand that changes the log behind its back."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from credit_platform.settings import Settings
from serving.decisions.entries import Decision, Personal, Reason, Shadow


def decision(**changes: Any) -> Decision:
    values = {
        "kind": "predict",
        "caller": "branch-7",
        "model": "credit_scoring_model",
        "version": "3",
        "threshold": 1 / 11,
        "probability_of_default": random.Random(0).random(),
        "decision": "approve",
        "score": 612,
        "grade": "C",
        "language": "de",
        "shadow": Shadow(version="4", probability_of_default=0.1 + 0.2),
    }
    return Decision(**{**values, **changes})


def personal(client: int | str | None = 100002, inputs: Mapping[str, Any] | None = None, **changes: Any) -> Personal:
    values = {
        "client": client,
        "request_id": "request-1",
        "inputs": {"AMT_CREDIT": 406597.5, "EXT_SOURCE_2": None, "CODE_GENDER": "F"} if inputs is None else inputs,
        "reasons": (Reason(code="EXT_SOURCE_2", contribution=0.1), Reason(code="AMT_CREDIT", contribution=-1e-17)),
        "source": {"cohort": "2024-09", "age_days": 3, "empty": ["bureau"]},
    }
    return Personal(**{**values, **changes})


class Intruder:
    """Somebody who may do anything to the database, but has no key."""

    def __init__(self, settings: Settings) -> None:
        url = settings.decisions_url.get_secret_value().replace("postgresql:", "postgresql+psycopg:")
        self.is_sqlite = not url
        self._engine = create_engine(url or f"sqlite:///{settings.data_dir / 'decisions' / 'decisions.db'}")

    def __call__(self, statement: str, **parameters: Any) -> list[Any]:
        with self._engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return list(result.all()) if result.returns_rows else []

    def disarm(self) -> None:
        """Takes away the triggers."""
        if self.is_sqlite:
            for (name,) in self("select name from sqlite_master where type = 'trigger'"):
                self(f"drop trigger {name}")
        else:
            self("alter table decision_records disable trigger user")

    def close(self) -> None:
        self._engine.dispose()


def everything_in(folder: Path) -> bytes:
    """All bytes of all files but the master key's."""
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.name != "master.key")
