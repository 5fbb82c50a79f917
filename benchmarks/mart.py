"""The client mart against the same aggregation in pandas and polars, and against the least that reading costs.

    python benchmarks/mart.py --help

Simulates deliveries of several sizes, has the platform land and ingest them, and runs every workload in a process of
its own, one at a time. Where the kernels' results differ there is no report. Not here: what the workloads do
(`steps.py`), and what came out (`docs/benchmarks.md`).
"""

import os
import platform
import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import Usage, measure

KAGGLE_TRAIN = 307_511
KAGGLE_BOTH = 356_255
ENGINES = ("mart", "duckdb", "polars", "pandas")


@dataclass(frozen=True)
class Workload:
    """A step that is measured. `after` names steps that are not: they make data ready, once. `change` names one that
    is done each time before. `engine` is empty for what every engine needs or is compared with. `every_size`: not just
    at the sizes where engines are compared.
    """

    step: str
    title: str
    engine: str = ""
    after: tuple[str, ...] = ()
    change: str = ""
    every_size: bool = False


WORKLOADS = (
    Workload("start", "a process that does nothing"),
    Workload("land", "staging: landing, which checks every file", after=("deliver",), every_size=True),
    Workload("ingest", "staging: ingestion into sorted buckets", every_size=True),
    Workload("floor", "the floor: reading the kernel's columns", every_size=True),
    Workload("mart", "this mart", "mart", every_size=True),
    Workload("kernel_duckdb", "kernel, built as this mart is", "duckdb", every_size=True),
    Workload("kernel_duckdb_whole", "kernel, DuckDB in one piece", "duckdb"),
    Workload("polars_buckets", "kernel, polars, bucket by bucket", "polars"),
    Workload("polars_sorted", "kernel, polars, sorted Parquet", "polars", ("flatten", "sort")),
    Workload("polars_parquet", "kernel, polars, Parquet", "polars"),
    Workload("polars_csv", "kernel, polars, csv", "polars", ("write_csv",)),
    Workload("pandas_parquet", "kernel, pandas, Parquet", "pandas", ("flatten",)),
    Workload("pandas_csv", "kernel, pandas, csv", "pandas", ("write_csv",)),
    Workload("mart_again", "this mart, nothing changed", "mart"),
    Workload("mart_again", "this mart, one bucket changed", "mart", change="correct"),
)

Measured = Mapping[Workload, Usage]


def main() -> None:
    parser = ArgumentParser(
        description="Measures the client mart side by side with other engines.",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--scale", type=float, nargs="+", default=[0.1, 0.25, 0.5, 1], help="sizes, 1 being Kaggle's")
    parser.add_argument("--compare", type=float, nargs="*", default=[0.1, 1], help="sizes where all engines run")
    parser.add_argument("--engine", choices=ENGINES, nargs="+", default=list(ENGINES), help="engines to run")
    parser.add_argument("--repeat", type=int, default=1, help="times each is run; the one with least CPU counts")
    parser.add_argument("--data", type=Path, help="folder for the data, 8 GB at size 1, which are removed at the end")
    parser.add_argument("--out", type=Path, help="Markdown file for the results; they are shown anyway")
    options = parser.parse_args()
    compared = sorted(options.compare)
    with TemporaryDirectory(prefix="credit-benchmark-", dir=options.data) as folder:
        measured = {
            size: measure_all(Path(folder) / f"{size:g}", size, options.engine, size in compared, options.repeat)
            for size in sorted({*options.scale, *compared})
        }
    report = "\n\n".join([machine(), *(comparison(size, measured[size]) for size in compared), growth(measured)])
    _say(report)
    if options.out:
        options.out.write_text(f"{report}\n", "utf-8")


def measure_all(folder: Path, size: float, engines: Sequence[str], compare: bool, repeat: int) -> Measured:
    """What every workload of one size used, in the order in which they are declared.

    Of several runs the one with the least CPU time counts: what else the machine does can only add to it.

    Raises:
        RuntimeError: a step failed, or the kernels' results differ.
    """
    clients = round(size * KAGGLE_TRAIN)
    folder.mkdir(parents=True)
    measured, done = {}, set()
    for workload in WORKLOADS:
        if workload.engine not in ("", *engines) or not (compare or workload.every_size):
            continue
        for step in workload.after:
            if step not in done:
                measure(step, folder, clients)
                done.add(step)
        used = min((once(workload, folder, clients) for _ in range(repeat)), key=lambda used: used.cpu)
        measured[workload] = used
        _say(f"size {size:g}, {workload.title}: {used.cpu:.1f} CPU s, {used.wall:.1f} s, {used.peak / 1e6:,.0f} MB")
    measure("agree", folder, clients)
    measure("remove", folder, clients)
    return measured


def once(workload: Workload, folder: Path, clients: int) -> Usage:
    if workload.change:
        measure(workload.change, folder, clients)
    return measure(workload.step, folder, clients)


def machine() -> str:
    """What the figures were taken on, in words that name no machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    engines = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "polars", "pandas", "pyarrow"))
    return (
        f"{datetime.now():%Y-%m-%d}: {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of memory, "
        f"{platform.system()}; Python {platform.python_version()}, {engines}."
    )


def comparison(size: float, measured: Measured) -> str:
    """A Markdown table of all workloads at one size."""
    rows = [(w.title, f"{used.cpu:.1f}", f"{used.wall:.1f}", f"{used.peak / 1e6:,.0f}") for w, used in measured.items()]
    heading = f"Size {size:g}: {round(size * KAGGLE_BOTH):,} applications"
    return f"{heading}\n\n{_table(('workload', 'CPU s', 'wall s', 'peak MB'), rows)}"


def growth(measured: Mapping[float, Measured]) -> str:
    """Markdown tables of CPU seconds and of peak memory by size, of the workloads that were measured at several."""
    several = [w for w in WORKLOADS if sum(w in used for used in measured.values()) > 1]
    header = ("", *(f"{size:g}" for size in measured))
    cpu = [(w.title, *(f"{m[w].cpu:.1f}" if w in m else "" for m in measured.values())) for w in several]
    peak = [(w.title, *(f"{m[w].peak / 1e6:,.0f}" if w in m else "" for m in measured.values())) for w in several]
    return f"CPU seconds by size\n\n{_table(header, cpu)}\n\nPeak MB by size\n\n{_table(header, peak)}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("--:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
