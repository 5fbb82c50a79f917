"""Where independent pieces of work run: in this process, one after the other, or on a cluster.

A piece is a plain function of arguments that can be pickled; it returns a small value or the bytes of a file, and reads
what it needs from the lake. Not here: what a piece does.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from credit_platform.settings import Settings

Result = TypeVar("Result")


def each(
    settings: Settings,
    function: Callable[..., Result],
    pieces: Sequence[tuple[Any, ...]],
    common: tuple[Any, ...] = (),
) -> Iterator[tuple[int, Result]]:
    """Calls `function(*common, *piece)` for each piece; yields its position and result as they become known."""
    for position, piece in enumerate(pieces):
        yield position, function(*common, *piece)
