"""The clients of the published mart: Parquet files per cohort, read through an in-memory DuckDB.

Not here: how a mart row comes about (`credit_platform/mart`), and what is decided about it.
"""

from math import isfinite
from typing import Any, NamedTuple

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.lake import bucket_file, bucket_of, cohorts_of, connect, identifier, require, scan, table_path
from credit_platform.settings import Settings
from serving.problems import ProblemError

KEY = "SK_ID_CURR"


class Row(NamedTuple):
    """One client's mart row: the features a model reads, as /predict takes them."""

    cohort: str
    features: dict[str, float | str | None]


def find(settings: Settings, sk_id_curr: int, schema: FeatureSchema) -> Row | None:
    """The client's row in the newest cohort that holds them. A feature that the mart lacks is left out.

    Raises:
        ProblemError: no mart is published.
    """
    with connect(settings) as connection:
        for cohort in _cohorts(settings):
            version = require(settings, "client_mart", cohort)
            mart = scan(version.file(bucket_file(bucket_of(sk_id_curr, len(version.files)))))
            # The key alone first: it costs a hundredth of a whole row, and most cohorts don't hold the client.
            found = f"from {mart} where {KEY} = ? limit 1"
            if connection.execute(f"select {KEY} {found}", [sk_id_curr]).fetchone() is None:
                continue
            columns = {str(name) for name, *_ in connection.execute(f"describe from {mart}").fetchall()}
            features = [f for f in schema.features if f.name in columns]
            wanted = ", ".join(identifier(name) for name in (KEY, *(f.name for f in features)))
            row = connection.execute(f"select {wanted} {found}", [sk_id_curr]).fetchone()
            if row is not None:
                return Row(cohort, {f.name: _value(v, f) for f, v in zip(features, row[1:], strict=True)})
    return None


def some(settings: Settings, limit: int) -> tuple[str, list[int]]:
    """The newest cohort and its first few clients.

    Raises:
        ProblemError: no mart is published.
    """
    newest = _cohorts(settings)[0]
    mart = scan(table_path(settings, "client_mart", newest))
    with connect(settings) as connection:
        rows = connection.execute(f"select {KEY} from {mart} order by 1 limit ?", [limit]).fetchall()
    return newest, [int(key) for (key,) in rows]


def _cohorts(settings: Settings) -> list[str]:
    """The cohorts of the mart, newest first: cohorts are months, and their names sort as they follow each other."""
    found = cohorts_of(settings, "client_mart")
    if not found:
        raise ProblemError(
            "no-mart", "No client mart is published yet. Land a delivery, then run `credit-platform run`."
        )
    return found[::-1]


def _value(value: Any, feature: Feature) -> float | str | None:
    if value is None:
        return None
    if feature.kind == "category":
        return str(value)
    number = float(value)
    return number if isfinite(number) else None
