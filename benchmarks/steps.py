"""What is done in a process of its own: data made ready, and the workloads that are measured.

    python benchmarks/steps.py STEP FOLDER CLIENTS

Every workload of the kernel writes its result as Parquet below `out/`, so that results can be compared. Not here: which
steps are run (`mart.py`), and what the kernel computes (`kernel/`).
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from credit_platform.home_credit.contracts import TABLE_NAMES, table
from credit_platform.home_credit.landing import land as land_delivery
from credit_platform.home_credit.simulator import simulate
from credit_platform.lake import connect, draft, one_row, quote, require, scan
from credit_platform.mart.buckets import build_cohort
from credit_platform.mart.build import IN_ORDER
from credit_platform.raw.ingest import ingest as ingest_table
from credit_platform.settings import Settings
from kernel import declared, in_duckdb

COHORTS = ("train", "test")
CORRECTED = "bucket-000.parquet"
_PARQUET = "format parquet, compression zstd, row_group_size 100000"
_SMALL_GROUPS = "format parquet, compression zstd, row_group_size 20000"
"""As the mart is written."""


@dataclass(frozen=True)
class Place:
    """Where the data of one size lie: `clients` is the size of train, as Kaggle's 307,511."""

    folder: Path
    clients: int

    @property
    def delivery(self) -> Path:
        """A download in Kaggle's layout, its histories in no order."""
        return self.folder / "delivery"

    @property
    def flat(self) -> Path:
        """The same, with the applications of train and test in one file, as the kernel has them."""
        return self.folder / "flat"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.folder / "platform")

    def file(self, kind: str, name: str) -> Path:
        """A table among the `flat`, `sorted` or `csv` files."""
        return self.folder / kind / f"{table(name).file}.{'csv' if kind == 'csv' else 'parquet'}"

    def result(self, name: str) -> Path:
        """A new folder for a workload's result."""
        folder = self.out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def raw(self) -> Iterator[tuple[str, dict[str, Path]]]:
        """Name and raw files by table of every bucket of both cohorts."""
        for cohort in COHORTS:
            versions = {name: require(self.settings, f"raw_{name}", cohort) for name in TABLE_NAMES}
            for bucket in versions["application"].files:
                yield f"{cohort}-{bucket}", {name: version.file(bucket) for name, version in versions.items()}


def start(place: Place) -> None:
    """Nothing: what every process costs."""


def deliver(place: Place) -> None:
    """Simulates a download and shuffles its histories: simulated ones lie in the order of their clients."""
    simulated = place.folder / "simulated"
    simulate(simulated, clients=place.clients, scenario="kaggle")
    place.delivery.mkdir()
    with connect(place.settings) as connection:
        for path in simulated.iterdir():
            rows = f"select * exclude (file_row_number) from read_parquet({quote(str(path))}, file_row_number = true)"
            ordered = rows if path.stem.startswith("application") else f"{rows} order by hash(file_row_number)"
            connection.execute(f"copy ({ordered}) to {quote(str(place.delivery / path.name))} ({_PARQUET})")
    shutil.rmtree(simulated)


def flatten(place: Place) -> None:
    """Puts the applications together and leaves their outcomes out."""
    place.flat.mkdir()
    for name in TABLE_NAMES[1:]:
        os.link(place.delivery / place.file("flat", name).name, place.file("flat", name))
    columns = ", ".join(table("application").columns)
    union = " union all ".join(
        f"select {columns} from {scan(place.delivery / f'application_{cohort}.parquet')}" for cohort in COHORTS
    )
    with connect(place.settings) as connection:
        connection.execute(f"copy ({union}) to {quote(str(place.file('flat', 'application')))} ({_PARQUET})")


def write_csv(place: Place) -> None:
    """The flat files as csv."""
    _rewrite(place, "csv", lambda _: "", "format csv, header true")


def sort(place: Place) -> None:
    """The flat files in the order of their clients; the balances at other lenders in that of their credits."""
    _rewrite(place, "sorted", lambda name: f"order by {_group(name)}", _PARQUET)


def land(place: Place) -> None:
    """The platform lands the delivery: every file is checked, then copied."""
    land_delivery(place.settings, place.delivery)


def ingest(place: Place) -> None:
    """The platform makes the raw tables of both cohorts: typed, dealt out to buckets, sorted."""
    shutil.rmtree(place.settings.lake_dir, ignore_errors=True)
    for cohort in COHORTS:
        for name in (*TABLE_NAMES, "outcomes"):
            ingest_table(place.settings, name, cohort)


def mart(place: Place) -> None:
    """The platform builds the mart of both cohorts, bucket by bucket, from nothing."""
    shutil.rmtree(place.settings.lake_dir / "client_mart", ignore_errors=True)
    for cohort in COHORTS:
        build_cohort(place.settings, cohort)


def mart_again(place: Place) -> None:
    """The platform brings the mart of both cohorts up to date.

    Raises:
        ValueError: more than the corrected bucket was built.
    """
    for cohort in COHORTS:
        built = build_cohort(place.settings, cohort)
        if built.buckets - built.reused > 1:
            raise ValueError(f"only {built.reused} of {built.buckets} buckets of {cohort} were taken over")


def correct(place: Place) -> None:
    """One bucket of the credits at other lenders gets other bytes, as it does when a corrected file has come."""
    present = require(place.settings, "raw_bureau", "train")
    with draft(place.settings, "raw_bureau", "train") as new, connect(place.settings) as connection:
        for name in present.files:
            if name != CORRECTED:
                new.keep(present, name)
        corrected = f"select * replace (AMT_CREDIT_SUM + 1 as AMT_CREDIT_SUM) from {scan(present.file(CORRECTED))}"
        connection.execute(f"copy ({corrected}) to {quote(str(new.folder / CORRECTED))} (format parquet)")
        new.publish(present.rows, facts=present.facts)


