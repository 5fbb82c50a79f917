"""Takes a delivery into the landing area: all of it, checked, or nothing.

A delivery is a folder or a zip: one cohort's files, one folder per cohort, or a Kaggle download, whose
application_train becomes the cohort `train` and application_test the cohort `test`, with the histories shared.
The delivery itself is never touched.
"""

import json
import lzma
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
    check_archive,
    find,
    open_file,
    stem,
    suffix,
)
from credit_platform.home_credit.inspection import Inspection, inspect
from credit_platform.lake import connect, replace_folders
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


def is_complete(settings: Settings, cohort: str) -> bool:
    """Whether a cohort's folder holds all seven tables; one that somebody is still copying into does not."""
    try:
        return not _missing_tables(settings, cohort, {})
    except DeliveryError:  # a table twice: complete, and its run says what is wrong
        return True


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
        deliveries = _by_cohort(folder, source, cohort)
        settings.landing_dir.mkdir(parents=True, exist_ok=True)
        inspected: dict[Path, Inspection] = {}
        landed, problems = [], []
        for name, files in deliveries.items():
            result = Landed(name)
            problems += _missing_tables(settings, name, files)
            for kind, path in files.items():
                progress(f"{name}: checking {path.name}")
                if path not in inspected:
                    inspected[path] = _inspect(settings, folder, path, table(kind))
                    problems += inspected[path].blocking
                result.rows[table(kind).name] = inspected[path].rows
                result.warnings += inspected[path].warnings
            landed.append(result)
        if problems:
            raise DeliveryError(problems)
        _take_in(settings, deliveries, landed, progress)
    return landed


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    """The delivery as a folder; where there are zips, one for the time being, with links to the files beside them."""
    if not source.exists():
        raise DeliveryError([Problem(str(source), "does not exist")])
    if source.is_file() and not zipfile.is_zipfile(source):
        raise DeliveryError([Problem(source.name, "is neither a folder nor a zip; give the delivery's folder or zip")])
    inside = [] if source.is_file() else sorted(source.iterdir())
    archives = [source] if source.is_file() else [path for path in inside if path.suffix.lower() == ".zip"]
    if not archives:
        yield source
        return
    with TemporaryDirectory(prefix="credit-delivery-") as name:
        folder = Path(name)
        for path in (*source.glob("*"), *source.glob("*/*")) if inside else ():
            if stem(path) is not None and path.is_file():
                link = folder / path.relative_to(source)
                link.parent.mkdir(exist_ok=True)
                link.symlink_to(path.resolve())
        for archive in archives:
            _unpack(archive, folder)
        yield folder


def _unpack(archive: Path, folder: Path) -> None:
    """Unpacks the tables of a zip, each into the folder it lies in there; whatever lies above that is left out."""
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
                *above, file = Path(member.filename).parts
                unpacked = folder.joinpath(*[part for part in above[-1:] if part.strip("./")], file)
                if unpacked.exists():
                    raise DeliveryError([Problem(archive.name, f"holds {file} twice")])
                unpacked.parent.mkdir(exist_ok=True)
                with content.open(member) as source, unpacked.open("wb") as target:
                    shutil.copyfileobj(source, target, 2**20)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
        raise DeliveryError([Problem(archive.name, f"can't be unpacked: {error}")]) from error


def _by_cohort(folder: Path, source: Path, cohort: str | None) -> dict[str, dict[str, Path]]:
    """The files of each cohort, under the lower-case stems of the contracts' file names."""
    found = {source.stem if source.is_file() else source.resolve().name: find(folder)}
    if not any(found.values()):
        folders = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        found = {path.name: files for path in folders if (files := find(path))}
    deliveries: dict[str, dict[str, Path]] = {}
    for place, files in found.items():
        for name, own in _split_kaggle(place, files).items():
            if name in deliveries:
                raise DeliveryError([Problem(str(source), f"holds the cohort {name} twice")])
            deliveries[name] = own
    if not deliveries:
        expected = ", ".join(f"{contract.file}.csv" for contract in tables())
        raise DeliveryError([Problem(str(source), f"holds no delivery; expected {expected}, or a folder per cohort")])
    if cohort is not None:
        if len(deliveries) > 1:
            names = ", ".join(deliveries)
            raise DeliveryError([Problem(str(source), f"holds {len(deliveries)} cohorts, {names}; leave out --cohort")])
        (files,) = deliveries.values()
        deliveries = {cohort: files}
    unnamed = [name for name in deliveries if not COHORT_NAME.fullmatch(name)]
    if unnamed:
        hint = "is no cohort name; name it with --cohort (letters, digits, . _ -)"
        raise DeliveryError([Problem(str(source), f"{name!r} {hint}") for name in unnamed])
    return deliveries


def _split_kaggle(name: str, files: dict[str, Path]) -> dict[str, dict[str, Path]]:
    """A Kaggle download as its two cohorts, which share the histories; any other delivery as it is."""
    applications = {cohort: files[file] for file, cohort in KAGGLE_COHORTS.items() if file in files}
    if not applications:
        return {name: files}
    if "application" in files:
        raise DeliveryError([Problem(files["application"].name, "lies beside Kaggle's; leave one of them out")])
    shared = {file: path for file, path in files.items() if file not in KAGGLE_COHORTS}
    return {cohort: {"application": path, **shared} for cohort, path in applications.items()}


def _missing_tables(settings: Settings, cohort: str, files: dict[str, Path]) -> list[Problem]:
    """Tables that neither this delivery nor what was landed before holds."""
    before = settings.landing_dir / cohort
    present = set(files) | (set(find(before)) if before.is_dir() else set())
    return [
        Problem(f"{contract.file}.csv", f"the table is missing from the delivery of cohort {cohort}")
        for contract in tables()
        if contract.file.lower() not in present
    ]


def _inspect(settings: Settings, folder: Path, path: Path, contract: Table) -> Inspection:
    """What is found in one file; problems name the file as it lies in the delivery."""
    try:
        check_archive(path)
        file = open_file(path)
    except DeliveryError as error:
        found = Inspection(0, {}, error.problems)
    else:
        with connect(settings) as connection:
            found = inspect(connection, file, contract)
    shown = str(path.relative_to(folder))
    return replace(found, problems=tuple(replace(problem, file=shown) for problem in found.problems))


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
                name: folder / f"{table(name).file}{suffix(path)}" for name, path in deliveries[result.cohort].items()
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
        replace_folders({folder: settings.landing_dir / cohort for cohort, folder in beside.items()})
    finally:
        for folder in beside.values():
            shutil.rmtree(folder, ignore_errors=True)
