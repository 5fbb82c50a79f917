"""Takes a delivery into the landing area: all of it, checked, or nothing.

A delivery is a folder or a zip: one cohort's files, one folder per cohort, or a Kaggle download, whose
application_train becomes the cohort `train` and application_test the cohort `test`, with the histories shared.
The delivery itself is never touched.
"""

import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from credit_platform.home_credit.contracts import Table, table, tables
from credit_platform.home_credit.delivery import (
    KAGGLE_COHORTS,
    OUTCOME,
    DeliveryError,
    Problem,
    find,
    open_file,
    stem,
)
from credit_platform.home_credit.inspection import Inspection, inspect
from credit_platform.lake import connect, replace_folder
from credit_platform.settings import Settings

COHORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MANIFEST = "delivery.json"
_LARGEST_UNPACKED = 20 * 2**30
_LARGEST_RATIO = 200


@dataclass
class Landed:
    """A cohort that was landed, the rows of each of its files, and what was noticed without being refused."""

    cohort: str
    rows: dict[str, int] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)


def landed_cohorts(settings: Settings) -> list[str]:
    """The names of the landed cohorts, in order."""
    if not settings.landing_dir.is_dir():
        return []
    return sorted(p.name for p in settings.landing_dir.iterdir() if p.is_dir() and COHORT_NAME.fullmatch(p.name))


def has_outcomes(settings: Settings, cohort: str) -> bool:
    """Whether the outcomes of a landed cohort have been delivered, in a file of their own or as TARGET."""
    files = find(settings.landing_dir / cohort)
    if "outcomes" in files:
        return True
    return "application" in files and OUTCOME in open_file(files["application"]).columns


