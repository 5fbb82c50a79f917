"""Three small cohorts, landed and ingested: of the first there is a report, the others are for tests to spoil."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.quality.reports import report
from credit_platform.raw.ingest import ingest
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery

FIRST, SECOND, THIRD = "2025-01", "2025-02", "2025-03"
CLIENTS = 60

Damage = Callable[[TinyDelivery], None]


class Spoil(Protocol):
    def __call__(self, damage: Damage | None = None, cohort: str = SECOND) -> Settings: ...


def delivery_of(cohort: str) -> TinyDelivery:
    """A faultless delivery of clients that no other cohort has."""
    made = TinyDelivery(CLIENTS)
    shift = 1_000 * int(cohort[-2:])
    for rows in made.rows.values():
        for row in rows:
            row.update({name: str(int(row[name]) + shift) for name in row if name.startswith("SK_ID")})
    return made


def take_in(settings: Settings, cohort: str, delivery: TinyDelivery, folder: Path, only: Sequence[str] = ()) -> None:
    """Lands and ingests a cohort, or some of its tables again."""
    land(settings, delivery.write(folder / cohort, only))
    for name in TABLE_NAMES:
        ingest(settings, name, cohort)
    shutil.rmtree(folder / cohort)


@pytest.fixture(scope="session")
def three_landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of three sound cohorts, of the first of which there is a report; to be copied."""
    folder = tmp_path_factory.mktemp("quality")
    settings = Settings(_env_file=None, data_dir=folder / "data")
    for cohort in (FIRST, SECOND, THIRD):
        take_in(settings, cohort, delivery_of(cohort), folder)
    report(settings, FIRST)
    return settings.data_dir


@pytest.fixture
def sound(settings: Settings, three_landed: Path) -> Settings:
    """Settings of a data folder of three sound cohorts, of the first of which there is a report."""
    shutil.copytree(three_landed, settings.data_dir)
    return settings


@pytest.fixture
def spoil(sound: Settings, tmp_path: Path) -> Spoil:
    """Delivers a cohort spoilt, the second if no other is named; without damage, sound again."""
    delivered = {cohort: delivery_of(cohort).rows for cohort in (FIRST, SECOND, THIRD)}

    def spoilt(damage: Damage | None = None, cohort: str = SECOND) -> Settings:
        made = delivery_of(cohort)
        if damage:
            damage(made)
        changed = [name for name, rows in made.rows.items() if rows != delivered[cohort][name]]
        take_in(sound, cohort, made, tmp_path, changed)
        delivered[cohort] = made.rows
        return sound

    return spoilt
