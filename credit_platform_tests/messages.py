"""Findings, signals and messages for the tests of alerts, made without monitoring."""

from dataclasses import replace
from datetime import UTC, datetime

from credit_platform.alerting.messages import Item, Message
from credit_platform.monitoring.findings import Finding

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

SCORE = Finding(
    cohort="2025-03",
    model_version="1",
    layer="score",
    metric="psi",
    state="warn",
    sentence="the score moved: PSI 0.31 against 0.1 among 5,000 clients",
    value=0.31,
    threshold=0.1,
    clients=5000,
    column="probability_of_default",
    cause="population moved",
)
INCOME = replace(
    SCORE,
    layer="quality",
    metric="unit",
    state="critical",
    sentence="AMT_INCOME_TOTAL comes in thousands",
    table="application",
    column="AMT_INCOME_TOTAL",
    cause="broken feed",
)


def message(title: str = "WARN 2025-03: 1 incident", subject: str = "2025-03") -> Message:
    item = Item(
        incident="0123456789ab",
        event="opened",
        kind="score",
        severity="warn",
        sentence=f"{SCORE.sentence}.",
        value=0.31,
        threshold=0.1,
        since="2025-02",
        cause="population moved",
        runbook="https://wiki.example/alerts#score",
    )
    report = "http://127.0.0.1:8000/v1/drift/2025-03/report"
    return Message("abcdef0123456789", NOON, "warn", subject, "1", title, (item,), 0, report)
