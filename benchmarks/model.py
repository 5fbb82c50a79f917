"""Each family of models on simulated data, from 1,500 clients to Kaggle's full size; and what class weights do.

    python benchmarks/model.py --help

Simulates a Kaggle download, has the platform build its mart and splits, and trains every family as the platform does
(features selected by fold, rounds of boosting from the folds, calibration and cut-off out of fold) on samples of the
train part, each in a process of its own that reads that sample alone. All are judged on the same test part. Results
stand in benchmarks/model.md.
"""

import json
import os
import platform
import subprocess
import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import TYPE_CHECKING, Any, NamedTuple

from credit_platform.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from credit_platform.features.schema import FeatureSchema

CANDIDATES = ("catboost", "hist_gradient_boosting", "logistic_regression")
SCORECARD = "scorecard"
SEARCHED_ROWS = 5_000
"""Train rows on which each family's grid is searched."""
WEIGHTED_ROWS = 15_000
"""Train rows for the comparison with class weights."""

Result = dict[str, Any]


class Step(NamedTuple):
    """One child process: what it does, on which sample (0 rows: the whole train part; which draw), for which family."""

    name: str
    rows: int = 0
    draw: int = 0
    family: str = ""


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0], formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder for data and results; goes on with what it has"
    )
    parser.add_argument("--clients", type=int, default=307_511, help="labelled clients to simulate")
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_500, 5_000, 15_000, 43_000, 0], help="train rows; 0: all there are"
    )
    parser.add_argument("--draws", type=int, default=3, help="samples of up to 5,000 rows; one of more")
    parser.add_argument("--out", type=Path, help="Markdown file for the results; they are shown anyway")
    options = parser.parse_args()
    results = run(options.data, steps(options.rows, options.draws), options.clients)
    report = f"{machine()}\n\n{by_size(results)}\n\nClass weights:\n\n{by_weights(results)}"
    sys.stdout.write(report + "\n")
    if options.out:
        options.out.write_text(report + "\n", "utf-8")


def steps(rows: Sequence[int], draws: int) -> list[Step]:
    """What is to be done, in order."""
    found = [Step("prepare"), Step("sample", SEARCHED_ROWS), Step("select", SEARCHED_ROWS)]
    found += [Step("search", SEARCHED_ROWS, 0, family) for family in CANDIDATES]
    for number in rows:
        for draw in range(draws if 0 < number <= SEARCHED_ROWS else 1):
            found += [Step("sample", number, draw), Step("select", number, draw)]
            found += [Step("fit", number, draw, family) for family in (*CANDIDATES, SCORECARD)]
    if WEIGHTED_ROWS in rows:
        found.append(Step("fit with class weights", WEIGHTED_ROWS, 0, CANDIDATES[0]))
    return list(dict.fromkeys(found))


def run(folder: Path, wanted: Sequence[Step], clients: int) -> list[tuple[Step, Result]]:
    """Takes each step in a process of its own, except those whose result the folder holds.

    On Linux a child's peak of memory starts with what its parent holds, so this process imports next to nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "results.jsonl"
    lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
    done: dict[Step, Result] = {Step(*step): result for step, result in map(json.loads, lines)}
    for step in wanted:
        if step not in done:
            child = subprocess.run(  # noqa: S603 - this file again
                [sys.executable, __file__, "--step", str(folder), str(clients), json.dumps(step)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            done[step] = json.loads(child.stdout.splitlines()[-1])
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([step, done[step]]) + "\n")
            sys.stderr.write(f"{step}: {done[step]}\n")
    return [(step, done[step]) for step in wanted]


def take(folder: Path, clients: int, step: Step) -> Result:
    """The child's work, and what it used."""
    settings = Settings(_env_file=None, data_dir=folder / "data", threads=1)
    sample = folder / "samples" / f"{step.rows or 'all'}-{step.draw}"
    match step.name:
        case "prepare":
            prepare(settings, folder / "delivery", clients)
            return used()
        case "sample":
            return write_sample(settings, sample, step.rows, step.draw) | used()
        case "select":
            return select(settings, sample) | used()
        case "search":
            return searched(settings, sample, step.family) | used()
        case "fit" if step.family == SCORECARD:
            return fit_scorecard(settings, sample)
        case _:
            return fit(settings, sample, folder, step)


def prepare(settings: Settings, delivery: Path, clients: int) -> None:
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

    simulate(delivery, scenario="kaggle", clients=clients)
    land(settings, delivery)
    for name in (*TABLE_NAMES, "outcomes"):
        ingest(settings, name, "train")
    build_cohort(settings, "train")
    with draft(settings, "feature_splits") as new:
        _, parts = write_splits(
            settings, Window(("train",), None), {}, protected_columns(settings.protected_attributes), new.folder
        )
        new.publish(sum(part.clients for part in parts.values()))


