"""A cohort's quality report: its raw tables measured, judged beside the cohort before, and kept as a table of results.

A report that would come out the same is left as it is. Cohorts are ordered by name; one with a finding that blocks is
no measure for those after it, even if it may pass. Not here: what is measured (`measures.py`), and what is a fault
(`rules.toml`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from filecmp import cmp
from hashlib import sha256
from pathlib import Path

import duckdb

from credit_platform import quarantine
from credit_platform.home_credit import contracts
from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.home_credit.landing import landed_cohorts
from credit_platform.lake import Version, bucket_file, cohorts_of, connect, current, draft, require, scan
from credit_platform.quality import rules
from credit_platform.quality.estimates import Key, Measure
from credit_platform.quality.judgement import Result, judge
from credit_platform.quality.measures import Delivered, measure
from credit_platform.quality.offenders import offenders
from credit_platform.settings import Settings

TABLE = "quality_report"
COLUMNS: Mapping[str, tuple[str, str]] = {
    "cohort": ("VARCHAR", "Cohort"),
    "table": ("VARCHAR", "Source table"),
    "column": ("VARCHAR", "Its column; empty for the whole table"),
    "measure": ("VARCHAR", "What was measured"),
    "value": ("DOUBLE", "What was found"),
    "low": ("DOUBLE", "What it is at least, chance considered"),
    "high": ("DOUBLE", "What it is at most"),
    "previous": ("DOUBLE", "The same in the cohort before"),
    "limit": ("DOUBLE", "How far it may go"),
    "rule": ("VARCHAR", "The rule it was held against; empty where there is none"),
    "family": ("VARCHAR", "The asset check that the rule belongs to"),
    "severity": ("VARCHAR", "What crossing the limit means: block or warn"),
    "passed": ("BOOLEAN", "Whether it is within the limit"),
    "sentence": ("VARCHAR", "What is wrong; empty where nothing is"),
    "ids": ("VARCHAR[]", "The ids of a few rows that are concerned"),
}
"""The columns of the table of results: their types and meanings."""


@dataclass(frozen=True)
class Report:
    """A cohort's results, and the cohort they were held against. `content` is the digest of its raw tables."""

    cohort: str
    version: Version
    previous: str | None
    content: str
    results: tuple[Result, ...]
    unchanged: bool = False

    @property
    def findings(self) -> tuple[Result, ...]:
        """What is wrong, the grave first."""
        return tuple(sorted((r for r in self.results if not r.passed), key=lambda result: result.severity))

    @property
    def blocking(self) -> tuple[Result, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "block")

    @property
    def fault(self) -> str:
        """A digest of the raw tables and what blocks in them, so that a release holds for these findings alone."""
        return _digest([self.content, [(finding.rule, *finding.key) for finding in self.blocking]])


def report(settings: Settings, cohort: str) -> Report:
    """Writes `quality_report` of one cohort, or leaves it where nothing that it is made from has changed.

    Raises:
        MissingTableError: a raw table has not been made.
        ValueError: the settings override the limit of a rule that there is not.
    """
    raw = {name: require(settings, f"raw_{name}", cohort) for name in TABLE_NAMES}
    content = _digest({name: version.content for name, version in raw.items()})
    earlier = {name: require(settings, TABLE, name) for name in _usual_before(settings, cohort)}
    clients = {name: require(settings, "raw_application", name) for name in earlier}
    before = max(earlier, default=None)
    shared = frozenset(name for name, version in raw.items() if _is_shared(settings, cohort, version))
    made_from = _digest(
        [
            {name: [version.content, version.facts["inspection"]] for name, version in raw.items()},
            {name: version.facts["keys"] for name, version in clients.items()},
            {name: version.facts["unseen"] for name, version in earlier.items()},
            earlier[before].content if before else "",
            [contracts.digest(name) for name in TABLE_NAMES],
            [sorted(shared), rules.digest(), settings.quality_limits, duckdb.__version__],
        ]
    )
    present = current(settings, TABLE, cohort)
    if present and present.made_from == made_from and present.is_whole():
        return Report(cohort, present, before, content, results_of(settings, cohort), unchanged=True)
    seen = {Key(*key): frozenset(names) for version in earlier.values() for *key, names in version.facts["unseen"]}
    previous = {result.key: result.measure for result in results_of(settings, before)} if before else {}
    delivered, landed = Delivered(raw, shared, clients, seen), settings.landing_dir / cohort
    with connect(settings) as connection:
        results = tuple(
            result if result.passed else replace(result, ids=offenders(connection, delivered, landed, result))
            for result in judge(measure(connection, delivered), before, previous, rules.rules(settings))
        )
    unseen = [[*result.key, result.measure.names] for result in results if result.key.measure == "unseen categories"]
    with draft(settings, TABLE, cohort) as new:
        _write(results, cohort, new.folder / bucket_file(0))
        version = new.publish(len(results), made_from, facts={"unseen": [found for found in unseen if found[-1]]})
    return Report(cohort, version, before, content, results)


def results_of(settings: Settings, cohort: str) -> tuple[Result, ...]:
    """The results that are kept of a cohort; the names of what a measure is about are in the sentences alone.

    Raises:
        MissingTableError: the cohort has no report.
    """
    rows = scan(require(settings, TABLE, cohort).folder())
    with connect(settings) as connection:
        kept = connection.execute(
            'select "table", "column", measure, value, low, high, previous, rule, family, severity, "limit", sentence, '
            f"ids from {rows}"
        ).fetchall()
    return tuple(
        Result(Key(*key), Measure(value, low, high), previous, rule, family, severity, limit, sentence, tuple(ids))
        for *key, value, low, high, previous, rule, family, severity, limit, sentence, ids in kept
    )


def trends(settings: Settings, until: str, most: int = 24) -> dict[Key, dict[str, float]]:
    """What was measured in the last cohorts up to one, by cohort in order."""
    cohorts = [cohort for cohort in cohorts_of(settings, TABLE) if cohort <= until][-most:]
    found: dict[Key, dict[str, float]] = {}
    for cohort in cohorts:
        for result in results_of(settings, cohort):
            found.setdefault(result.key, {})[cohort] = result.measure.value
    return found


def _usual_before(settings: Settings, cohort: str) -> list[str]:
    """The cohorts before one that have a report and nothing grave in it, in order."""
    earlier = (name for name in cohorts_of(settings, TABLE) if name < cohort)
    return [name for name in earlier if quarantine.record(settings, name).is_usual]


def _is_shared(settings: Settings, cohort: str, version: Version) -> bool:
    """Whether another cohort was landed with the very same file, as Kaggle's histories are."""
    name = version.facts["source"]["name"]
    own, *others = (settings.landing_dir / of / name for of in (cohort, *landed_cohorts(settings)))
    return own.is_file() and any(
        other.is_file() and (own.samefile(other) or cmp(own, other, shallow=False)) for other in others if other != own
    )


def _write(results: Sequence[Result], cohort: str, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "cohort": [cohort] * len(results),
        **{name: [getattr(result.key, name) for result in results] for name in Key._fields},
        **{name: [float(getattr(result.measure, name)) for result in results] for name in ("value", "low", "high")},
        **{
            name: [getattr(result, name) for result in results]
            for name in ("previous", "limit", "rule", "family", "severity", "passed", "sentence")
        },
        "ids": [list(result.ids) for result in results],
    }
    types = {"VARCHAR": pa.string(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(), "VARCHAR[]": pa.list_(pa.string())}
    schema = pa.schema([(name, types[kind]) for name, (kind, _) in COLUMNS.items()])
    pq.write_table(pa.table(columns, schema), path)


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
