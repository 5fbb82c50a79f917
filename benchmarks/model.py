"""Each family of models on simulated data, from 1,500 clients to Kaggle's full size; and what class weights do.

    python benchmarks/model.py --help

Simulates a Kaggle download, has the platform build its mart and splits, and fits every family in a process of its own,
on growing samples of the train part, always judged on the same test part. Probabilities are calibrated on the valid
part, decisions are made at the theoretical cut-off. Results stand in docs/benchmarks.md.
"""

import json
import os
import platform
import subprocess
import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from importlib.metadata import version
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from credit_platform.settings import Settings

FAMILIES = ("catboost", "hist_gradient_boosting", "logistic_regression", "scorecard")
WEIGHTED = "catboost, class weights"


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0], formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument("--clients", type=int, default=307_511, help="labelled clients to simulate")
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_500, 5_000, 15_000, 43_000], help="train rows; all, too"
    )
    parser.add_argument("--data", type=Path, help="folder for the data, which are removed at the end")
    parser.add_argument("--out", type=Path, help="Markdown file for the results; they are shown anyway")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="credit-benchmark-", dir=options.data) as folder:
        prepare(Path(folder), options.clients)
        rows = [number for number in options.rows if number < 0.6 * options.clients] + [0]
        found = [run(Path(folder), family, number) for number in rows for family in FAMILIES]
        found.append(run(Path(folder), WEIGHTED, rows[-2] if len(rows) > 1 else 0))
    report = f"{machine()}\n\n{table(found)}"
    sys.stdout.write(report + "\n")
    if options.out:
        options.out.write_text(report + "\n", "utf-8")


def prepare(folder: Path, clients: int) -> None:
    """A simulated Kaggle download in the platform's lake, and its splits."""
    from credit_platform.features.protected import protected_columns
    from credit_platform.features.splits import write_splits
    from credit_platform.features.window import Window
    from credit_platform.home_credit.contracts import TABLE_NAMES
    from credit_platform.home_credit.landing import land
    from credit_platform.home_credit.simulator import simulate
    from credit_platform.lake import draft
    from credit_platform.mart.buckets import build_cohort
    from credit_platform.raw.ingest import ingest

    settings = settings_of(folder)
    simulate(folder / "delivery", scenario="kaggle", clients=clients)
    land(settings, folder / "delivery")
    for name in (*TABLE_NAMES, "outcomes"):
        ingest(settings, name, "train")
    build_cohort(settings, "train")
    with draft(settings, "feature_splits") as new:
        _, parts = write_splits(
            settings, Window(("train",), None), {}, protected_columns(settings.protected_attributes), new.folder
        )
        new.publish(sum(part.clients for part in parts.values()))


def run(folder: Path, family: str, rows: int) -> dict[str, Any]:
    """Fits a family on some train rows (0: all) in a process of its own."""
    done = subprocess.run(  # noqa: S603 - this file again
        [sys.executable, __file__, "--child"],
        env={**os.environ, "BENCHMARK_FIT": json.dumps([str(folder), family, rows])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    sys.stderr.write(f"{result}\n")
    return result


def fit(folder: Path, family: str, rows: int) -> dict[str, Any]:
    """The child's work: selection, fit, calibration, test."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from sklearn.metrics import brier_score_loss, roc_auc_score

    from credit_platform.features.schema import FeatureSchema, model_frame
    from credit_platform.features.splits import splits_dir
    from credit_platform.model.business_cost import cost_per_client
    from credit_platform.model.calibration import fit_calibration, log_odds, probability_of
    from credit_platform.model.families import FAMILIES as KNOWN
    from credit_platform.model.reference import draw
    from credit_platform.model.scorecard import fit_scorecard
    from credit_platform.model.search import costs_of
    from credit_platform.model.selection import select_features

    settings, started = settings_of(folder), perf_counter()
    splits = splits_dir(settings)
    with TemporaryDirectory(dir=folder) as own:
        place = Path(own)
        schema = FeatureSchema.read(splits)
        for part in ("X", "y"):
            table = pq.read_table(splits / f"{part}_train.parquet")
            pq.write_table(draw(table, rows or table.num_rows, settings.seed), place / f"{part}_train.parquet")
        outcomes = pq.read_table(place / "y_train.parquet").column("TARGET").to_numpy()
        if family == "scorecard":
            scorecard = fit_scorecard(settings, place, schema)
            schema = scorecard.schema
            margins_of = lambda part: log_odds(scorecard.probabilities(part))  # noqa: E731
        else:
            schema = select_features(settings, place, schema)
            estimator = KNOWN[family.split(",")[0]].estimator(settings)
            frame = model_frame(pq.read_table(place / "X_train.parquet", columns=schema.names), schema)
            weights = np.where(
                outcomes == 1, len(outcomes) / (2 * outcomes.sum()), len(outcomes) / (2 * (1 - outcomes).sum())
            )
            estimator.fit(frame, outcomes, **({"sample_weight": weights} if family == WEIGHTED else {}))
            margins_of = lambda part: log_odds(estimator.predict_proba(model_frame(part, schema))[:, 1])  # noqa: E731
    seconds, used = perf_counter() - started, getrusage(RUSAGE_SELF)
    parts: dict[str, pa.Table] = {
        part: pq.read_table(splits / f"X_{part}.parquet", columns=schema.names) for part in ("valid", "test")
    }
    valid, test = (
        pq.read_table(splits / f"y_{part}.parquet").column("TARGET").to_numpy() for part in ("valid", "test")
    )
    raw = probability_of(margins_of(parts["test"]))
    calibrated = probability_of(fit_calibration(valid, margins_of(parts["valid"])).margins(margins_of(parts["test"])))
    costs = costs_of(settings)
    return {
        "family": family,
        "train rows": len(outcomes),
        "AUC": round(float(roc_auc_score(test, calibrated)), 4),
        "cost per client": round(cost_per_client(test, calibrated >= costs.theoretical_threshold, costs), 4),
        "cost, not calibrated": round(cost_per_client(test, raw >= costs.theoretical_threshold, costs), 4),
        "Brier, not calibrated": round(float(brier_score_loss(test, raw)), 4),
        "mean PD, not calibrated": round(float(raw.mean()), 4),
        "CPU s": round(used.ru_utime + used.ru_stime, 1),
        "wall s": round(seconds, 1),
        "peak MB": used.ru_maxrss // 1024,
    }


def settings_of(folder: Path) -> Settings:
    return Settings(_env_file=None, data_dir=folder / "data")  # type: ignore[call-arg]


def machine() -> str:
    names = ("catboost", "scikit-learn", "optbinning", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."


def table(rows: list[dict[str, Any]]) -> str:
    from credit_platform.markdown import table as as_markdown

    return as_markdown([{name: str(value) for name, value in row.items()} for row in rows])


if __name__ == "__main__":
    if "--child" in sys.argv:
        where, family, number = json.loads(os.environ["BENCHMARK_FIT"])
        sys.stdout.write(json.dumps(fit(Path(where), family, number)) + "\n")
    else:
        main()
