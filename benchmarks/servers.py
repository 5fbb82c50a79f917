"""The API beside other ways to serve the same registered version, and beside the least that any answer costs.

    python benchmarks/servers.py --help

Trains a champion on simulated data, starts one server after another on loopback, checks that it answers as the API
does, and puts it under load. Where an answer differs by more than 1e-9 there is no report. Not called `serving`, which
is the API's package. Not here: the load (`load.py`), how servers start and end (`running.py`), the peers' applications
(`peers/`), and what came out (`docs/benchmarks.md`).
"""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import load
from load import Load, Task
from processes import family, memory_bytes
from running import Running, free_port, running

REPOSITORY = Path(__file__).parents[1]
PEERS = Path(__file__).with_name("peers")
CLIENTS_ASKED = 64
TOLERANCE = 1e-9
WARM_UP_SECONDS = 1.0
NO_TELEMETRY = {"DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true"}

Client = tuple[Mapping[str, Any], int]
"""Features and number."""


def with_number(features: Mapping[str, Any], number: int) -> Any:
    """A client as the API is asked about one."""
    return {"sk_id_curr": number, "features": features}


def as_records(features: Mapping[str, Any], number: int) -> Any:  # noqa: ARG001
    """A client as `mlflow models serve` is asked about one."""
    return {"dataframe_records": [features]}


@dataclass(frozen=True)
class World:
    """What all servers share: a folder for what they leave, the champion's registry, its files, the same files without
    MLflow's signature, and the Python that has BentoML.
    """

    folder: Path
    tracking_uri: str
    model: Path
    unsigned: Path
    bento: Path


@dataclass(frozen=True)
class Server:
    """A server to compare. `command` takes a port and a number of workers, `asked` makes a body of a client.

    `told` finds the probability of default in an answer; None where the server knows of none. `fault` says what else
    is wrong with an answer, empty where nothing is.
    """

    name: str
    title: str
    command: Callable[[int, int], Sequence[str]]
    environment: Mapping[str, str]
    path: str
    asked: Callable[[Mapping[str, Any], int], Any] = with_number
    told: Callable[[Any], float] | None = lambda answer: answer["probability_of_default"]
    fault: Callable[[Any, Running], str] = lambda answer, server: ""  # noqa: ARG005


@dataclass(frozen=True)
class Measured:
    """What became of a server: the loads by number of connections, and the bytes of memory it had in the end."""

    loads: Mapping[int, Load]
    memory: int


Results = Mapping[tuple[str, int], Measured]
"""By name of the server and number of workers."""


@dataclass(frozen=True)
class Goal:
    """How many times the requests a second of another server one is to answer."""

    text: str
    server: str
    beside: str
    least: float


GOALS = (
    Goal("score only, of `mlflow models serve`: at least 30 times", "score", "mlflow", 30),
    Goal("score only, of the floor: at least 0.4 times", "score", "floor", 0.4),
    Goal("score, reasons and record, of `mlflow models serve`: at least 15 times", "record", "mlflow", 15),
)
P99_GOAL_SECONDS = 0.025
P99_GOAL_CONNECTIONS = 8


