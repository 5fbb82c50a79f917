"""The full-data verdict beside Evidently's preset and NannyML: cost, false alarms, what is caught.

    python benchmarks/drift.py [cost] [false-alarms] [caught] [--nannyml PYTHON] [--rows 300000] [--columns 500]
                               [--seeds 20] [--folder DIR]

Writes a report in Markdown to standard output, or some parts of it. Every cost is that of a process of its own, imports
included; a large cohort is one bucket of 25,000 clients many times, which costs as much as different ones. NannyML
needs older libraries than the platform's; `--nannyml` names the Python of an environment that has it, and without it
its rows say so. Not here: the columns and faults (`drift_frames.py`).
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

SEEDS_OF_PEERS = 3
COLUMNS_OF_PEERS = 20
POWER_ROWS = 5_000
SIZES = (1_000, 5_000, 50_000, 300_000)
SIZES_OF_PEERS = ((10_000, 50), (50_000, 50))
BUCKET = 25_000
_OURS = "counts of all clients and the verdict"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("parts", nargs="*", choices=["cost", "false-alarms", "caught", []])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--columns", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--nannyml", default="", help="Python of an environment with NannyML")
    parser.add_argument("--folder", type=Path, default=None, help="where the frames are put; default: a temporary one")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        _STEPS[given.step[0]](Path(given.step[1]))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        parts = {
            "cost": lambda: cost(Path(folder), given.rows, given.columns, given.nannyml),
            "false-alarms": lambda: alarms(given.columns, given.seeds),
            "caught": lambda: power(given.seeds),
        }
        for part in given.parts or parts:
            for line in parts[part]():
                print(line, flush=True)  # noqa: T201 - the report


def cost(folder: Path, rows: int, columns: int, nannyml: str) -> Iterator[str]:
    """CPU seconds and memory, a row for each, as soon as it is known."""
    yield from ("### Cost", "", "| what | rows x columns | CPU s | wall s | peak MB |")
    yield "| --- | --- | --: | --: | --: |"
    place = folder / "large"
    _run(sys.executable, __file__, "frames", place, rows, columns)
    yield _cost(f"**{_OURS}**", rows, columns, _run(sys.executable, __file__, "ours", place))
    for few, some in SIZES_OF_PEERS:
        place = folder / f"{few}-{some}"
        _run(sys.executable, __file__, "frames", place, few, some)
        yield _cost(_OURS, few, some, _run(sys.executable, __file__, "ours", place))
        yield _cost("Evidently, drift preset", few, some, _run(sys.executable, __file__, "evidently", place))
        yield _peer(nannyml, few, some, place)


def _peer(nannyml: str, rows: int, columns: int, place: Path) -> str:
    if not nannyml:
        return f"| NannyML | {rows:,} x {columns} | not installed | | |"
    try:
        return _cost("NannyML, Jensen-Shannon", rows, columns, _run(nannyml, _PEER, str(place)))
    except RuntimeError:
        return f"| NannyML | {rows:,} x {columns} | failed | | |"


def alarms(columns: int, seeds: int) -> Iterator[str]:
    """How often somebody is told although nothing moved."""
    from drift_frames import false_alarms

    yield from ("### False alarms", "", "Cohorts drawn as their reference was.", "")
    yield from ("| rows on either side | columns x seeds | this verdict | Evidently |", "| --: | --: | --: | --: |")
    for size in SIZES:
        own = sum(false_alarms(size, columns, seeds))
        theirs = f"{evidently_false_alarms(size):.1%} of columns" if size <= POWER_ROWS else "not run"
        yield f"| {size:,} | {columns} x {seeds} | {own} | {theirs} |"


def power(seeds: int) -> Iterator[str]:
    """In how many seeds each fault is told."""
    yield from ("### What is caught", "", f"{POWER_ROWS:,} rows on either side; seeds in which it was told.", "")
    yield from ("| fault | this verdict | Evidently |", "| --- | --: | --: |")
    for fault, own, theirs in caught(seeds):
        yield f"| {fault} | {own} of {seeds} | {theirs} of {SEEDS_OF_PEERS} |"


def caught(seeds: int) -> Iterator[tuple[str, int, int]]:
    """Each fault with the number of seeds in which this verdict and Evidently's defaults tell of all its columns."""
    from drift_frames import FAULTS, SWAPPED, flagged, frame, spoilt

    before = frame(1_000, POWER_ROWS, COLUMNS_OF_PEERS)
    for fault in (*FAULTS, SWAPPED):
        own = theirs = 0
        for seed in range(1, seeds + 1):
            after, at_fault = spoilt(frame(seed, POWER_ROWS, COLUMNS_OF_PEERS), fault, seed)
            own += at_fault <= flagged(before, after)
            if seed <= SEEDS_OF_PEERS:
                chosen = sorted(at_fault)
                theirs += at_fault <= evidently_flags(before.select(chosen), after.select(chosen))
        yield fault, own, theirs


