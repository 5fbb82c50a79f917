"""How alike retrained models explain: what the gate's limits for reasons are set by.

    python benchmarks/model_reasons.py --help

Trains CatBoost on samples of the data that `model.py` has prepared; retrains it as a sound retraining would come out
(another seed, the rows drawn again, a third more clients, other clients altogether) and as an unsound one; and compares
what the riskiest clients of the test part are told, as the gate does. Results stand in docs/model.md.
"""

import json
import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from credit_platform.explain.reason_table import ReasonTable
from credit_platform.features.schema import FeatureSchema, model_frame
from credit_platform.features.splits import splits_dir
from credit_platform.markdown import table
from credit_platform.model.business_cost import Threshold
from credit_platform.model.calibration import Calibration
from credit_platform.model.judging import reason_agreement
from credit_platform.model.reference import draw
from credit_platform.model.scale import Grade, Scale
from credit_platform.model.search import costs_of, search
from credit_platform.model.selection import select_features
from credit_platform.model.version import Fitted, write_version
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from model import parameters_of, write_sample

Clients = tuple[pa.Table, pa.Table]
"""Train rows and their outcomes."""


@dataclass(frozen=True)
class Retraining:
    """What is done to the clients a model was trained on, and the seed of the new one."""

    name: str
    clients: Callable[[int], Clients]
    new_seed: bool = True
    family: str = "catboost"
    unsound: bool = False


class Laboratory:
    """The data of a size, and models trained on them."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self.settings = Settings(_env_file=None, data_dir=folder / "data", threads=1)
        splits = splits_dir(self.settings)
        self.schema = FeatureSchema.read(splits)
        self.judged = draw(pq.read_table(splits / "X_test.parquet"), 10_000, seed=0)

    def sample(self, number: int) -> Clients:
        """Clients drawn from the train part; another number draws others."""
        place = self.folder / "samples" / f"{self.rows}-{number}"
        if not (place / "y_train.parquet").exists():
            write_sample(self.settings, place, self.rows, number)
        return pq.read_table(place / "X_train.parquet"), pq.read_table(place / "y_train.parquet")

    def drawn_again(self, number: int) -> Clients:
        """The first sample's clients with replacement: some two thirds of them, some several times."""
        x, y = self.sample(0)
        places = np.sort(np.random.default_rng(number).integers(0, x.num_rows, x.num_rows))
        return x.take(places), y.take(places)

    def grown(self, number: int) -> Clients:
        """The first sample's clients and a third more."""
        return _both(self.sample(0), _first(self.sample(number), self.rows // 3))

    def without_scores(self, share: float) -> Clients:
        """The first sample, the external scores and what is made from them missing for a share of the clients."""
        x, y = self.sample(0)
        gone = np.arange(x.num_rows) < share * x.num_rows
        for place, name in enumerate(x.column_names):
            if name.startswith("EXT_SOURCE") and x.schema.field(name).type == pa.float64():
                values = np.where(gone, np.nan, x.column(name).to_numpy())
                x = x.set_column(place, name, pa.array(values, from_pandas=True))
        return x, y

    def shuffled(self, share: float) -> Clients:
        """The first sample, the outcomes of a share of the clients dealt out among them anew."""
        x, y = self.sample(0)
        outcomes = y.column("TARGET").to_numpy().copy()
        moved = np.flatnonzero(np.random.default_rng(1).random(len(outcomes)) < share)
        outcomes[moved] = np.random.default_rng(2).permutation(outcomes[moved])
        return x, y.set_column(y.column_names.index("TARGET"), "TARGET", pa.array(outcomes))

    def retrainings(self) -> Iterator[Retraining]:
        yield Retraining("another seed", lambda _: self.sample(0))
        yield Retraining("rows drawn again", self.drawn_again, new_seed=False)
        yield Retraining("a third more clients", self.grown)
        yield Retraining("other clients", self.sample)
        yield Retraining("another family, logistic regression", lambda _: self.sample(0), True, "logistic_regression")
        yield Retraining("external scores lost for a third", lambda _: self.without_scores(1 / 3), unsound=True)
        yield Retraining("external scores lost", lambda _: self.without_scores(1), unsound=True)
        yield Retraining("a third of the outcomes shuffled", lambda _: self.shuffled(1 / 3), unsound=True)
        yield Retraining("outcomes shuffled", lambda _: self.shuffled(1), unsound=True)

    def train(self, clients: Clients, seed: int, family: str = "catboost") -> Scorer:
        """A version as the platform makes it; calibration and cut-off, which move no reason, are left at nothing."""
        settings = self.settings.model_copy(update={"seed": self.settings.seed + seed})
        x, y = clients
        outcomes = y.column("TARGET").to_numpy()
        with TemporaryDirectory(dir=self.folder) as temporary:
            place = Path(temporary)
            pq.write_table(x, place / "X_train.parquet")
            pq.write_table(y, place / "y_train.parquet")
            schema = select_features(settings, place, self.schema)
            grid = {name: [value] for name, value in parameters_of(self.folder, family).items()}
            found = search(settings, model_frame(x, schema), outcomes, {family: grid})
            version = place / "version"
            version.mkdir()
            rate = float(outcomes.mean())
            fitted = Fitted(
                found.estimator,
                schema,
                Calibration(),
                Threshold(costs_of(settings).theoretical_threshold, 0.0, costs_of(settings)),
                Scale(600, 50, 20, (Grade("A", 0.0, 1.0, len(outcomes), rate),)),
                ReasonTable.fit(schema, x),
            )
            return write_version(fitted, draw(self.judged, 1_000, seed=0), 0, version)


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0], formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that model.py has worked in")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_500, 5_000, 15_000], help="train rows")
    parser.add_argument("--times", type=int, default=4, help="retrainings of each sound kind")
    options = parser.parse_args()
    rows = []
    for size in options.rows:
        laboratory = Laboratory(options.data, size)
        champion = laboratory.train(laboratory.sample(0), 0)
        for kind in laboratory.retrainings():
            times = range(1, 2 if kind.unsound or kind.family != "catboost" else options.times + 1)
            found = [
                reason_agreement(
                    laboratory.train(kind.clients(number), number if kind.new_seed else 0, kind.family),
                    champion,
                    laboratory.judged,
                )
                for number in times
            ]
            first, overlap = (
                [getattr(agreed, name) for agreed in found if agreed] for name in ("same_first", "overlap")
            )
            rows.append(
                {
                    "train rows": f"{size:,}",
                    "retrained with": kind.name,
                    "retrainings": len(first),
                    "same first reason": _spread(first),
                    "reasons in common": _spread(overlap),
                }
            )
            sys.stderr.write(json.dumps(rows[-1]) + "\n")
    sys.stdout.write(table(rows) + "\n")


def _first(clients: Clients, rows: int) -> Clients:
    return clients[0].slice(0, rows), clients[1].slice(0, rows)


def _both(one: Clients, other: Clients) -> Clients:
    x, y = (pa.concat_tables([a, b]) for a, b in zip(one, other, strict=True))
    return x, y


def _spread(values: list[float]) -> str:
    mean, least = sum(values) / len(values), min(values)
    return f"{mean:.2f}" if len(values) == 1 else f"{mean:.2f}, at least {least:.2f}"


if __name__ == "__main__":
    main()
