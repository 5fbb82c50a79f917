"""The clients of the published mart, by their id, with the features that a model reads.

Not here: how a mart row comes about (`credit_platform/mart`), and what is decided about it.
"""

from math import isfinite
from typing import Any, NamedTuple

from credit_platform.features.schema import Feature, FeatureSchema
from credit_platform.lake import cohorts_of, connect, scan, table_path
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.mart.lookup import TABLE, look_up
from credit_platform.settings import Settings
from serving.problems import ProblemError


class Row(NamedTuple):
    """One client's mart row: the features a model reads, as /predict takes them."""

    cohort: str
    features: dict[str, float | str | None]


def find(settings: Settings, sk_id_curr: int, schema: FeatureSchema) -> Row | None:
    """The client's row in the newest cohort that holds them. A feature that the mart lacks is left out.

    Raises:
        ProblemError: no mart is published.
    """
    _newest(settings)
    found = look_up(settings, sk_id_curr)
    if found is None:
        return None
    present = (feature for feature in schema.features if feature.name in found.values)
    return Row(found.cohort, {feature.name: _value(found.values[feature.name], feature) for feature in present})


def some(settings: Settings, limit: int) -> tuple[str, list[int]]:
    """The newest cohort and its first few clients.

    Raises:
        ProblemError: no mart is published.
    """
    newest = _newest(settings)
    mart = scan(table_path(settings, "client_mart", newest))
    with connect(settings) as connection:
        rows = connection.execute(f"select {CLIENT_KEY} from {mart} order by 1 limit ?", [limit]).fetchall()
    return newest, [int(key) for (key,) in rows]


def _newest(settings: Settings) -> str:
    found = cohorts_of(settings, TABLE)
    if not found:
        raise ProblemError(
            "no-mart", "No client mart is published yet. Land a delivery, then run `credit-platform run`."
        )
    return found[-1]


def _value(value: Any, feature: Feature) -> float | str | None:
    if value is None:
        return None
    if feature.kind == "category":
        return str(value)
    number = float(value)
    return number if isfinite(number) else None