def servers(world: World) -> tuple[Server, ...]:
    """All that are compared, the API first."""
    python, model = sys.executable, {"MODEL": str(world.model)}

    def listening(port: int, workers: int) -> list[str]:
        return ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]

    def api(port: int, workers: int) -> list[str]:
        return [python, "-m", "serving", *listening(port, workers)]

    def uvicorn(app: str, port: int, workers: int) -> list[str]:
        """With the API's settings, as far as uvicorn's command has them."""
        fast = ["--loop", "uvloop", "--http", "httptools", "--ws", "none", "--no-access-log", "--no-server-header"]
        where = [app, "--app-dir", str(PEERS), "--no-proxy-headers"]
        return [python, "-m", "uvicorn", *where, *fast, *listening(port, workers)]

    def mlflow(version: Path, port: int, workers: int) -> list[str]:
        of = ["-m", str(version), "--env-manager", "local"]
        return [python, "-m", "mlflow", "models", "serve", *of, *listening(port, workers)]

    def bentoml(service: str, port: int, _workers: int) -> list[str]:
        where = ["--working-dir", str(PEERS), "--host", "127.0.0.1", "--port", str(port)]
        return [str(world.bento), "-m", "bentoml", "serve", f"bento:{service}", *where]

    recorded = {
        "CREDIT_DATA_DIR": str(world.folder / "data"),
        "CREDIT_MLFLOW_TRACKING_URI": world.tracking_uri,
        "CREDIT_API_KEY": "",
        "CREDIT_API_REQUESTS_PER_SECOND": "0",
    }
    unrecorded = recorded | {"CREDIT_DECISIONS_RECORD": "false"}
    of_mlflow: dict[str, Any] = {
        "environment": {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"},
        "path": "/invocations",
        "asked": as_records,
        "told": lambda answer: answer["predictions"][0]["probability_of_default"],
    }
    of_bento = {**model, "PYTHONPATH": str(REPOSITORY), "BENTOML_HOME": str(world.folder / "bentoml")}
    constant = partial(uvicorn, "floor:app")
    return (
        Server("score", "**this API**, score only", api, unrecorded, "/v1/predict?reasons=0", fault=_bare),
        Server("reasons", "**this API**, exact reasons", api, unrecorded, "/v1/predict", fault=_explained),
        Server("record", "**this API**, reasons, on record", api, recorded, "/v1/predict", fault=_on_record),
        Server("mlflow", "mlflow models serve", partial(mlflow, world.model), **of_mlflow),
        Server("unsigned", "mlflow models serve, no signature", partial(mlflow, world.unsigned), **of_mlflow),
        Server("bento", "BentoML, pyfunc", partial(bentoml, "Generic"), of_bento, "/predict"),
        Server("bento_native", "BentoML, this platform's scorer", partial(bentoml, "Native"), of_bento, "/predict"),
        Server("naive", "FastAPI, DataFrame and pyfunc", partial(uvicorn, "naive:app"), model, "/predict"),
        Server("declared", "floor: FastAPI, declared body, constant answer", constant, {}, "/declared", told=None),
        Server("floor", "floor: FastAPI, json.loads, constant answer", constant, {}, "/bare", told=None),
    )


NAMES = ("score", "reasons", "record", "mlflow", "unsigned", "bento", "bento_native", "naive", "declared", "floor")


def main() -> None:
    parser = ArgumentParser(
        description="Measures the API side by side with other servers of the same version.",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--champion", type=Path, help="data folder with a champion and a mart; default: one is made")
    parser.add_argument("--clients", type=int, default=3000, help="clients of each of the six months it is made of")
    parser.add_argument("--server", choices=NAMES, nargs="+", default=list(NAMES), help="servers to run")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="processes that answer")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64], help="requests at the same time")
    parser.add_argument("--seconds", type=float, default=5, help="how long each load is measured")
    peers = Path(sys.prefix, "peers", "bin", "python")
    parser.add_argument("--bento", type=Path, default=peers, help="Python with what peers/requirements.txt lists")
    parser.add_argument("--data", type=Path, help="folder for the data, which are removed at the end")
    parser.add_argument("--out", type=Path, help="Markdown file for the results; they are shown anyway")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # so that the servers end, too
    os.environ.update(NO_TELEMETRY)
    with TemporaryDirectory(prefix="credit-benchmark-", dir=options.data) as temporary:
        folder = Path(temporary).resolve()
        world = prepare(options.champion or train(folder / "champion", options.clients), folder, options.bento)
        compared = [each for each in servers(world) if each.name in options.server]
        if not options.bento.exists():
            compared = [each for each in compared if not each.name.startswith("bento")]
            _say(f"BentoML is left out, there is no {options.bento}: `make bench-serving` installs it")
        asked, expected = ask_the_api(world)
        measured = {
            (each.name, workers): measure(each, world, workers, asked, expected, options.connections, options.seconds)
            for workers in options.workers
            for each in compared
        }
        conditions = machine(world, asked)
    tables = [f"Workers: {workers}\n\n{table(compared, measured, workers)}" for workers in options.workers]
    report = "\n\n".join([conditions, *tables, goals(measured, options.workers, options.connections), shares(measured)])
    _say(report)
    if options.out:
        options.out.write_text(f"{report}\n", "utf-8")


def train(folder: Path, clients: int) -> Path:
    """A data folder in which the platform has built the mart of six simulated months and trained a champion."""
    environment = {**os.environ, "CREDIT_DATA_DIR": str(folder), "DAGSTER_HOME": str(folder / "dagster")}
    delivery = folder.with_name("delivery")
    for arguments in (
        ("simulate", "--out", str(delivery), "--cohorts", "6", "--clients", str(clients)),
        ("land", str(delivery)),
        ("run", "--job", "build_mart"),
        ("run", "--job", "train"),
    ):
        command = Path(sys.executable).with_name("credit-platform")
        subprocess.run([command, *arguments], env=environment, check=True)  # noqa: S603 - the platform's own
    return folder


