"""A cohort's quality report: what was measured in its raw tables and what that says, kept as a table of results.

Not here: what counts as a finding and how grave it is (`rules.py`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from credit_platform.home_credit.contracts import TABLE_NAMES
from credit_platform.lake import Version, bucket_file, cohorts_of, connect, current, draft, require, scan
from credit_platform.quality.rules import Key, Result, judge
from credit_platform.settings import Settings

TABLE = "quality_report"


@dataclass(frozen=True)
class Report:
    """A cohort's results, and the cohort it was held against. `content` is the digest of its raw tables."""

    version: Version
    previous: str | None
    results: tuple[Result, ...]
    content: str

    @property
    def findings(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def blocking(self) -> tuple[Result, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "block")


def report(settings: Settings, cohort: str) -> Report:
    """Writes `quality_report` of one cohort.

    Raises:
        MissingTableError: a raw table has not been made.
    """
    raw = {name: require(settings, f"raw_{name}", cohort) for name in TABLE_NAMES}
    content = sha256(json.dumps({name: version.content for name, version in raw.items()}).encode()).hexdigest()
    earlier = [name for name in cohorts_of(settings, TABLE) if name < cohort]
    previous = earlier[-1] if earlier else None
    results = tuple(judge(_measured(raw), _results(settings, previous) if previous else {}))
    with draft(settings, TABLE, cohort) as new:
        _write(results, cohort, new.folder / bucket_file(0))
        version = new.publish(len(results), content)
    return Report(version, previous, results, content)


def _measured(raw: Mapping[str, Version]) -> dict[Key, float]:
    return {Key(name, "", "rows"): version.rows for name, version in raw.items()}


def _results(settings: Settings, cohort: str) -> dict[Key, float]:
    version = current(settings, TABLE, cohort)
    if version is None:
        return {}
    with connect(settings) as connection:
        rows = connection.execute(f'select "table", "column", measure, value from {scan(version.folder())}').fetchall()
    return {Key(*key): value for *key, value in rows}


def _write(results: tuple[Result, ...], cohort: str, path: object) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "cohort": cohort,
            **result.key._asdict(),
            "value": float(result.value),
            "previous": result.previous,
            "rule": result.rule,
            "severity": result.severity,
            "passed": result.passed,
            "sentence": result.sentence,
        }
        for result in results
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