def evidently_false_alarms(size: int) -> float:
    """The share of columns of which Evidently's defaults tell although nothing moved."""
    from drift_frames import frame

    before, told = frame(1_000, size, COLUMNS_OF_PEERS), 0
    for seed in range(1, SEEDS_OF_PEERS + 1):
        told += len(evidently_flags(before, frame(seed, size, COLUMNS_OF_PEERS)))
    return told / SEEDS_OF_PEERS / COLUMNS_OF_PEERS


def evidently_flags(before: "pa.Table", after: "pa.Table") -> set[str]:
    """The columns that Evidently's preset with its defaults says have drifted."""
    os.environ["DO_NOT_TRACK"] = "1"
    import pyarrow as pa
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    texts = [field.name for field in before.schema if pa.types.is_string(field.type)]
    definition = DataDefinition(
        numerical_columns=[name for name in before.column_names if name not in texts],
        categorical_columns=texts,
        text_columns=[],
        datetime_columns=[],
        unknown_columns=[],
        list_columns=[],
    )
    sides = [Dataset.from_pandas(table.to_pandas(), data_definition=definition) for table in (before, after)]
    snapshot = Report([DataDriftPreset()], include_tests=True).run(sides[1], sides[0])
    return {
        test["metric_config"]["params"]["column"]
        for test in snapshot.dict()["tests"]
        if test["status"].value == "FAIL" and "column" in test["metric_config"]["params"]
    }


def _frames(folder: Path) -> None:
    """A reference with its profile, and a cohort in buckets."""
    import pyarrow.parquet as pq

    from drift_frames import frame, profile_of

    rows, columns = json.loads((folder / "size.json").read_text())
    reference = frame(1_000, min(rows, BUCKET), columns)
    profile_of(reference).write(folder)
    pq.write_table(reference, folder / "reference.parquet")
    (folder / "cohort").mkdir()
    made = frame(1, min(rows, BUCKET), columns)
    for number in range(-(-rows // BUCKET)):
        part = made.slice(0, rows - number * BUCKET)
        pq.write_table(part, folder / "cohort" / f"bucket-{number:03}.parquet", compression="zstd")


def _ours(folder: Path) -> None:
    from credit_platform.model.profile import Profile
    from credit_platform.monitoring.counts import count_file, total
    from drift_frames import observed, told

    profile = Profile.read(folder)
    files = sorted((folder / "cohort").iterdir())
    told(observed(profile, total(count_file(file, profile.bins.values()) for file in files)))


def _evidently(folder: Path) -> None:
    import pyarrow.parquet as pq

    evidently_flags(pq.read_table(folder / "reference.parquet"), pq.read_table(folder / "cohort"))


_STEPS = {"frames": _frames, "ours": _ours, "evidently": _evidently}
_PEER = """
import sys
import nannyml, pandas
folder = sys.argv[1]
before, after = (pandas.read_parquet(f"{folder}/{name}") for name in ("reference.parquet", "cohort"))
found = nannyml.UnivariateDriftCalculator(
    column_names=list(before.columns), chunk_number=1,
    continuous_methods=["jensen_shannon"], categorical_methods=["jensen_shannon"],
)
found.fit(before)
found.calculate(after)
"""


def _run(python: str, script: str, step: str | Path, *given: object) -> tuple[float, float, int]:
    """CPU seconds, seconds that went by, and the most resident bytes of a step in a process of its own."""
    if script == _PEER:
        arguments = [python, "-c", script, str(step)]
    else:
        folder = Path(str(given[0]))
        if step == "frames":
            folder.mkdir(parents=True)
            (folder / "size.json").write_text(json.dumps(given[1:]))
        arguments = [python, script, "--step", str(step), str(folder)]
    return _measured(arguments)


def _measured(arguments: Sequence[str]) -> tuple[float, float, int]:
    started = perf_counter()
    pid = os.posix_spawn(arguments[0], arguments, {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    _, status, used = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(arguments[1:4])} failed with exit code {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, perf_counter() - started, used.ru_maxrss * 1024


def _cost(what: str, rows: int, columns: int, used: tuple[float, float, int]) -> str:
    cpu, wall, peak = used
    return f"| {what} | {rows:,} x {columns} | {cpu:.1f} | {wall:.1f} | {peak / 1e6:,.0f} |"


if __name__ == "__main__":
    main()
