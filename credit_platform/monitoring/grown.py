"""What has grown from cohort to cohort is told apart from what broke at once.

A feed breaks from one cohort to the next. A column that had moved before, though its feed was sound, has gone on
moving: its clients have, as when they grow older and more of them have no employer. Not here: how far anything moved
(`layers/`).
"""

from collections.abc import Sequence
from dataclasses import replace

from credit_platform.monitoring.findings import Finding
from credit_platform.monitoring.reports import verdicts
from credit_platform.settings import Settings

_MOVED = ("watch", "warn", "critical")


def before(settings: Settings, cohort: str, version: str) -> list[Finding]:
    """What was found of the cohort before, as the same version looked at it; empty where there is none."""
    earlier = [v for v in verdicts(settings) if v["cohort"] < cohort and v.get("model_version") == version]
    return [Finding.from_json(facts) for facts in earlier[-1].get("findings", ())] if earlier else []


def grown(found: Sequence[Finding], previous: Sequence[Finding]) -> list[Finding]:
    """The findings, with broken feeds that only went on as in the cohort before called what they are."""
    moved = {
        (f.table, f.column)
        for f in previous
        if f.state in _MOVED and f.cause != "broken feed" and (f.table or f.column)
    }
    return [
        replace(f, state="warn", cause="population moved")
        if f.cause == "broken feed" and (f.table, f.column) in moved
        else f
        for f in found
    ]
