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
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from credit_platform.home_credit.contracts import Table, digest, table, tables
from credit_platform.home_credit.delivery import (
    KAGGLE_COHORTS,
    OUTCOME,
    DeliveryError,
    Problem,
    find,
    open_file,
    stem,
    suffix,
    typed_column,
)
from credit_platform.home_credit.inspection import Inspection, inspect
from credit_platform.home_credit.integrity import LARGEST_RATIO, LARGEST_UNPACKED, check_archive, stamp
from credit_platform.lake import (
    allow,
    cohorts_of,
    connect,
    current,
    drafting,
    exclusive,
    lacks_room,
    quote,
    replace_folders,
    room_for,
    scan,
    scratch,
    to_disk,
)
from credit_platform.settings import Settings

COHORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MANIFEST = "delivery.json"
_WRONG_IN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    UnicodeError,
    struct.error,
)
"""What Python raises at zips that are damaged, have a password, or lead astray."""


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


def found_when_landed(path: Path, sha256: str, contract: Table) -> Inspection | None:
    """What was found in a landed file when it was landed; None where it holds other bytes, or was put there by hand."""
    try:
        found = _manifest(path.parent)["inspections"][path.name]
        if [found["sha256"], found["contract"]] == [sha256, digest(contract.name)]:
            return Inspection.from_facts(found["inspection"])
    except (KeyError, TypeError):
        pass
    return None