def write_sample(settings: Settings, sample: Path, rows: int, draw: int) -> Result:
    """The train part of some clients drawn at random, or all of them, as a folder of splits of its own."""
    import pyarrow.parquet as pq

    from credit_platform.features.schema import FeatureSchema
    from credit_platform.features.splits import splits_dir
    from credit_platform.model.reference import draw as drawn

    splits = splits_dir(settings)
    sample.mkdir(parents=True, exist_ok=True)
    FeatureSchema.read(splits).write(sample)
    for part in ("X_train", "y_train"):
        whole, own = splits / f"{part}.parquet", sample / f"{part}.parquet"
        own.unlink(missing_ok=True)
        if rows:
            pq.write_table(drawn(pq.read_table(whole), rows, settings.seed + draw), own, row_group_size=25_000)
        else:
            os.link(whole, own)
    return {"clients": len(outcomes_of(sample))}


def select(settings: Settings, sample: Path) -> Result:
    """The features that all rows choose, and those that the rows of each fold do."""
    from credit_platform.features.schema import FeatureSchema
    from credit_platform.model.search import folds_of
    from credit_platform.model.selection import select_features

    everything, outcomes = FeatureSchema.read(sample), outcomes_of(sample)
    for rows in (None, *(seen for seen, _ in folds_of(settings).split(outcomes, outcomes))):
        place = sample / chosen_by(rows)
        place.mkdir(exist_ok=True)
        select_features(settings, sample, everything, rows).write(place)
    return {}


def searched(settings: Settings, sample: Path, family: str) -> Result:
    """The point of a family's grid that costs least."""
    from credit_platform.model.families import FAMILIES
    from credit_platform.model.search import search

    _, frame = selected(sample)
    found = search(settings, frame, outcomes_of(sample), {family: FAMILIES[family].grid})
    best = min(found.trials, key=lambda trial: trial.cost)
    return {"parameters": dict(best.parameters)}


def fit(settings: Settings, sample: Path, folder: Path, step: Step) -> Result:
    """A family trained on a sample as the platform trains it, at the point of its grid that was found."""
    import pyarrow.parquet as pq

    from credit_platform.features.schema import model_frame
    from credit_platform.model.business_cost import choose_threshold
    from credit_platform.model.calibration import fit_calibration, log_odds, probability_of
    from credit_platform.model.search import costs_of, search

    parameters = parameters_of(folder, step.family)
    outcomes = outcomes_of(sample)
    weights = pq.read_table(sample / "y_train.parquet").column("sample_weight").to_numpy()
    schema, frame = selected(sample)
    found = search(
        settings,
        frame,
        outcomes,
        {step.family: {name: [value] for name, value in parameters.items()}},
        weights if step.name == "fit with class weights" else None,
        selected=lambda rows: selected(sample, rows)[1],
    )
    calibration = fit_calibration(outcomes, found.margins)
    threshold = choose_threshold(outcomes, probability_of(calibration.margins(found.margins)), costs_of(settings))
    spent = used()
    rows, defaulted = test_part(settings, schema)
    raw = log_odds(found.estimator.predict_proba(model_frame(rows, schema))[:, 1])
    return {
        "parameters": dict(found.trial.parameters),
        **judged(settings, defaulted, probability_of(calibration.margins(raw)), threshold.value),
        "not calibrated": judged(settings, defaulted, probability_of(raw), costs_of(settings).theoretical_threshold),
        **spent,
    }


def fit_scorecard(settings: Settings, sample: Path) -> Result:
    """The scorecard as the gate judges it: its own probabilities, refused from the theoretical cut-off on."""
    from credit_platform.features.schema import FeatureSchema
    from credit_platform.model.scorecard import fit_scorecard
    from credit_platform.model.search import costs_of

    model = fit_scorecard(settings, sample, FeatureSchema.read(sample))
    spent = used()
    rows, defaulted = test_part(settings, model.schema)
    return judged(settings, defaulted, model.probabilities(rows), costs_of(settings).theoretical_threshold) | spent


def judged(
    settings: Settings, defaulted: "NDArray[np.int64]", probability: "NDArray[np.float64]", cutoff: float
) -> Result:
    """Numbers of the test part, each with the ends of its interval of 95 %."""
    from credit_platform.model import intervals
    from credit_platform.model.search import costs_of

    statistics = {
        "AUC": intervals.auc,
        "cost per client": intervals.cost(costs_of(settings), cutoff),
        "calibration slope": intervals.calibration_slope,
        "Brier": intervals.brier,
        "mean PD": intervals.mean_probability,
        "default rate": intervals.default_rate,
    }
    found = intervals.intervals(defaulted, probability, statistics, resamples=200, seed=settings.seed)
    return {name: (interval.value, interval.low, interval.high) for name, interval in found.items()} | {
        "cut-off": cutoff
    }


