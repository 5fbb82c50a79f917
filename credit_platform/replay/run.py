"""`credit-platform replay`: simulates the months, plays them, writes the page.

Everything lies below one new folder, and nothing is sent to anybody: the channels of the settings are left out.
"""

from collections.abc import Callable
from pathlib import Path

from credit_platform.home_credit.simulator import simulate
from credit_platform.lake import atomic
from credit_platform.replay.lender import Lender
from credit_platform.replay.page import page
from credit_platform.replay.play import Play, play
from credit_platform.settings import Settings

_REACHING = (
    "alert_mail_to",
    "alert_slack_url",
    "alert_teams_url",
    "alert_url",
    "alert_webhook_url",
    "lake_uri",
    "mlflow_artifacts_uri",
    "mlflow_tracking_uri",
    "training_cohorts",
)
"""Settings that reach beyond the data folder, or choose cohorts that are not there."""
PAGE, RECORD = "replay.html", "replay.json"


def replay(
    settings: Settings,
    out: Path,
    *,
    scenario: str,
    first: str,
    last: str,
    clients: int,
    seed: int,
    change: str = "",
    history: int = 4,
    outcomes_after: int = 3,
    progress: Callable[[int, str], None] = lambda _done, _what: None,
) -> Play:
    """Replays a scenario from the month `first` to `last` and writes `replay.html` and `replay.json` to a new folder.

    Raises:
        ValueError: the months or numbers make no replay; the message says what would.
        FileExistsError: `out` exists and is not an empty folder.
    """
    cohorts = months(first, last)
    if history < 2 or outcomes_after < 1 or len(cohorts) < history + 2:
        raise ValueError(
            f"{len(cohorts)} months from {first} to {last} are too few: the first champion is made of {history} (at "
            "least 2), and two more are to be watched"
        )
    change = change or cohorts[max(history + 1, len(cohorts) // 2)]
    if change not in cohorts[history:]:
        raise ValueError(f"the change must lie between {cohorts[history]} and {last}, not in {change}")
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} already exists and is not an empty folder; name another or remove it first")
    progress(0, "simulating")
    simulate(
        out / "deliveries",
        cohorts=len(cohorts),
        clients=clients,
        seed=seed,
        scenario=scenario,
        first_month=first,
        change_month=change,
        labelled=len(cohorts),
        threads=settings.threads,
        memory_limit=settings.memory_limit,
    )
    played = play(
        Lender(alone(settings, out / "data"), out / "deliveries"),
        cohorts,
        scenario=scenario,
        clients=clients,
        seed=seed,
        change=change,
        history=history,
        outcomes_after=outcomes_after,
        progress=progress,
    )
    for name, text in ((PAGE, page(played)), (RECORD, played.to_json())):
        with atomic(out / name) as beside:
            beside.write_text(text, "utf-8")
    return played


def alone(settings: Settings, folder: Path) -> Settings:
    """The same settings in a data folder of their own, without anything that reaches beyond it."""
    fields = type(settings).model_fields
    defaults = {name: fields[name].default for name in _REACHING}
    return settings.model_copy(update={**defaults, "data_dir": folder})


def months(first: str, last: str) -> list[str]:
    """The months from one to another, both given as YYYY-MM.

    Raises:
        ValueError: one is no month, or the last lies before the first.
    """
    try:
        numbers = [int(text[:4]) * 12 + int(text[5:7]) - 1 for text in (first, last) if _is_month(text)]
        start, end = numbers
    except ValueError:
        raise ValueError(f"expected months as YYYY-MM, not {first!r} and {last!r}") from None
    if end < start:
        raise ValueError(f"{last} lies before {first}")
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(start, end + 1)]


def _is_month(text: str) -> bool:
    return len(text) == 7 and text[4] == "-" and 1 <= int(text[5:7]) <= 12