def prepare(champion: Path, folder: Path, bento: Path) -> World:
    """What the servers need, in a folder of its own: nothing is written into the champion's.

    Raises:
        NoModelError: no champion is registered in that data folder.
    """
    from credit_platform.model import registry
    from credit_platform.settings import Settings

    settings = Settings(data_dir=champion)
    model, unsigned = registry.fetch(settings).folder.parents[1], folder / "unsigned"
    (folder / "data").mkdir()
    (folder / "data" / "lake").symlink_to(settings.lake_dir)
    shutil.copytree(model, unsigned)
    described = unsigned / "MLmodel"
    described.write_text(without_signature(described.read_text("utf-8")), "utf-8")
    return World(folder, settings.tracking_uri, model, unsigned, bento)


def without_signature(description: str) -> str:
    """The text of an MLmodel file without the signature, so that MLflow takes any columns of any type."""
    import yaml

    return yaml.safe_dump({name: value for name, value in yaml.safe_load(description).items() if name != "signature"})


def ask_the_api(world: World) -> tuple[list[Client], list[float]]:
    """Some clients of the newest cohort as the API knows them, and the probabilities of default that it gives them."""
    api = servers(world)[0]
    with started(api, world, 1, json.dumps(with_number({}, 1))) as process:
        numbers = json.loads(process.get(f"/v1/clients?limit={CLIENTS_ASKED}"))["clients"]
        asked = [(json.loads(process.get(f"/v1/clients/{number}"))["features"], number) for number in numbers]
        answers = [json.loads(process.post(api.path, json.dumps(with_number(*client)))) for client in asked]
    return asked, [answer["probability_of_default"] for answer in answers]


def started(server: Server, world: World, workers: int, body: str) -> AbstractContextManager[Running]:
    """The server on a free port, once it has answered a body, for as long as the context lasts."""
    port = free_port()
    environment = {**server.environment, "WORKERS": str(workers)}
    log = world.folder / f"{server.name}.log"
    return running(server.command(port, workers), environment, world.folder, port, server.path, body, log)


def measure(
    server: Server,
    world: World,
    workers: int,
    asked: Sequence[Client],
    expected: Sequence[float],
    connections: Sequence[int],
    seconds: float,
) -> Measured:
    """Starts a server, checks its answers, and puts it under load with each number of connections.

    Raises:
        RuntimeError: it does not start, answers otherwise than the API, or fails under load.
    """
    bodies = [json.dumps(server.asked(*client)) for client in asked]
    loads = {}
    with started(server, world, workers, bodies[0]) as process:
        check(server, process, bodies, expected)
        for number in connections:
            task = Task(process.port, server.path, bodies, number, seconds, WARM_UP_SECONDS, process.pid)
            loads[number] = found = load.measure(task)
            _say(
                f"{server.name}, {workers} x {number}: {found.rate:,.1f}/s, p50 {found.p50 * 1e3:.1f} ms, "
                f"p99 {found.p99 * 1e3:.1f} ms, {found.cpu_each * 1e3:.2f} CPU ms each; "
                f"the load {found.own_cpu / found.seconds:.0%} of a core, others {found.other_cpu / found.seconds:.0%}"
            )
        memory = memory_bytes(family(process.pid))
    return Measured(loads, memory)


def check(server: Server, process: Running, bodies: Sequence[str], expected: Sequence[float]) -> None:
    """Asks about every client once.

    Raises:
        RuntimeError: an answer is not what it must be.
    """
    if server.told is None:
        return
    for number, (body, probability) in enumerate(zip(bodies, expected, strict=True)):
        answer = json.loads(process.post(server.path, body))
        if not abs(server.told(answer) - probability) <= TOLERANCE:
            told = server.told(answer)
            raise RuntimeError(f"{server.title} answers client {number} with {told!r}, the API with {probability!r}")
        if fault := server.fault(answer, process):
            raise RuntimeError(f"{server.title} answers client {number} {fault}")


def _bare(answer: Any, _: Running) -> str:
    return "with reasons or a record" if answer["reasons"] or answer["decision_id"] else ""


def _explained(answer: Any, _: Running) -> str:
    return "" if answer["reasons"] and not answer["decision_id"] else "without reasons, or with a record"


def _on_record(answer: Any, process: Running) -> str:
    kept = json.loads(process.get(f"/v1/decisions/{answer['decision_id']}"))
    same = kept["probability_of_default"] == answer["probability_of_default"]
    return "" if answer["reasons"] and same else "otherwise than its record says, or without reasons"


