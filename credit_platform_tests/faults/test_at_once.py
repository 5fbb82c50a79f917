"""Two processes at once on one cohort, and files that change while they are read."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from credit_platform.home_credit import landing
from credit_platform.home_credit.delivery import DeliveryError
from credit_platform.home_credit.landing import content_hashes, land
from credit_platform.lake import current, versions
from credit_platform.raw import ingest as ingesting
from credit_platform.raw.ingest import DisturbedError, ingest
from credit_platform.settings import Settings
from credit_platform_tests.deliveries import TinyDelivery
from credit_platform_tests.faults.conftest import TABLES, Place, Worker
from credit_platform_tests.faults.worker import COHORT


@pytest.mark.parametrize("stage", ["bureau", "quality", "mart", "lookup", "scores", "splits"])
def test_two_at_once_on_one_cohort_end_with_one_version_in_force(
    stage: str, places: dict[str, Place], worker: Worker, other_worker: Worker
) -> None:
    steps = worker.run(stage, alone := places[stage].copy()).steps
    for step in (steps // 3, steps - 6):
        place = places[stage].copy()
        worker.start(stage, place, hold_at=step)
        worker.until_held()
        assert not other_worker.run(stage, place).error
        worker.let_go()
        assert not worker.end().error
        assert place.content(stage) == alone.content(stage)
        assert place.strays() == []
        for table in TABLES[stage]:
            for version in versions(place.settings, table, None if stage == "splits" else COHORT):
                version.verified_folder()


def test_two_deliveries_landed_at_once_are_both_there(
    places: dict[str, Place], worker: Worker, other_worker: Worker, tmp_path: Path
) -> None:
    place = places["land"].copy()
    own = {name: delivered(tmp_path, name) for name in ("bureau", "credit_card_balance")}
    steps = worker.run("land", with_source(place.copy(), own["bureau"])).steps
    worker.start("land", with_source(place, own["bureau"]), hold_at=steps - 8)
    worker.until_held()
    other_worker.start("land", with_source(place, own["credit_card_balance"]))
    worker.let_go()
    assert not worker.end().error
    assert not other_worker.end().error
    landed = place.settings.landing_dir / COHORT
    for name, source in own.items():
        (file,) = source.iterdir()
        assert (landed / file.name).read_bytes() == file.read_bytes(), name
    assert place.strays() == []


def with_source(place: Place, source: Path) -> Place:
    return Place(place.settings, place.temp, {"land": str(source)})


def delivered(folder: Path, name: str) -> Path:
    """One table of sixty clients, changed in a row."""
    delivery = TinyDelivery(clients=60)
    delivery.rows[name][0].update({"bureau": {"AMT_ANNUITY": "7"}, "credit_card_balance": {"SK_DPD": "7"}}[name])
    return delivery.write(folder / name / COHORT, only=[name])


def spoil(path: Path) -> None:
    """The same size, other numbers."""
    path.write_bytes(path.read_bytes().replace(b"100003", b"100013"))


def replace(path: Path) -> None:
    """Another file of the same name."""
    shutil.copyfile(path, path.with_name("other"))
    spoil(path.with_name("other"))
    path.with_name("other").replace(path)


@pytest.mark.parametrize("change", [spoil, replace, Path.unlink])
@pytest.mark.parametrize("moment", ["check_archive", "open_file", "inspect", "write_buckets"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_table_never_claims_to_be_made_from_what_it_was_not_made_from(
    landed: Settings,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    moment: str,
    before: bool,
) -> None:
    path = landed.landing_dir / COHORT / "application.csv"
    monkeypatch.setattr(ingesting, "found_when_landed", lambda *_: None)
    with monkeypatch.context() as patched:
        patched.setattr(ingesting, moment, disturbed(getattr(ingesting, moment), lambda: change(path), before))
        with pytest.raises(DisturbedError, match=r"landing/2025-01/application\.csv was written to while it was read"):
            ingest(landed, "application", COHORT)
    assert current(landed, "raw_application", COHORT) is None
    if path.exists():
        assert ingest(landed, "application", COHORT).rows == 12


@pytest.mark.parametrize("moment", ["check_archive", "inspect", "content_hashes"])
def test_a_delivery_that_is_written_to_while_it_is_checked_is_not_landed(
    landed: Settings, tmp_path: Path, delivery: TinyDelivery, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    delivery.rows["application"][0]["CNT_CHILDREN"] = "3"
    source = delivery.write(tmp_path / COHORT, only=["application"])
    before = content_hashes(landed.landing_dir / COHORT)
    with monkeypatch.context() as patched:
        changed = disturbed(getattr(landing, moment), lambda: spoil(source / "application.csv"), before=False)
        patched.setattr(landing, moment, changed)
        with pytest.raises(DeliveryError, match=r"application\.csv: was written to while it was checked"):
            land(landed, source)
    assert content_hashes(landed.landing_dir / COHORT) == before
    land(landed, source)


def disturbed(function: Callable[..., Any], disturb: Callable[[], None], before: bool) -> Callable[..., Any]:
    """The function, with something done once before or after it."""

    def called(*arguments: Any, **named: Any) -> Any:
        if before:
            disturb()
        result = function(*arguments, **named)
        if not before:
            disturb()
        return result

    return called
