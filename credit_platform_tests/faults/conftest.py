"""A worker process, and data folders in which a stage has old tables and new input."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import content_hashes, land
from credit_platform.lake import current
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.faults.worker import COHORT
from credit_platform_tests.worlds import write_version

RAW = tuple(f"raw_{name}" for name in (*TABLE_NAMES, "outcomes"))
TABLES: Mapping[str, tuple[str, ...]] = {
    "raw": RAW,
    "bureau": ("raw_bureau",),
    "bureau_balance": ("raw_bureau_balance",),
    "quality": ("quality_report",),
    "mart": ("client_mart",),
    "lookup": ("client_lookup",),
    "scores": ("scores",),
    "splits": ("feature_splits",),
}
"""The tables that a stage writes."""


@dataclass
class Ending:
    """How a stage ended: its exit status, or the negative signal that killed it, its steps, and what went wrong."""

    status: int
    steps: int = 0
    error: str = ""


@dataclass
class Worker:
    """The process of `worker.py`."""

    process: "subprocess.Popen[str]"

    def run(self, stage: str, place: "Place", **how: int) -> Ending:
        """Runs a stage to its end, whatever that is."""
        self.start(stage, place, **how)
        return self.end()

    def start(self, stage: str, place: "Place", **how: int) -> None:
        command = {
            "stage": stage,
            "settings": {"data_dir": str(place.settings.data_dir), "bucket_clients": place.settings.bucket_clients},
            "argument": place.arguments.get(stage, "late"),
            "temp": str(place.temp),
            **how,
        }
        self._tell(json.dumps(command))

    def until_held(self) -> None:
        """Waits until the stage has come to the step at which it is held."""
        kind, value = self._hear()
        assert kind == "held", (kind, value)

    def let_go(self) -> None:
        self._tell("go on")

    def end(self) -> Ending:
        ending = Ending(0)
        while True:
            kind, value = self._hear()
            if kind == "end":
                ending.status = value
                return ending
            setattr(ending, kind, value)

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _hear(self) -> tuple[str, Any]:
        assert self.process.stdout is not None
        kind, value = json.loads(self.process.stdout.readline())
        return kind, value


@dataclass
class Place:
    """A data folder, a folder for temporary files, and what else the stages need."""

    settings: Settings
    temp: Path
    arguments: Mapping[str, str]

    def copy(self, parent: Path | None = None) -> "Place":
        folder = (parent or self.temp.parent.parent) / uuid4().hex
        shutil.copytree(self.settings.data_dir, folder / "data")
        (folder / "temp").mkdir()
        return Place(self.settings.model_copy(update={"data_dir": folder / "data"}), folder / "temp", self.arguments)

    def content(self, stage: str) -> dict[str, str]:
        """What is in force of that which a stage writes, each table whole."""
        if stage == "land":
            return content_hashes(self.settings.landing_dir / COHORT)
        found = {}
        for table in TABLES[stage]:
            version = current(self.settings, table, None if table == "feature_splits" else COHORT)
            assert version is not None, f"{table} is lost"
            version.verified_folder()
            found[table] = version.content
        return found

    def strays(self) -> list[str]:
        """What no process should have left: hidden files and folders, and temporary ones."""
        hidden = [path for path in self.settings.data_dir.rglob(".*") if path.name != ".lock"]
        temporary = list(self.temp.glob("*/*"))
        return sorted(str(path) for path in (*hidden, *temporary))


def delivered(corrected: bool) -> TinyDelivery:
    """Sixty clients with outcomes; the corrected delivery differs in a row of every table."""
    delivery = TinyDelivery(clients=60).with_outcomes()
    for i, row in enumerate(delivery.rows["application"]):
        row.update(AMT_INCOME_TOTAL=str(30_000 + 5000 * i), DAYS_BIRTH=str(-10_000 - 100 * i))
    if corrected:
        for table, column, value in (
            ("application", "AMT_INCOME_TOTAL", "123456.5"),
            ("bureau", "AMT_CREDIT_SUM", "1234.5"),
            ("bureau_balance", "STATUS", "5"),
            ("previous_application", "AMT_CREDIT", "99.5"),
            ("pos_cash_balance", "SK_DPD", "7"),
            ("installments_payments", "AMT_PAYMENT", "77.5"),
            ("credit_card_balance", "AMT_BALANCE", "55.5"),
            ("outcomes", "TARGET", "1"),
        ):
            delivery.rows[table][4][column] = value
    return delivery


@contextmanager
def started() -> Iterator[Worker]:
    code = [sys.executable, "-m", "credit_platform_tests.faults.worker"]
    process = subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield Worker(process)
    process.communicate()


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    with started() as worker:
        yield worker


@pytest.fixture(scope="session")
def other_worker() -> Iterator[Worker]:
    with started() as worker:
        yield worker


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory, worker: Worker) -> dict[str, Place]:
    """For each stage a place in which what it has written is old and what it reads is new."""
    folder = tmp_path_factory.mktemp("faults")
    arguments = {
        "land": str(delivered(corrected=True).write(folder / "corrected" / COHORT)),
        "scores": str(write_version(folder / "model")),
    }
    (folder / "temp").mkdir()
    settings = Settings(_env_file=None, data_dir=folder / "data", bucket_clients=30)
    land(settings, delivered(corrected=False).write(folder / "first" / COHORT))
    found = {"land": Place(settings, folder / "temp", arguments)}
    for stage in TABLES:
        assert not worker.run(stage, found["land"]).error
    for stage, before in (("raw", "land"), ("mart", "raw"), ("scores", "mart")):
        found[stage] = found[before].copy()
        assert not worker.run(before, found[stage]).error
    reads = {"bureau": "raw", "bureau_balance": "raw", "quality": "mart", "lookup": "scores", "splits": "scores"}
    return found | {stage: found[same] for stage, same in reads.items()}