def _manifest(folder: Path) -> dict[str, Any]:
    """What landing has written down of a cohort; nothing where it has not."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def land(
    settings: Settings, source: Path, cohort: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> list[Landed]:
    """Checks a delivery and takes it in. Files of a cohort that was landed before are replaced, the others stay.

    Raises:
        DeliveryError: something is wrong with the delivery; nothing was landed.
        NoRoomError: the disk is full; nothing was landed.
    """
    with _unpacked(source) as folder:
        deliveries = _by_cohort(folder, source, cohort)
        settings.landing_dir.mkdir(parents=True, exist_ok=True)
        stamps = {path: stamp(path) for files in deliveries.values() for path in files.values()}
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
        for result in landed:
            result.warnings += _known_elsewhere(settings, deliveries, result.cohort)
        _take_in(settings, deliveries, landed, inspected, stamps, progress)
    return landed


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    """The delivery as a folder; where there are zips, one for the time being, with links to the files beside them."""
    name = str(source).encode(errors="replace").decode()
    if name != str(source):
        raise DeliveryError([Problem(name, "has a name that is not UTF-8; rename it")])
    if not source.exists():
        raise DeliveryError([Problem(name, "does not exist")])
    if source.is_file() and not zipfile.is_zipfile(source):
        with source.open("rb") as stream:
            cut = source.suffix.lower() == ".zip" or stream.read(2) == b"PK"
        what = "is a damaged zip, perhaps cut short; deliver it again" if cut else "is neither a folder nor a zip"
        raise DeliveryError([Problem(source.name, what if cut else f"{what}; give the delivery's folder or zip")])
    try:
        inside = [] if source.is_file() else sorted(source.iterdir())
    except OSError as error:
        raise DeliveryError([Problem(name, f"can't be read: {error.strerror}")]) from error
    archives = [source] if source.is_file() else [path for path in inside if path.suffix.lower() == ".zip"]
    if not archives:
        yield source
        return
    with scratch("the files of a zip") as folder:
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
            if size > min(LARGEST_UNPACKED, max(2**20, LARGEST_RATIO * archive.stat().st_size)):
                raise DeliveryError([Problem(archive.name, f"would unpack to {size:,} bytes, which is no delivery")])
            free = shutil.disk_usage(folder).free
            if size > free:
                where = f"but {free:,} are free in {folder.parent}; make room there, or set TMPDIR to a larger disk"
                raise DeliveryError([Problem(archive.name, f"would unpack to {size:,} bytes, {where}")])
            for member in members:
                *above, file = Path(member.filename).parts
                unpacked = folder.joinpath(*[part for part in above[-1:] if part.strip("./")], file)
                if unpacked.exists():
                    raise DeliveryError([Problem(archive.name, f"holds {file} twice")])
                unpacked.parent.mkdir(exist_ok=True)
                with content.open(member) as source, unpacked.open("wb") as target:
                    shutil.copyfileobj(source, target, 2**20)
    except _WRONG_IN_ZIP as error:
        if lacks_room(error):
            raise
        again = "" if isinstance(error, RuntimeError) else "; it is damaged, deliver it again"
        raise DeliveryError([Problem(archive.name, f"can't be unpacked: {error}{again}")]) from error


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
    if present == {"outcomes"}:
        message = f"comes alone, and no cohort {cohort} has been landed; name the outcomes' cohort with --cohort"
        return [Problem(files["outcomes"].name, message)]
    return [
        Problem(f"{contract.file}.csv", f"the table is missing from the delivery of cohort {cohort}")
        for contract in tables()
        if contract.file.lower() not in present
    ]


def _known_elsewhere(settings: Settings, deliveries: dict[str, dict[str, Path]], cohort: str) -> list[Problem]:
    """Clients of a cohort that others hold too, in the lake or in the same delivery."""
    key = table("application").columns["SK_ID_CURR"]
    applications = {name: files["application"] for name, files in deliveries.items() if "application" in files}
    if cohort not in applications:
        return []
    delivered = {
        name: f"select {typed_column(key)[0]} as client from {open_file(path).scan()}"
        for name, path in applications.items()
    }
    own = delivered.pop(cohort)
    ingested = {
        name: f"select SK_ID_CURR as client from {scan(version.folder())}"
        for name in cohorts_of(settings, "raw_application")
        if name not in (cohort, *delivered)
        if (version := current(settings, "raw_application", name)) and version.is_whole()
    }
    others = [f"select {quote(name)} as cohort, * from ({query})" for name, query in {**ingested, **delivered}.items()]
    if not others:
        return []
    with connect(settings) as connection:
        found = connection.execute(
            f"select cohort, count(*) from ({' union all '.join(others)}) join ({own}) using (client) "
            "group by cohort order by cohort"
        ).fetchall()
    return [
        Problem(
            applications[cohort].name,
            f"{shared:,} of its clients are in cohort {other} too; where both have outcomes, the newer ones count",
            blocking=False,
        )
        for other, shared in found
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
            allow(connection, file.memory(connection))
            found = inspect(connection, file, contract)
    return found.named(str(path.relative_to(folder)))


def _take_in(
    settings: Settings,
    deliveries: dict[str, dict[str, Path]],
    landed: list[Landed],
    inspected: dict[Path, Inspection],
    stamps: dict[Path, tuple[int, int]],
    progress: Callable[[str], None],
) -> None:
    """Drafts every cohort's folder beside its place and moves them in when all are complete.

    One process at a time, so that what one lands is among the files that the next keeps.
    """
    landing, copies, moves = settings.landing_dir, dict[Path, Path](), dict[Path, Path]()
    with exclusive(landing), drafting(landing) as draft, room_for("the delivered files", draft):
        for result in landed:
            progress(f"{result.cohort}: landing")
            folder, place = draft / result.cohort, landing / result.cohort
            folder.mkdir()
            moves[folder] = place
            files = {
                name: folder / f"{table(name).file}{suffix(path)}" for name, path in deliveries[result.cohort].items()
            }
            for name, path in deliveries[result.cohort].items():
                if path in copies:
                    os.link(copies[path], files[name])
                else:
                    shutil.copyfile(path, files[name])
                    to_disk(files[name])
                    copies[path] = files[name]
            for name, path in (find(place) if place.is_dir() else {}).items():
                if name not in files:
                    os.link(path, folder / path.name)
            hashes = content_hashes(folder)
            found = {
                files[name].name: {
                    "sha256": hashes[files[name].name],
                    "contract": digest(table(name).name),
                    "inspection": asdict(inspected[path].named(files[name].name)),
                }
                for name, path in deliveries[result.cohort].items()
            }
            manifest = {
                "cohort": result.cohort,
                "landed_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "rows": result.rows,
                "sha256": hashes,
                "inspections": {**_manifest(place).get("inspections", {}), **found},
                "warnings": [str(warning) for warning in result.warnings],
            }
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
        changed = [path.name for path, before in stamps.items() if stamp(path) != before]
        if changed:
            message = "was written to while it was checked; deliver it when it is complete"
            raise DeliveryError([Problem(name, message) for name in changed])
        replace_folders(moves)
        to_disk(landing)