def machine(world: World, asked: Sequence[Client]) -> str:
    """What the figures were taken on and with, in words that name no machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ("mlflow", "fastapi", "uvicorn", "uvloop", "pydantic", "numpy", "pandas", "catboost")
    versions = [f"{name} {version(name)}" for name in packages]
    if world.bento.exists():
        versions.append(f"bentoml {_bento_version(world.bento)}")
    size = median(len(json.dumps(with_number(*client))) for client in asked)
    return (
        f"{datetime.now():%Y-%m-%d}: {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of memory, "
        f"{platform.system()}; Python {platform.python_version()}, {', '.join(versions)}. The model has "
        f"{_trees(world.model)} trees over {len(asked[0][0])} features, a request all of these in {size:,.0f} bytes. "
        f"Making 4 KB of a file durable takes {_sync_seconds(world.folder) * 1e3:.2f} ms."
    )


def table(compared: Sequence[Server], measured: Results, workers: int) -> str:
    """A Markdown table of the servers with some workers; CPU time is that of the middle number of connections."""
    numbers = sorted(measured[compared[0].name, workers].loads)
    middle = numbers[len(numbers) // 2]
    figures = ("req/s", "p50 ms", "p99 ms")
    header = ("server", *(f"{figure} at {n}" for figure in figures for n in numbers), f"CPU ms each at {middle}", "MB")
    rows = []
    for server in compared:
        found = measured[server.name, workers]
        loads = [found.loads[number] for number in numbers]
        values = [
            *(each.rate for each in loads),
            *(each.p50 * 1e3 for each in loads),
            *(each.p99 * 1e3 for each in loads),
            found.loads[middle].cpu_each * 1e3,
            found.memory / 1e6,
        ]
        rows.append((server.title, *map(digits, values)))
    return markdown(header, rows)


def goals(measured: Results, workers: Sequence[int], connections: Sequence[int]) -> str:
    """A Markdown table of what was to be reached and what was, by workers and connections; what is reached is bold."""
    cells = [(w, c) for w in workers for c in connections]
    rows = []
    for goal in GOALS:
        if {(name, w) for name in (goal.server, goal.beside) for w in workers} <= measured.keys():
            own, other = ([measured[name, w].loads[c].rate for w, c in cells] for name in (goal.server, goal.beside))
            ratios = [each / beside for each, beside in zip(own, other, strict=True)]
            rows.append((goal.text, *(_bold(digits(ratio), ratio >= goal.least) for ratio in ratios)))
    for name in ("score", "reasons", "record"):
        if (name, workers[0]) in measured and P99_GOAL_CONNECTIONS in connections:
            p99s = {(w, c): measured[name, w].loads[c].p99 for w, c in cells if c == P99_GOAL_CONNECTIONS}
            shown = {cell: _bold(f"{digits(p * 1e3)} ms", p < P99_GOAL_SECONDS) for cell, p in p99s.items()}
            rows.append((f"{name}: p99 under {P99_GOAL_SECONDS * 1e3:.0f} ms", *(shown.get(c, "") for c in cells)))
    return markdown(("goal", *(f"{w} worker{'s' * (w > 1)}, {c} at once" for w, c in cells)), rows)


def shares(measured: Results) -> str:
    """What else used the cores: the load generator, and other processes; each at its most, as shares of one core."""
    loads = [(name, w, c, each) for (name, w), found in measured.items() for c, each in found.loads.items()]
    name, w, c, most = max(loads, key=lambda found: found[3].own_cpu / found[3].seconds)
    other = max(each.other_cpu / each.seconds for *_, each in loads)
    return (
        f"The load generator took up to {most.own_cpu / most.seconds:.0%} of a core ({name}, {w} x {c}), "
        f"{most.own_cpu / most.answers * 1e6:.0f} µs a request; other processes up to {other:.0%}."
    )


def digits(value: float) -> str:
    """Three significant digits, thousands in full."""
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("--:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _bold(text: str, reached: bool) -> str:
    return f"**{text}**" if reached else text


def _trees(model: Path) -> int:
    from catboost import CatBoost

    return int(CatBoost().load_model(str(model / "artifacts" / "scorer" / "model.cbm")).tree_count_)


def _bento_version(python: Path) -> str:
    asked = "from importlib.metadata import version; print(version('bentoml'))"
    return subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def _sync_seconds(folder: Path) -> float:
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file)
            taken.append(time.perf_counter() - began)
    return median(taken)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
