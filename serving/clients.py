"""The clients of the published mart, by their id, with the features that a model reads.

Not here: how a mart row comes about (`credit_platform/mart`), and what is decided about it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from credit_platform.features.schema import FeatureSchema
from credit_platform.lake import cohorts_of, connect, scan, table_path
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.mart.coverage import COUNTS
from credit_platform.mart.lookup import TABLE, ClientRow, look_up
from credit_platform.settings import Settings
from serving.desk import Subject
from serving.problems import ProblemError

_DAY_SECONDS = 86_400


def find(settings: Settings, sk_id_curr: int) -> ClientRow:
    """The client's row in the newest cohort that holds them.

    Raises:
        ProblemError: no mart is published, or none holds the client.
    """
    _newest(settings)
    found = look_up(settings, sk_id_curr)
    if found is None:
        raise ProblemError("not-found", "No published cohort holds a client with this SK_ID_CURR.")
    return found


def subject(row: ClientRow) -> Subject:
    """A client of the mart, to decide about."""
    source = {
        "origin": "mart",
        "cohort": row.cohort,
        "made_at": row.made_at.isoformat(),
        "age_days": round((datetime.now(UTC) - row.made_at).total_seconds() / _DAY_SECONDS, 3),
        "empty_tables": [table for table, count in COUNTS.items() if count in row.values and not row.values[count]],
    }
    return Subject(finite(row.values), row.client, source)


def features(row: ClientRow, schema: FeatureSchema) -> dict[str, float | str | None]:
    """What a model reads of a client, as /predict takes it. A feature that the mart lacks is left out."""
    found = finite({f.name: row.values[f.name] for f in schema.features if f.name in row.values})
    return found | {name: str(found[name]) for name in schema.category_names if found.get(name) is not None}


def finite(values: Mapping[str, Any]) -> dict[str, float | str | None]:
    """Values of a mart row as JSON has them: what is no finite number is missing."""
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in values.items()}


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
