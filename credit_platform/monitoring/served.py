"""What the API decided of late, as monitoring needs it: which client, when, and the features that were scored.

Features are a person's data: they are compared and counted, never kept or told. Not here: what a difference means
(`layers/skew.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, islice
from typing import Any

from credit_platform.model.profile import Counts, Profile
from credit_platform.monitoring.counts import count_rows
from credit_platform.settings import Settings

DAYS = 35
MOST = 20_000


@dataclass(frozen=True)
class Served:
    """One decision on record."""

    client: int
    day: date
    version: str
    inputs: Mapping[str, Any]


def served(settings: Settings, now: datetime | None = None) -> list[Served]:
    """The decisions of the last weeks on clients of the lender that were not erased, oldest first; empty where there is
    no decision log.

    Raises:
        DecisionLogError: there is a log, but it can't be read.
    """
    from serving.decisions.log import DecisionLog

    if not settings.decisions_url.get_secret_value() and not (settings.data_dir / "decisions").exists():
        return []
    with DecisionLog.open(settings, create=False) as log:
        records = log.since(time=(now or datetime.now(UTC)) - timedelta(days=DAYS))
        return [
            Served(record.personal.client, record.at.date(), record.decision.version, record.personal.inputs)
            for record in islice(records, MOST)
            if record.personal is not None and isinstance(record.personal.client, int)
        ]


def counts_by_day(decisions: Iterable[Served], profile: Profile) -> dict[date, dict[str, Counts]]:
    """The features of each day's decisions, counted into the bins of a profile; days in order."""
    bins = [profile.bins[name] for name in profile.features]
    days = groupby(sorted(decisions, key=lambda of: of.day), key=lambda of: of.day)
    return {day: count_rows([decision.inputs for decision in of], bins) for day, of in days}