def kernel_duckdb(place: Place) -> None:
    """The kernel's columns as the mart builds its own: same buckets, same connections, same files."""
    folder = place.result("kernel_duckdb")
    for bucket, files in place.raw():
        with connect(place.settings) as connection:
            connection.execute(IN_ORDER)
            _kernel(connection, {name: scan(path) for name, path in files.items()}, folder / bucket)


def kernel_duckdb_whole(place: Place) -> None:
    """The kernel's columns in one query over all buckets, with all threads and all memory DuckDB wants."""
    files: dict[str, list[str]] = {name: [] for name in TABLE_NAMES}
    for _, bucket in place.raw():
        for name, path in bucket.items():
            files[name].append(str(path))
    with duckdb.connect() as connection:
        sources = {name: f"read_parquet({paths})" for name, paths in files.items()}
        _kernel(connection, sources, place.result("kernel_duckdb_whole") / "kernel.parquet")


def pandas_parquet(place: Place) -> None:
    _pandas(place, "flat")


def pandas_csv(place: Place) -> None:
    _pandas(place, "csv")


def polars_parquet(place: Place) -> None:
    _polars(place, "flat")


def polars_sorted(place: Place) -> None:
    _polars(place, "sorted")


def polars_csv(place: Place) -> None:
    _polars(place, "csv")


def polars_buckets(place: Place) -> None:
    """Polars over the platform's buckets, one after the other."""
    from kernel import in_polars

    folder = place.result("polars_buckets")
    for bucket, files in place.raw():
        in_polars.mart(files).sink_parquet(folder / bucket, engine="streaming")


def floor(place: Place) -> None:
    """Reads what the kernel needs, bucket by bucket: every value is decoded, next to nothing is done with it."""
    for _, files in place.raw():
        with connect(place.settings) as connection:
            connection.execute(IN_ORDER)
            for name, path in files.items():
                columns = table(name).columns
                sums = (
                    f"sum(strlen({column}))" if columns[column].type == "VARCHAR" else f"sum({column})"
                    for column in declared.read_columns(name)
                )
                one_row(connection, f"select {', '.join(sums)} from {scan(path)}")


def agree(place: Place) -> None:
    """Compares what the kernels made, column by column: how many values there are, and their sum.

    Raises:
        ValueError: two results differ.
    """
    found = {}
    with connect(place.settings) as connection:
        for folder in sorted(path for path in place.out.iterdir() if any(path.iterdir())):
            source = scan(folder)
            columns = [row[0] for row in connection.execute(f"describe from {source}").fetchall()]
            values = [f'case when isfinite("{column}"::double) then "{column}"::double end' for column in columns]
            measures = (f"[count({value}), sum({value})]" for value in values)
            row = one_row(connection, f"select {', '.join(measures)} from {source}")
            found[folder.name] = dict(zip(columns, row, strict=True))
    (first, expected), *others = found.items()
    for other, measured in others:
        if set(measured) != set(expected):
            raise ValueError(f"{other} has other columns than {first}")
        for column, (count, total) in expected.items():
            if measured[column][0] != count or abs((measured[column][1] or 0) - (total or 0)) > 1e-9 * abs(total or 0):
                raise ValueError(f"{column}: {first} has {count, total}, {other} has {tuple(measured[column])}")


def remove(place: Place) -> None:
    """Makes room for the next size."""
    shutil.rmtree(place.folder)


def _rewrite(place: Place, kind: str, order: Callable[[str], str], options: str) -> None:
    (place.folder / kind).mkdir()
    with connect(place.settings) as connection:
        for name in TABLE_NAMES:
            rows = f"from {scan(place.file('flat', name))} {order(name)}"
            connection.execute(f"copy ({rows}) to {quote(str(place.file(kind, name)))} ({options})")


def _group(name: str) -> str:
    return declared.CLIENT if declared.CLIENT in table(name).columns else declared.CREDIT


def _kernel(connection: duckdb.DuckDBPyConnection, sources: Mapping[str, str], path: Path) -> None:
    connection.execute(f"copy ({in_duckdb.query(sources)}) to {quote(str(path))} ({_SMALL_GROUPS})")


def _pandas(place: Place, kind: str) -> None:
    from kernel import in_pandas

    suffix = "csv" if kind == "csv" else "parquet"
    path = place.result(f"pandas_{suffix}") / "kernel.parquet"
    in_pandas.mart(place.folder / kind, suffix).to_parquet(path, compression="zstd", index=False)


def _polars(place: Place, kind: str) -> None:
    from kernel import in_polars

    path = place.result(f"polars_{kind}") / "kernel.parquet"
    in_polars.mart({name: place.file(kind, name) for name in TABLE_NAMES}).sink_parquet(path, engine="streaming")


STEPS: Mapping[str, Callable[[Place], None]] = {
    step.__name__: step
    for step in (
        start,
        deliver,
        flatten,
        write_csv,
        sort,
        land,
        ingest,
        mart,
        mart_again,
        correct,
        kernel_duckdb,
        kernel_duckdb_whole,
        pandas_parquet,
        pandas_csv,
        polars_parquet,
        polars_sorted,
        polars_csv,
        polars_buckets,
        floor,
        agree,
        remove,
    )
}

if __name__ == "__main__":
    _, step, folder, clients = sys.argv
    STEPS[step](Place(Path(folder), int(clients)))
