"""Pieces of work and joblib's calls as tasks of a Ray cluster.

Every node must have this package and its libraries in the same versions, and see the lake, or the task says so. A task
whose node or process dies is begun again on another. Only `compute.py` uses this, and only where the settings name a
cluster. Not here: what a piece does.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from platform import node
from socket import create_connection
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from credit_platform.lake.storage import storage
from credit_platform.settings import Settings

RETRIES = 3
"""How often a task is begun again whose node or process died."""
AHEAD = 2
"""Tasks under way for each place that can work on one: enough to keep all busy, few enough to hold their results."""

_SHARED_BYTES = 2**20
"""Arguments from about this size on are sent once for all of joblib's calls, not with each."""
_ENGINES = ("catboost", "duckdb", "numpy", "pandas", "pyarrow", "scikit-learn")
"""The libraries that make the numbers."""


class ClusterError(RuntimeError):
    """The cluster can't be joined, a node of it can't see the lake or has other libraries, or a task was lost."""


def each(
    settings: Settings, function: Callable[..., Any], pieces: Sequence[tuple[Any, ...]], common: tuple[Any, ...]
) -> Iterator[tuple[int, Any]]:
    """As `compute.each`. A window of pieces is under way, so that their results fit into the cluster's memory."""
    if not pieces:
        return
    ray = _joined(settings)
    task = _task(ray, settings, function.__name__)
    with _mark(settings) as mark:
        work = ray.put((settings, mark, function, common))
        waiting = enumerate(pieces)
        under_way: dict[Any, int] = {}
        try:
            while True:
                room = AHEAD * _places(ray, settings) - len(under_way)
                for position, piece in islice(waiting, max(room, 0)):
                    under_way[task.remote(_versions(), _piece, work, piece)] = position
                if not under_way:
                    return
                (done,), _ = ray.wait(list(under_way), num_returns=1, fetch_local=False)
                yield under_way.pop(done), _result(ray, done)
        finally:
            for left in under_way:
                ray.cancel(left)


@contextmanager
def joblib_tasks(settings: Settings) -> Iterator[None]:
    """Within the block joblib's calls are tasks of the cluster.

    Ray's own backend for joblib keeps an actor on each place instead. One whose node dies finds no other place while
    the rest hold theirs, and its retries are used up before the node is known to be dead.
    """
    from joblib import parallel_config
    from joblib.parallel import ThreadingBackend

    ray = _joined(settings)
    task = _task(ray, settings, "fit")
    shared: dict[int, tuple[Any, Any]] = {}
    under_way: set[Any] = set()

    def placed(value: Any) -> Any:
        if getattr(value, "size", 0) * 8 < _SHARED_BYTES:
            return value
        if id(value) not in shared:
            shared[id(value)] = value, ray.put(value)
        return shared[id(value)][1]

    def outcome(tasks: list[Any]) -> list[Any]:
        results = [_result(ray, done) for done in tasks]
        under_way.difference_update(tasks)
        return results

    class Tasks(ThreadingBackend):  # type: ignore[misc]
        """joblib's threads, which wait for tasks."""

        uses_threads = False
        supports_sharedmem = False

        def submit(self, func: Any, callback: Any = None) -> Any:
            tasks = [
                task.remote(
                    _versions(), *map(placed, (function, *positional)), **{k: placed(v) for k, v in named.items()}
                )
                for function, positional, named in func.items
            ]
            under_way.update(tasks)
            return super().submit(partial(outcome, tasks), callback)

    try:
        with parallel_config(Tasks(), n_jobs=AHEAD * _places(ray, settings)):
            yield
    finally:
        for left in list(under_way):
            ray.cancel(left)


def _task(ray: Any, settings: Settings, name: str) -> Any:
    return ray.remote(num_cpus=settings.threads, max_retries=RETRIES, name=name)(_call)


def _call(ours: dict[str, str], function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Runs on a node of the cluster."""
    here = _versions()
    if other := [f"{name} {here[name]} instead of {ours[name]}" for name in ours if here[name] != ours[name]]:
        raise ClusterError(f"node {node()} has {', '.join(other)}; install the same versions on every node")
    return function(*arguments, **named)


def _piece(work: tuple[Any, ...], piece: tuple[Any, ...]) -> Any:
    """Runs on a node of the cluster."""
    settings, mark, function, common = work
    try:
        seen = storage(settings).read(mark) is not None
        reason = "it is another lake" if settings.lake_uri or settings.lake_dir.is_dir() else "there is no such folder"
    except OSError as error:
        seen, reason = False, str(error)
    if not seen:
        raise ClusterError(
            f"node {node()} can't see the lake at {settings.lake_uri or settings.lake_dir}: {reason}; put "
            "CREDIT_DATA_DIR on a file system that all nodes share, or CREDIT_LAKE_URI on an object store that all "
            "nodes have the keys of"
        )
    return function(*common, *piece)


def _result(ray: Any, task: Any) -> Any:
    try:
        return ray.get(task)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", error)
        if isinstance(cause, ray.exceptions.RayError):
            raise ClusterError(f"the cluster gave a task up: {cause}") from error
        raise cause from error


@contextmanager
def _mark(settings: Settings) -> Iterator[str]:
    """A document in the lake by which nodes tell that they see this one and no other."""
    place, folder = storage(settings), f".seen-{uuid4().hex}"
    place.write(f"{folder}/mark", b"")
    try:
        yield f"{folder}/mark"
    finally:
        place.remove(folder)


def _joined(settings: Settings) -> Any:
    """Ray, this process having joined the cluster until it ends."""
    try:
        import ray
    except ImportError as error:
        raise ClusterError("CREDIT_COMPUTE=ray needs Ray, which comes with the package's extra cluster") from error
    if ray.is_initialized():
        return ray
    address = settings.ray_address
    try:
        if address != "auto":  # Ray itself waits for minutes, or ends the process
            parts = urlsplit(address if "://" in address else f"//{address}")
            create_connection((parts.hostname or "", parts.port or 0), timeout=10).close()
        ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"no Ray cluster can be joined at {address}: {error}; start one (ray start --head) and say where it is in "
            "CREDIT_RAY_ADDRESS, or leave out CREDIT_COMPUTE"
        ) from error
    return ray


def _places(ray: Any, settings: Settings) -> int:
    """How many tasks the cluster can work on at once; at least one, for a cluster may grow when it is asked to."""
    processors = (node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    return max(1, sum(int(count) // settings.threads for count in processors))


@cache
def _versions() -> dict[str, str]:
    """What must be the same everywhere: the files of this package, as a digest, and the libraries it computes with."""
    code = sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".sql", ".toml"):
            code.update(path.read_bytes())
    found = {"credit-platform": code.hexdigest()[:12]}
    for name in _ENGINES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
