"""Where the bytes of the lake lie: in a folder, or in an object store with a copy in a folder.

A stored folder never changes once it is there; only small documents do, each in one step. That is all a table's
versions need, and all that an object store promises. Not here: what a version is (`versions.py`).
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from credit_platform.lake.files import atomic, drafting, to_disk
from credit_platform.settings import Settings

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


class Storage(Protocol):
    """Keys are relative paths such as `client_mart/2025-01/<version>`."""

    root: Path
    """The folder of the lake, or of the copies."""

    def names(self, key: str) -> list[str]:
        """The folders and documents right below a key, in order, hidden ones left out."""

    def read(self, key: str) -> bytes | None:
        """A small document, or None where there is none."""

    def write(self, key: str, content: bytes) -> None:
        """Writes or replaces a small document, as a whole."""

    def put(self, folder: Path, key: str, unchanged: Mapping[str, str]) -> None:
        """Moves a filled folder to its key. `unchanged` maps file names to keys under which their bytes lie already."""

    def file(self, key: str) -> Path:
        """A stored file as a local path.

        Raises:
            FileNotFoundError: there is no such file.
        """

    def remove(self, key: str) -> None:
        """Removes a stored folder."""


class FolderStorage:
    """The lake as a folder of this machine, or of a file system that all machines share."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self, key: str) -> list[str]:
        folder = self.root / key
        return sorted(path.name for path in folder.glob("[!.]*")) if folder.is_dir() else []

    def read(self, key: str) -> bytes | None:
        try:
            return (self.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, key: str, content: bytes) -> None:
        with atomic(self.root / key) as beside:
            beside.write_bytes(content)
            to_disk(beside)

    def put(self, folder: Path, key: str, unchanged: Mapping[str, str]) -> None:  # noqa: ARG002 - links already
        for path in (*folder.iterdir(), folder):
            to_disk(path)
        os.rename(folder, self.root / key)
        to_disk((self.root / key).parent)

    def file(self, key: str) -> Path:
        if not (self.root / key).exists():
            raise FileNotFoundError(f"{self.root / key} does not exist")
        return self.root / key

    def remove(self, key: str) -> None:
        _remove(self.root / key)


class ObjectStorage:
    """The lake in an object store. Files that were read or written stay in a folder, for stored files never change."""

    def __init__(self, uri: str, copies: Path) -> None:
        self.root = copies
        self._store, self._prefix = _open_store(uri)

    def names(self, key: str) -> list[str]:
        from pyarrow.fs import FileSelector

        found = self._store.get_file_info(FileSelector(self._place(key), allow_not_found=True))
        return sorted(info.base_name for info in found if not info.base_name.startswith("."))

    def read(self, key: str) -> bytes | None:
        try:
            with self._store.open_input_stream(self._place(key)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def write(self, key: str, content: bytes) -> None:
        with self._store.open_output_stream(self._place(key)) as stream:
            stream.write(content)

    def put(self, folder: Path, key: str, unchanged: Mapping[str, str]) -> None:
        for path in sorted(folder.iterdir()):
            if path.name in unchanged:
                self._store.copy_file(self._place(unchanged[path.name]), self._place(f"{key}/{path.name}"))
            else:
                with (
                    path.open("rb") as source,
                    self._store.open_output_stream(self._place(f"{key}/{path.name}")) as out,
                ):
                    shutil.copyfileobj(source, out, 2**22)
        os.rename(folder, self.root / key)

    def file(self, key: str) -> Path:
        copy = self.root / key
        if not copy.exists():
            stream = self._store.open_input_stream(self._place(key))
            with stream as source, atomic(copy) as beside, beside.open("wb") as target:
                shutil.copyfileobj(source, target, 2**22)
        return copy

    def remove(self, key: str) -> None:
        self._store.delete_dir(self._place(key))
        _remove(self.root / key)

    def _place(self, key: str) -> str:
        return f"{self._prefix}/{key}"


def _remove(folder: Path) -> None:
    """Moved away in one step first: a folder that is there is there with all its files."""
    with drafting(folder.parent) as draft, suppress(FileNotFoundError):
        os.rename(folder, draft / folder.name)


def storage(settings: Settings) -> Storage:
    """The storage that the settings name: `lake_dir`, or `lake_uri` with copies in `lake_dir`."""
    if settings.lake_uri:
        return _object_storage(settings.lake_uri, settings.lake_dir)
    return FolderStorage(settings.lake_dir)


@cache
def _object_storage(uri: str, copies: Path) -> ObjectStorage:
    return ObjectStorage(uri, copies)


def _open_store(uri: str) -> tuple["FileSystem", str]:
    """The file system of an address and the path below it. Keys, region and endpoint come from the environment."""
    from pyarrow.fs import FileSystem, S3FileSystem

    if uri.startswith("s3://"):
        store = S3FileSystem(
            endpoint_override=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        )
        return store, uri.removeprefix("s3://").rstrip("/")
    store, prefix = FileSystem.from_uri(uri)
    return store, prefix.rstrip("/")