def used() -> Result:
    """CPU seconds and most resident memory of this process so far."""
    usage = getrusage(RUSAGE_SELF)
    return {"CPU s": usage.ru_utime + usage.ru_stime, "peak MB": usage.ru_maxrss // 1024}


def outcomes_of(sample: Path) -> "NDArray[np.int64]":
    import pyarrow.parquet as pq

    outcomes: NDArray[np.int64] = pq.read_table(sample / "y_train.parquet").column("TARGET").to_numpy()
    return outcomes


def selected(sample: Path, rows: "NDArray[np.intp] | None" = None) -> tuple["FeatureSchema", "pd.DataFrame"]:
    """The features that some rows of a sample chose (None: all), and the sample's frame with them."""
    import pyarrow.parquet as pq

    from credit_platform.features.schema import FeatureSchema, model_frame

    schema = FeatureSchema.read(sample / chosen_by(rows))
    return schema, model_frame(pq.read_table(sample / "X_train.parquet", columns=schema.names), schema)


def chosen_by(rows: "NDArray[np.intp] | None") -> str:
    return "all" if rows is None else sha256(rows.tobytes()).hexdigest()[:16]


def test_part(settings: Settings, schema: "FeatureSchema") -> tuple[Any, "NDArray[np.int64]"]:
    import pyarrow.parquet as pq

    from credit_platform.features.splits import splits_dir

    splits = splits_dir(settings)
    defaulted = pq.read_table(splits / "y_test.parquet").column("TARGET").to_numpy()
    return pq.read_table(splits / "X_test.parquet", columns=schema.names), defaulted


def parameters_of(folder: Path, family: str) -> dict[str, Any]:
    """What the search has found for a family."""
    lines = (folder / "results.jsonl").read_text("utf-8").splitlines()
    found: dict[str, Any] = next(
        result["parameters"] for step, result in map(json.loads, lines) if (step[0], step[3]) == ("search", family)
    )
    return found


def by_size(results: Sequence[tuple[Step, Result]]) -> str:
    """A row for each size and family. Of several samples: means, and the outermost ends of their intervals."""
    from credit_platform.markdown import table

    sizes = {(step.rows, step.draw): result["clients"] for step, result in results if step.name == "sample"}
    fitted = {step.rows for step, _ in results if step.name == "fit"}
    fits = [(step, result) for step, result in results if step.name in ("fit", "select") and step.rows in fitted]
    rows = []
    for (number, family), group in groupby(
        sorted(fits, key=lambda item: (sizes[item[0].rows, 0], _place(item[0]))),
        key=lambda item: (item[0].rows, item[0].family),
    ):
        found = [result for _, result in group]
        rows.append(
            {
                "train rows": f"{sizes[number, 0]:,}",
                "family": family or "(selection of features)",
                "AUC": _cell(found, "AUC", 4),
                "cost per client": _cell(found, "cost per client", 4),
                "calibration slope": _cell(found, "calibration slope", 2),
                "CPU s": f"{sum(result['CPU s'] for result in found) / len(found):.0f}",
                "peak GB": f"{max(result['peak MB'] for result in found) / 1024:.2f}",
            }
        )
    return table(rows)


def by_weights(results: Sequence[tuple[Step, Result]]) -> str:
    """CatBoost without and with class weights, before calibration and after."""
    from credit_platform.markdown import table

    rows = []
    for step, result in results:
        if (step.rows, step.family) == (WEIGHTED_ROWS, CANDIDATES[0]) and step.name.startswith("fit"):
            raw = result["not calibrated"]
            rows.append(
                {
                    "fitted": "with balancing weights" if "weights" in step.name else "without weights",
                    "AUC": _cell([result], "AUC", 4),
                    "mean PD, not calibrated": _cell([raw], "mean PD", 3),
                    "Brier, not calibrated": _cell([raw], "Brier", 4),
                    "cost at 1/11, not calibrated": _cell([raw], "cost per client", 4),
                    "cost, calibrated": _cell([result], "cost per client", 4),
                }
            )
    return table(rows)


def _place(step: Step) -> int:
    return ("", *CANDIDATES, SCORECARD).index(step.family)


def _cell(found: Sequence[Result], name: str, digits: int) -> str:
    if name not in found[0]:
        return ""
    values, lows, highs = zip(*(result[name] for result in found), strict=True)
    return f"{sum(values) / len(values):.{digits}f} ({min(lows):.{digits}f} to {max(highs):.{digits}f})"


def machine() -> str:
    names = ("catboost", "scikit-learn", "optbinning", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"One thread, Python {platform.python_version()}, {versions}."


if __name__ == "__main__":
    if "--step" in sys.argv:
        where, size, wanted = sys.argv[-3:]
        sys.stdout.write(json.dumps(take(Path(where), int(size), Step(*json.loads(wanted)))) + "\n")
    else:
        main()
