"""A full disk is said in a sentence, what is in force stays whole, and with room again the same run completes."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import land
from credit_platform.lake import NoRoomError, connect
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery, zipped
from credit_platform_tests.faults.conftest import Place, Worker
from credit_platform_tests.faults.worker import STAGES

WRITES = ["land", "bureau", "quality", "mart", "lookup", "scores", "splits"]
WHAT = {
    "land": "the delivered files",
    "bureau": "raw_bureau of cohort 2025-01",
    "quality": "quality_report of cohort 2025-01",
    "mart": "client_mart of cohort 2025-01",
    "lookup": "client_lookup of cohort 2025-01",
    "scores": "scores of cohort 2025-01",
    "splits": "feature_splits",
}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts file systems of so many bytes."""
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a file system can't be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """A file that takes all room but so many bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(bytes(4096)):
            pass
    os.truncate(filler, max(0, filler.stat().st_size - leave))
    return filler


@pytest.mark.parametrize(("stage", "leave"), [*((stage, 0) for stage in WRITES), ("land", 9000), ("mart", 9000)])
def test_on_a_full_disk_what_is_in_force_stays_and_with_room_the_stage_completes(
    stage: str, leave: int, places: dict[str, Place], small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(16_000_000)
    place = places[stage].copy(disk)
    old = place.content(stage)
    filler = fill(disk, leave)
    with pytest.raises(NoRoomError) as full:
        STAGES[stage](place.settings, place.arguments.get(stage, ""))
    assert str(full.value).startswith(
        f"no room for {WHAT[stage]} (No space left on device): 0.0 MB of 16.0 MB are free"
    )
    assert str(disk) in str(full.value)
    assert place.content(stage) == old
    filler.unlink()
    STAGES[stage](place.settings, place.arguments.get(stage, ""))
    assert place.content(stage) != old
    assert place.strays() == []


@pytest.mark.parametrize("stage", ["land", "bureau", "mart", "scores"])
def test_beyond_a_limit_of_the_file_size_what_is_in_force_stays(
    stage: str, places: dict[str, Place], worker: Worker
) -> None:
    place = places[stage].copy()
    old = place.content(stage)
    ending = worker.run(stage, place, largest=2000)
    assert ending.error.startswith("NoRoomError: no room for ")
    assert "(File too large)" in ending.error
    assert place.content(stage) == old
    assert place.strays() == []


def test_a_spill_folder_that_is_full_is_named(
    settings: Settings, small_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk(1_000_000)
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    tight = settings.model_copy(update={"memory_limit": "30MB"})
    query = "create table t as select repeat('x', 50) || hash(i) as s from range(900000) t(i) order by s"
    message = r"what DuckDB spills beyond CREDIT_MEMORY_LIMIT .* set TMPDIR"
    with pytest.raises(NoRoomError, match=message) as full, connect(tight) as connection:
        connection.execute(query)
    assert str(disk) in str(full.value)
    assert [path.name for path in disk.glob("*/*")] == []


def test_a_zip_that_has_no_room_to_unpack_is_no_fault_of_the_zip(
    settings: Settings, tmp_path: Path, small_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk(100_000)
    archive = zipped(TinyDelivery(clients=200).write(tmp_path / "files"), tmp_path / "2025-01.zip")
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    with pytest.raises(
        DeliveryError, match=r"2025-01\.zip: would unpack to .* are free in .*; make room there, or set"
    ):
        land(settings, archive)
    assert not settings.landing_dir.exists()
