"""Alarms proven alive: known faults are put into a copy of a cohort, and each kind of alarm must notice its own.

What is spoilt is a copy, in a data folder that is thrown away; whoever monitors is given that folder and looks at it as
at any other. Nothing of it is kept or sent. Not here: how anything is noticed (`monitoring`), and when this is done
(`alarm_test` in `assets.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from pydantic import SecretStr

from credit_platform.alerting import heartbeat, incidents, sources
from credit_platform.alerting.incidents import Incident, Policy, Run
from credit_platform.alerting.watch import now
from credit_platform.features.schema import Feature
from credit_platform.home_credit.landing import landed_cohorts
from credit_platform.lake import bucket_file, draft, table_path
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.model import registry
from credit_platform.model.reference import read_reference
from credit_platform.monitoring.findings import Finding
from credit_platform.scoring.batch import score_cohort
from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

Monitor = Callable[[Settings, str], Sequence[Finding]]
"""What monitoring finds of a cohort whose mart, scores and outcomes are in the lake of the settings."""

MOST_CLIENTS = 20_000
_GROUP = "NAME_CONTRACT_TYPE"
_TORN = 12
_ENOUGH_COHORTS = 3
"""How often a faulty cohort is shown, so that warnings are confirmed."""


@dataclass(frozen=True)
class Rung:
    """One alarm: by which fault it was tested, whether it rang, and what it said or why not; None: not tested."""

    alarm: str
    fault: str
    rang: bool | None
    said: str


@dataclass(frozen=True)
class Copy:
    """A cohort that can be spoilt: its mart rows and outcomes in the same order, and the version that scores it.

    `expected` are the version's probabilities of the rows as they were.
    """

    rows: "pa.Table"
    defaulted: np.ndarray
    expected: np.ndarray
    scorer: Scorer

    def numeric(self) -> Feature:
        """The most important numeric feature that most clients have."""
        return next(
            feature
            for feature in self.scorer.most_important(len(self.scorer.schema.names))
            if feature.kind == "numeric" and self.rows.column(feature.name).null_count < 0.3 * self.rows.num_rows
        )

    def with_column(self, name: str, values: np.ndarray) -> "Copy":
        import pyarrow as pa

        column = pa.array(values, from_pandas=True).cast(self.rows.schema.field(name).type, safe=False)
        return replace(self, rows=self.rows.set_column(self.rows.schema.get_field_index(name), name, column))

    def values(self, name: str) -> np.ndarray:
        return np.asarray(self.rows.column(name).to_numpy(zero_copy_only=False), dtype=float)


def rehearse(settings: Settings, cohort: str, monitor: Monitor, seed: int = 0) -> list[Rung]:
    """Tests every alarm on a copy of a cohort; the cohort itself must not ring any that its own state does not.

    Raises:
        NoModelError: no version decides.
        MissingTableError: the cohort has no mart.
    """
    version = registry.fetch(settings)
    original = _copy(settings, cohort, Scorer.load(version.folder, version.number), seed)
    clients = min(original.rows.num_rows, read_reference(version.folder).num_rows)
    if clients < settings.drift_clients:
        why = f"with {clients} clients nothing is told; {settings.drift_clients} are needed (CREDIT_DRIFT_CLIENTS)"
        return [*(Rung(kind, fault, None, why) for kind, fault in FAULTS), *_operational(settings)]
    rung = [_try(settings, cohort, monitor, kind, fault, spoil(original)) for (kind, fault), spoil in FAULTS.items()]
    return [*rung, *_operational(settings)]


def _missing(copy: Copy) -> Copy:
    name = copy.numeric().name
    values = copy.values(name)
    values[::2] = np.nan
    return copy.with_column(name, values)


def _shifted(copy: Copy) -> Copy:
    name = copy.numeric().name
    values = copy.values(name)
    return copy.with_column(name, values + np.nanstd(values))


def _riskier(copy: Copy) -> Copy:
    """The riskier half of the clients twice, the others not at all."""
    order = np.argsort(-copy.expected, kind="stable")[: len(copy.expected) // 2]
    twice = np.sort(np.concatenate([order, order]))
    ids = np.arange(len(twice)) + 1
    made = replace(copy, rows=copy.rows.take(twice), defaulted=copy.defaulted[twice], expected=copy.expected[twice])
    return made.with_column(CLIENT_KEY, ids)


def _defaulting(copy: Copy) -> Copy:
    """Three times as many defaults as the version expects, of the clients it expects them of."""
    random = np.random.default_rng(1)
    return replace(copy, defaulted=(random.random(len(copy.expected)) < 3 * copy.expected).astype(int))


def _one_group(copy: Copy) -> Copy:
    """Of the clients of the largest contract type each is replaced by one of its riskier half."""
    group = np.asarray(copy.rows.column(_GROUP).to_pylist(), dtype=object)
    names, sizes = np.unique(group[group != None], return_counts=True)  # noqa: E711 - by element
    members = np.flatnonzero(group == names[sizes.argmax()])
    order = members[np.argsort(-copy.expected[members], kind="stable")]
    chosen = np.arange(len(group))
    chosen[members] = np.resize(order[: max(1, len(order) // 2)], len(members))
    ids = copy.rows.column(CLIENT_KEY).to_numpy()
    made = replace(copy, rows=copy.rows.take(chosen), defaulted=copy.defaulted[chosen], expected=copy.expected[chosen])
    return made.with_column(CLIENT_KEY, ids)


def _torn_apart(copy: Copy) -> Copy:
    """Half of the important numeric features are dealt out among the clients anew: each is as before, none belongs."""
    random = np.random.default_rng(1)
    features = [f for f in copy.scorer.most_important(_TORN) if f.kind == "numeric"]
    for feature in features[::2]:
        copy = copy.with_column(feature.name, random.permutation(copy.values(feature.name)))
    return copy


FAULTS: Mapping[tuple[str, str], Callable[[Copy], Copy]] = {
    ("quality", "half of the values of an important feature are missing"): _missing,
    ("features", "an important feature is higher by a standard deviation"): _shifted,
    ("score", "the riskier half of the clients came twice, the others not at all"): _riskier,
    ("segments", "of one group of clients the less risky half is missing"): _one_group,
    ("multivariate", "features are dealt out among the clients anew"): _torn_apart,
    ("outcomes", "three times as many defaults as expected"): _defaulting,
}
"""What is done to the copy, by the kind of alarm that must notice it and in words."""


def _copy(settings: Settings, cohort: str, scorer: Scorer, seed: int) -> Copy:
    import pyarrow.parquet as pq

    rows = pq.read_table(table_path(settings, "client_mart", cohort))
    if rows.num_rows > MOST_CLIENTS:
        chosen = np.random.default_rng(seed).choice(rows.num_rows, MOST_CLIENTS, replace=False)
        rows = rows.take(np.sort(chosen))
    expected = scorer.table_probabilities(rows)
    # Outcomes as the version expects them: the newest cohort has none of its own yet.
    defaulted = (np.random.default_rng(seed).random(len(expected)) < expected).astype(int)
    return Copy(rows, defaulted, expected, scorer)


def _try(settings: Settings, cohort: str, monitor: Monitor, kind: str, fault: str, copy: Copy) -> Rung:
    with TemporaryDirectory() as temporary:
        own = settings.model_copy(
            update={
                "data_dir": Path(temporary),
                "lake_uri": "",
                "decisions_url": SecretStr(""),  # what was decided is not about the copy
                "mlflow_tracking_uri": settings.tracking_uri,
            }
        )
        _write(own, cohort, copy)
        found = monitor(own, cohort)
    told = _told(
        [sources.run_from(f"{cohort} {i}", _of(found, f"{cohort} {i}")) for i in range(_ENOUGH_COHORTS)], settings
    )
    if said := [incident.sentence for incident in told if incident.kind == kind]:
        return Rung(kind, fault, True, said[0])
    others = ", ".join(sorted({incident.kind for incident in told})) or "none"
    kinds = {incident.kind for incident in told}
    noticed = [finding for finding in found if finding.layer == kind and finding.explained_by in kinds]
    if noticed:
        return Rung(kind, fault, True, f"{noticed[0].sentence} (told as {noticed[0].explained_by})")
    return Rung(kind, fault, False, f"nothing was told of {kind}; alarms that rang instead: {others}")


def _operational(settings: Settings) -> Iterator[Rung]:
    """The alarms about the platform itself: a failed run, a cohort that nobody monitored."""
    failed = sources.failure("train", "", "run 0 of train failed in candidate", "0")
    yield _rang("run_failure", "a run fails", _told([failed], settings))
    if landed_cohorts(settings):
        late = now() + timedelta(hours=settings.alert_silence_hours, days=settings.alert_expect_days)
        silent = heartbeat.silent(settings, late)
        signals = tuple(sources.operational("silence", subject, said) for subject, said in silent.items())
        yield _rang("silence", "no cohort lands any more", _told([Run("heartbeat", signals)], settings))
    stopped = sources.operational("stopped", "drift_sensor", "drift_sensor is stopped")
    yield _rang("stopped", "a sensor is stopped", _told([Run("heartbeat", (stopped,))], settings))


def _rang(alarm: str, fault: str, told: Sequence[Incident]) -> Rung:
    return Rung(alarm, fault, bool(told), told[0].sentence if told else "nothing was told")


def _told(runs: Sequence[Run], settings: Settings) -> list[Incident]:
    """The incidents that runs would open where there is none yet."""
    present: dict[str, Incident] = {}
    told = []
    for run in runs:
        changed, events = incidents.judge(present, run, now(), Policy.of(settings))
        present = {key: incident for key, incident in {**present, **changed}.items() if incident is not None}
        told += [event.incident for event in events if event.kind == "opened"]
    return told


def _of(found: Sequence[Finding], cohort: str) -> list[Finding]:
    return [replace(finding, cohort=cohort) for finding in found]


def _write(settings: Settings, cohort: str, copy: Copy) -> None:
    """The copy as a lake of its own: mart, scores and outcomes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    outcomes = pa.table({CLIENT_KEY: copy.rows.column(CLIENT_KEY), "TARGET": copy.defaulted})
    for name, table in (("client_mart", copy.rows), ("raw_outcomes", outcomes)):
        with draft(settings, name, cohort) as new:
            pq.write_table(table, new.folder / bucket_file(0))
            new.publish(table.num_rows)
    score_cohort(settings, copy.scorer, cohort)
