"""What the platform does in a month, by the same functions that its assets call: land, score, monitor, train.

Not here: in which order, and what time it is (`play.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit_platform import quarantine
from credit_platform.alerting.incidents import Run
from credit_platform.alerting.sources import run_of
from credit_platform.features.protected import protected_columns
from credit_platform.features.splits import write_splits
from credit_platform.features.window import labelled_cohorts, training_window
from credit_platform.features.window import since as window_since
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import land
from credit_platform.lake import draft, table_path
from credit_platform.mart.buckets import build_cohort
from credit_platform.mart.build import mart_columns
from credit_platform.model import registry
from credit_platform.model.benchmark import benchmark_of, write_benchmark
from credit_platform.model.business_cost import cost_per_client
from credit_platform.model.judging import gate
from credit_platform.model.search import costs_of
from credit_platform.model.succession import settle
from credit_platform.model.training import train
from credit_platform.monitoring.verdicts import monitor
from credit_platform.quality.reports import TABLE as QUALITY_REPORT
from credit_platform.quality.reports import report
from credit_platform.raw.ingest import ingest
from credit_platform.replay.play import Costs
from credit_platform.scoring.batch import score_cohort
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

Grids = Mapping[str, Mapping[str, list[Any]]]
SMALL: Grids = {"catboost": {"depth": [3], "l2_leaf_reg": [10.0]}}
"""One point of one family: what is replayed is the loop, not the search."""


class Lender:
    """The platform in a data folder of its own."""

    def __init__(self, settings: Settings, deliveries: Path, grids: Grids = SMALL) -> None:
        self.settings = settings
        self._deliveries = deliveries
        self._grids = grids
        self._scorers: dict[str, Scorer] = {}
        self._first: str | None = None

    def receive(self, cohort: str, outcomes: bool) -> bool:
        """Lands a month and makes its tables, up to the quality report. Returns whether it passed."""
        files = [path for path in (self._deliveries / cohort).iterdir() if outcomes or path.stem != "outcomes"]
        self._land(cohort, files)
        for name in (*TABLE_NAMES, "outcomes"):
            ingest(self.settings, name, cohort)
        made = report(self.settings, cohort)
        if made.blocking:
            quarantine.hold(self.settings, cohort, QUALITY_REPORT, [f.sentence for f in made.blocking], made.fault)
        else:
            quarantine.lift(self.settings, cohort, QUALITY_REPORT)
        build_cohort(self.settings, cohort)
        return not quarantine.reasons(self.settings, cohort)

    def receive_outcomes(self, cohort: str) -> None:
        """Lands what became of a month's clients."""
        self._land(cohort, [path for path in (self._deliveries / cohort).iterdir() if path.stem == "outcomes"])
        ingest(self.settings, "outcomes", cohort)

    def score(self, cohort: str) -> None:
        """The champion scores a month's clients."""
        score_cohort(self.settings, self._scorer(self.version), cohort)

    def monitor(self, cohort: str) -> Run | None:
        """What monitoring says of a month, or why it is set aside."""
        if not quarantine.reasons(self.settings, cohort):
            monitor(self.settings, cohort)
        return run_of(self.settings, cohort)

    def train(self, since: str, progress: Callable[[str], None] = lambda _: None) -> str:
        """Trains a challenger on the labelled cohorts since one (empty: on all), and brings it before the gate."""
        import mlflow

        window = window_since(self.labelled(), since) if since else ""
        settings = self.settings.model_copy(update={"training_cohorts": window})
        meanings = {column.name: column.meaning for column in mart_columns()}
        chosen = training_window(settings, labelled_cohorts(settings))
        progress(f"training on {', '.join(chosen.cohorts)}")
        with draft(settings, "feature_splits") as new:
            protected = protected_columns(settings.protected_attributes)
            _, parts = write_splits(settings, chosen, meanings, protected, new.folder)
            splits = new.publish(sum(part.clients for part in parts.values())).folder()
        with draft(settings, "scorecard") as new:
            rows, _ = write_benchmark(settings, splits, new.folder)
            new.publish(rows)
        experiment = registry.client(settings).get_experiment_by_name(settings.mlflow_experiment)
        with TemporaryDirectory() as temporary, mlflow.start_run(experiment_id=experiment.experiment_id):
            folder = Path(temporary) / registry.SCORER
            folder.mkdir()
            trained = train(settings, splits, self._grids, folder, weighted=False, progress=progress)
            number = registry.log_version(settings, folder, trained.scorer.schema)
        registry.point(settings, registry.CHALLENGER, number)
        judged, _ = gate(settings, splits, benchmark_of(settings))
        outcome = settle(settings, judged)
        self._first = self._first or registry.number_under(settings, settings.model_alias)
        return f"version {outcome.version} {outcome.result}: {outcome.reason}"

    @property
    def version(self) -> str:
        """The version that decides."""
        return registry.number_under(self.settings, self.settings.model_alias) or ""

    def labelled(self) -> list[str]:
        """The months that can be learnt from."""
        held = self.set_aside()
        return [cohort for cohort in labelled_cohorts(self.settings) if cohort not in held]

    def set_aside(self) -> list[str]:
        """The months in quarantine."""
        return quarantine.quarantined(self.settings)

    def costs(self, cohort: str, version: str) -> Costs:
        """What a month cost by its true outcomes, as delivered in the end, if a version had decided; and the first."""
        import pyarrow.parquet as pq

        (path,) = (path for path in (self._deliveries / cohort).iterdir() if path.stem == "outcomes")
        truth = pq.read_table(path).sort_by("SK_ID_CURR").column("TARGET").to_numpy()
        names = sorted({name for v in (version, self._first) if v for name in self._scorer(v).schema.names})
        rows = pq.read_table(table_path(self.settings, "client_mart", cohort), columns=["SK_ID_CURR", *names])
        rows = rows.sort_by("SK_ID_CURR")

        def cost(decided_by: str) -> float:
            scorer = self._scorer(decided_by)
            refused = np.asarray(scorer.table_probabilities(rows) >= scorer.threshold.value)
            return self._cost(truth, refused)

        first = cost(self._first or version)
        return Costs(
            champion=first if version == self._first else cost(version),
            first=first,
            approve_all=self._cost(truth, np.zeros(len(truth), bool)),
            default_rate=float(truth.mean()),
        )

    def _cost(self, defaulted: NDArray[Any], refused: NDArray[np.bool_]) -> float:
        return cost_per_client(defaulted, refused, costs_of(self.settings))

    def _scorer(self, version: str) -> Scorer:
        if version not in self._scorers:
            found = registry.version(self.settings, version)
            self._scorers[version] = Scorer.load(found.folder, found.number)
        return self._scorers[version]

    def _land(self, cohort: str, files: Sequence[Path]) -> None:
        with TemporaryDirectory() as temporary:
            folder = Path(temporary) / cohort
            folder.mkdir()
            for path in files:
                (folder / path.name).symlink_to(path.resolve())
            land(self.settings, folder, cohort)
