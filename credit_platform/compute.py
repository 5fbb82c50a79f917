"""Where independent pieces of work run: in this process, one after the other, or on a Ray cluster (`cluster.py`).

A piece is a plain function of arguments that can be pickled; it returns a small value or the bytes of a file, and reads
what it needs from the lake. Wherever it runs, it is the same function under the same settings, so that the numbers are
the same. Not here: what a piece does.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from credit_platform.settings import Settings

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


def each(
    settings: Settings,
    function: Callable[..., Result],
    pieces: Sequence[tuple[Any, ...]],
    common: tuple[Any, ...] = (),
) -> Iterator[tuple[int, Result]]:
    """Calls `function(*common, *piece)` for each piece; yields its position and result as they become known.

    What a piece raises is raised here, and no more pieces are begun.

    Raises:
        ClusterError: the cluster that the settings name can't work on the pieces.
    """
    for done, (position, result) in enumerate(_results(settings, function, pieces, common), start=1):
        _log.info("%s: %d of %d", function.__name__, done, len(pieces))
        yield position, result


@contextmanager
def fitting(settings: Settings) -> Iterator[None]:
    """Within the block joblib works on the cluster, where the settings name one; so do scikit-learn's searches.

    They must leave `n_jobs` alone, and an estimator must use `settings.threads` threads.

    Raises:
        ClusterError: the cluster that the settings name can't be joined; within the block: it lost a fit.
    """
    if settings.compute == "ray":
        from credit_platform import cluster

        with cluster.joblib_tasks(settings):
            yield
    else:
        yield


def _results(
    settings: Settings, function: Callable[..., Result], pieces: Sequence[tuple[Any, ...]], common: tuple[Any, ...]
) -> Iterator[tuple[int, Result]]:
    if settings.compute == "ray":
        from credit_platform import cluster

        yield from cluster.each(settings, function, pieces, common)
    else:
        for position, piece in enumerate(pieces):
            yield position, function(*common, *piece)
