"""Arrays that were worked out from a model and lie beside it in a file of their own. Not here: what they say."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Self
from zipfile import BadZipFile

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class StoredArrays:
    """Arrays and plain values, stored as they are. A subclass says in which file and format, and what to call them.

    Attributes:
        digest: which model they belong to, in the words of whoever built them.
    """

    file_name: ClassVar[str]
    format: ClassVar[int]
    called: ClassVar[str]

    digest: str

    def write(self, folder: Path) -> Path:
        path = folder / self.file_name
        np.savez_compressed(path, format=self.format, **{f.name: getattr(self, f.name) for f in fields(self)})
        return path

    @classmethod
    def read(cls, folder: Path, digest: str) -> Self:
        """Reads what is stored in `folder` for the model that `digest` names.

        Raises:
            FileNotFoundError: nothing is.
            ValueError: it belongs to another model, has another format, or is damaged.
        """
        path = folder / cls.file_name
        again = f"build the {cls.called} again"
        try:
            with np.load(path, allow_pickle=False) as stored:
                if stored["format"] != cls.format:
                    raise ValueError(f"its format is {stored['format']}, not {cls.format}")
                found = {f.name: stored[f.name] for f in fields(cls)}
        except (BadZipFile, EOFError, KeyError, ValueError) as error:
            raise ValueError(f"{path} can't be read, {again}: {error}") from error
        if found["digest"] != digest:
            raise ValueError(f"{path} belongs to model {found['digest']}, not {digest}: {again}")
        return cls(**{name: array if array.ndim else array.item() for name, array in found.items()})
