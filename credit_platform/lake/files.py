"""Files and folders that are replaced as a whole: drafted beside their place, moved in when complete.

Drafts are locked by the process that fills them. What a killed process left is unlocked, and removed by the next that
drafts in the same folder. Not here: what a table's versions are (`versions.py`).
"""

import ctypes
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from errno import EDQUOT, EFBIG, EINVAL, ENOSPC, ENOSYS, EPERM
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from tempfile import gettempdir
from typing import IO
from uuid import uuid4

_DRAFT = ".draft-"
_NO_ROOM = tuple(map(os.strerror, (ENOSPC, EDQUOT, EFBIG)))
_HERE = -100
"""AT_FDCWD of renameat2(2): paths are relative to the working directory, if they are relative."""
_EXCHANGE = 2


_NO_SPILL = "max_temp_directory_size"
"""DuckDB's setting for what it may spill, which it derives from the room that is left."""


class NoRoomError(OSError):
    """There is no room to write something; what was there before stays."""


@contextmanager
def drafting(folder: Path) -> Iterator[Path]:
    """A folder to fill below `folder`, removed at the end of the block unless it was moved away."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in (*folder.glob(f"{_DRAFT}*.lock"), *folder.glob(f"[!.]*/{_DRAFT}*.lock")):
        _remove_unless_locked(left)
    draft = folder / f"{_DRAFT}{uuid4().hex}"
    lock = draft.with_name(f"{draft.name}.lock")
    with _locked(lock):
        try:
            draft.mkdir()
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            lock.unlink(missing_ok=True)


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A private folder for what is needed for the time being, below the system's temporary folder (TMPDIR).

    Raises:
        NoRoomError: it is full; `purpose` says what for.
    """
    home = Path(gettempdir()) / f"credit-platform-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.lstat().st_uid != os.getuid():
        raise PermissionError(f"{home} belongs to somebody else; set TMPDIR to another folder")
    with drafting(home) as folder, room_for(purpose, folder, "make room there, or set TMPDIR to a larger disk"):
        yield folder


@contextmanager
def room_for(
    what: str, draft: Path, advice: str = "what was there before stays; make room, then run it again"
) -> Iterator[None]:
    """Says of a full disk, or a used up quota, what was to be drafted and how much room is left there.

    Raises:
        NoRoomError: instead of the error by which Python, Arrow or DuckDB says so.
    """
    try:
        yield
    except NoRoomError:
        raise
    except Exception as error:
        # An error that names a file of another folder is that folder's.
        if not lacks_room(error) or not (str(draft) in str(error) or getattr(error, "filename", "") is None):
            raise
        room = shutil.disk_usage(draft)
        why = next(text for text in _NO_ROOM if text in str(error))
        raise NoRoomError(
            f"no room for {what} ({why}): {room.free / 1e6:,.1f} MB of {room.total / 1e6:,.1f} MB are free "
            f"in {draft.parent}; {advice}"
        ) from None


def lacks_room(error: BaseException) -> bool:
    """Whether an error says that a disk or DuckDB's spill folder is full, a quota used up or a file too large."""
    return any(text in str(error) for text in (*_NO_ROOM, _NO_SPILL))


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Waits until no other process is in such a block for the folder."""
    with (folder / ".lock").open("w") as held:
        flock(held, LOCK_EX)
        yield


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` when the block succeeds and vanishes when it fails."""
    with drafting(path.parent) as draft:
        yield draft / path.name
        os.replace(draft / path.name, path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` when the block succeeds and vanishes when it fails."""
    with drafting(path.parent) as draft:
        beside = draft / path.name
        beside.mkdir()
        yield beside
        replace_folders({beside: path})


def replace_folders(moves: Mapping[Path, Path]) -> None:
    """Moves folders to where others may be: all, or, where a move fails, none.

    A folder takes the other's place in one step, and the other is then where the first was, for the caller to remove.
    """
    with ExitStack() as undo:
        for new, path in moves.items():
            parked = _parked(path)
            if parked.exists():  # left by a process that was killed between the two steps of `_exchange`
                shutil.rmtree(parked) if path.exists() else os.rename(parked, path)
            if path.exists():
                _exchange(new, path)
                undo.callback(_exchange, new, path)
            else:
                os.rename(new, path)
                undo.callback(os.rename, path, new)
        undo.pop_all()


def to_disk(path: Path) -> None:
    """Returns when a file's content, or a folder's list of files, will outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> None:
    """Two folders change places, in one step where the file system can (Linux's own do)."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
    except AttributeError:
        code = ENOSYS
    if code not in (EINVAL, ENOSYS, EPERM):
        raise OSError(code, os.strerror(code), str(other))
    parked = _parked(other)
    os.rename(other, parked)
    try:
        os.rename(one, other)
    except OSError:
        os.rename(parked, other)
        raise
    os.rename(parked, one)


def _parked(path: Path) -> Path:
    return path.with_name(f".{path.name}.replaced")


def _locked(path: Path) -> IO[str]:
    """A lock file that this process holds. Who sweeps may have removed it before it was held: then another one."""
    while True:
        held = path.open("w")
        flock(held, LOCK_EX)
        if path.exists():
            return held
        held.close()


def _remove_unless_locked(lock: Path) -> None:
    with suppress(BlockingIOError, FileNotFoundError), lock.open("r+") as held:
        flock(held, LOCK_EX | LOCK_NB)
        shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
        lock.unlink(missing_ok=True)