def content_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every delivered file of a landed cohort, by file name."""
    hashes = {}
    for path in sorted(find(folder).values()):
        with path.open("rb") as stream:
            hashes[path.name] = file_digest(stream, "sha256").hexdigest()
    return hashes


def land(
    settings: Settings, source: Path, cohort: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> list[Landed]:
    """Checks a delivery and takes it in. Files of a cohort that was landed before are replaced, the others stay.

    Raises:
        DeliveryError: something is wrong with the delivery; nothing was landed.
    """
    with _unpacked(source) as folder:
        deliveries = _by_cohort(folder, cohort)
        settings.landing_dir.mkdir(parents=True, exist_ok=True)
        inspected: dict[Path, Inspection] = {}
        landed, problems = [], []
        for name, files in deliveries.items():
            result = Landed(name)
            problems += _missing_tables(settings, name, files)
            for kind, path in files.items():
                progress(f"{name}: checking {path.name}")
                if path not in inspected:
                    inspected[path] = _inspect(settings, path, table(kind))
                result.rows[table(kind).name] = inspected[path].rows
                result.warnings += inspected[path].warnings
                problems += [p for p in inspected[path].blocking if p not in problems]
            landed.append(result)
        if problems:
            raise DeliveryError(problems)
        _take_in(settings, deliveries, landed, progress)
    return landed


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    """The delivery as a folder; a zip, and zips inside a folder, are unpacked beside it for the time being."""
    if not source.exists():
        raise DeliveryError([Problem(str(source), "does not exist")])
    archives = [source] if source.is_file() else sorted(source.glob("*.zip"))
    if source.is_file() and not zipfile.is_zipfile(source):
        raise DeliveryError([Problem(source.name, "is neither a folder nor a zip; give the delivery's folder or zip")])
    if not archives:
        yield source
        return
    with TemporaryDirectory(prefix="credit-delivery-") as folder:
        for path in [] if source.is_file() else source.iterdir():
            if path not in archives:
                (Path(folder) / path.name).symlink_to(path.resolve(), target_is_directory=path.is_dir())
        for archive in archives:
            _unpack(archive, Path(folder))
        yield Path(folder)


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as content:
            members = [m for m in content.infolist() if not m.is_dir() and stem(Path(m.filename)) is not None]
            size = sum(member.file_size for member in members)
            packed = max(1, sum(member.compress_size for member in members))
            if size > _LARGEST_UNPACKED or size > _LARGEST_RATIO * packed or size > shutil.disk_usage(folder).free:
                raise DeliveryError(
                    [Problem(archive.name, f"would unpack to {size:,} bytes, more than is allowed here")]
                )
            for member in members:
                parts = Path(member.filename).parts
                inside = folder.joinpath(*[p for p in parts[-2:-1] if COHORT_NAME.fullmatch(p)], parts[-1])
                flat = inside
                if flat.exists():
                    raise DeliveryError([Problem(archive.name, f"holds {flat.name} twice")])
                flat.parent.mkdir(exist_ok=True)
                with content.open(member) as packed_file, flat.open("wb") as unpacked:
                    shutil.copyfileobj(packed_file, unpacked, 2**20)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise DeliveryError([Problem(archive.name, f"can't be unpacked: {error}")]) from error


def _by_cohort(folder: Path, cohort: str | None) -> dict[str, dict[str, Path]]:
    """The files of each cohort, under the lower-case stems of the contracts' file names."""
    files = find(folder)
    kaggle = {name: KAGGLE_COHORTS[name] for name in KAGGLE_COHORTS if name in files}
    if kaggle:
        if cohort is not None and len(kaggle) > 1:
            raise DeliveryError([Problem(folder.name, "holds two cohorts, train and test; leave out --cohort")])
        shared = {name: path for name, path in files.items() if name not in kaggle}
        return {cohort or name: {"application": files[file], **shared} for file, name in kaggle.items()}
    if files:
        name = cohort or folder.resolve().name
        if not COHORT_NAME.fullmatch(name):
            raise DeliveryError(
                [Problem(str(folder), f"{name!r} is no cohort name; name it with --cohort (letters, digits, . _ -)")]
            )
        return {name: files}
    inside = {path.name: find(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    inside = {name: found for name, found in inside.items() if found}
    if not inside:
        expected = ", ".join(f"{contract.file}.csv" for contract in tables())
        raise DeliveryError([Problem(str(folder), f"holds no delivery; expected {expected}, or a folder per cohort")])
    if cohort is not None and len(inside) > 1:
        raise DeliveryError([Problem(str(folder), f"holds {len(inside)} cohorts; leave out --cohort")])
    return {cohort: next(iter(inside.values()))} if cohort else inside


def _missing_tables(settings: Settings, cohort: str, files: dict[str, Path]) -> list[Problem]:
    """Tables that neither this delivery nor what was landed before holds."""
    before = settings.landing_dir / cohort
    present = set(files) | (set(find(before)) if before.is_dir() else set())
    return [
        Problem(f"{contract.file}.csv", f"the table is missing from the delivery of cohort {cohort}")
        for contract in tables()
        if contract.file.lower() not in present
    ]


def _inspect(settings: Settings, path: Path, contract: Table) -> Inspection:
    try:
        file = open_file(path)
    except DeliveryError as error:
        return Inspection(0, {}, error.problems)
    with connect(settings) as connection:
        return inspect(connection, file, contract)


def _take_in(
    settings: Settings, deliveries: dict[str, dict[str, Path]], landed: list[Landed], progress: Callable[[str], None]
) -> None:
    """Builds every cohort's folder beside its place and moves them in when all are complete."""
    copies: dict[Path, Path] = {}
    beside: dict[str, Path] = {}
    try:
        for result in landed:
            progress(f"{result.cohort}: landing")
            beside[result.cohort] = folder = settings.landing_dir / f".{result.cohort}.{uuid4().hex}"
            folder.mkdir()
            files = {
                name: folder / (table(name).file + "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffix))
                for name, path in deliveries[result.cohort].items()
            }
            for name, path in deliveries[result.cohort].items():
                if path in copies:
                    os.link(copies[path], files[name])
                else:
                    shutil.copyfile(path, files[name])
                    copies[path] = files[name]
            place = settings.landing_dir / result.cohort
            for name, path in (find(place) if place.is_dir() else {}).items():
                if name not in files:
                    os.link(path, folder / path.name)
            manifest = {
                "cohort": result.cohort,
                "landed_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "rows": result.rows,
                "sha256": content_hashes(folder),
                "warnings": [str(warning) for warning in result.warnings],
            }
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
        for cohort, folder in beside.items():
            replace_folder(folder, settings.landing_dir / cohort)
    finally:
        for folder in beside.values():
            shutil.rmtree(folder, ignore_errors=True)
