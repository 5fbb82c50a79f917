"""Files and folders that are replaced as a whole: written beside their place, moved in when complete."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A path to write to, beside `path`, which takes its place when the block succeeds and vanishes when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, beside `path`, which takes its place when the block succeeds and vanishes when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    beside.mkdir()
    try:
        yield beside
        replace_folders({beside: path})
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def replace_folders(moves: Mapping[Path, Path]) -> None:
    """Moves folders to where others may be: all, or, where a move fails, none, and the others are put back."""
    replaced = []
    with ExitStack() as undo:
        for new, path in moves.items():
            if path.exists():
                old = path.with_name(f".{path.name}.{uuid4().hex}")
                os.rename(path, old)
                undo.callback(os.rename, old, path)
                replaced.append(old)
            os.rename(new, path)
            undo.callback(os.rename, path, new)
        undo.pop_all()
    for old in replaced:
        shutil.rmtree(old, ignore_errors=True)
