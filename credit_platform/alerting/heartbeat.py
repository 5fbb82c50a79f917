"""Whether anybody is still watching: cohorts that were not monitored in time, cohorts that do not come any more.

The heartbeat itself leaves a mark, by which whoever stands outside can see that it beats. Not here: which sensors are
stopped, which only the orchestrator knows (`automation/conditions.py`).
"""

from datetime import UTC, datetime, timedelta

from credit_platform import quarantine
from credit_platform.alerting.store import AlertStore
from credit_platform.home_credit.landing import is_complete, landed_cohorts
from credit_platform.monitoring.reports import verdict_path
from credit_platform.settings import Settings

_MARK = "heartbeat"
_TRIES = 5


def silent(settings: Settings, at: datetime) -> dict[str, str]:
    """What should have happened and did not, in sentences, by the cohort or by `landing`.

    Of the landed cohorts only the newest is asked for: older ones may be from before there was a model.
    """
    landed = [cohort for cohort in landed_cohorts(settings) if is_complete(settings, cohort)]
    if not landed:
        return {}
    newest = landed[-1]
    since = _landed_at(settings, newest)
    late = {}
    if at - since > timedelta(days=settings.alert_expect_days):
        late["landing"] = (
            f"no cohort has landed for {(at - since).days} days, since {newest}; one is expected every "
            f"{settings.alert_expect_days:g} days (CREDIT_ALERT_EXPECT_DAYS)"
        )
    seen = verdict_path(settings, newest).exists() or bool(quarantine.reasons(settings, newest))
    if not seen and at - since > timedelta(hours=settings.alert_silence_hours):
        late[newest] = (
            f"cohort {newest} landed {(at - since).total_seconds() / 3600:.0f} hours ago and has not been monitored; "
            f"it should be within {settings.alert_silence_hours:g} (CREDIT_ALERT_SILENCE_HOURS)"
        )
    return late


def unheard(settings: Settings) -> dict[str, str]:
    """The channels that have not taken a message for long, in sentences."""
    store = AlertStore.find(settings)
    if store is None:
        return {}
    with store, store.reading() as read:
        waiting = [(channel, error) for _, channel, attempts, error in read.undelivered() if attempts >= _TRIES]
    return {
        f"channel {channel}": f"the channel {channel} has not taken a message in {_TRIES} tries: {error}"
        for channel, error in waiting
    }


def beat(settings: Settings, at: datetime) -> None:
    """Leaves the mark of a heartbeat."""
    with AlertStore.of(settings) as store, store.transaction() as write:
        write.set_mark(_MARK, "alive", at)


def last_beat(settings: Settings) -> datetime | None:
    """When the heartbeat beat last; None: never."""
    store = AlertStore.find(settings)
    if store is None:
        return None
    with store, store.reading() as read:
        found = read.mark(_MARK)
    return found[1] if found else None


def _landed_at(settings: Settings, cohort: str) -> datetime:
    """When the newest file of a cohort's application data came."""
    folder = settings.landing_dir / cohort
    stamps = [path.stat().st_mtime for path in folder.iterdir() if not path.name.startswith("outcomes")]
    return datetime.fromtimestamp(max(stamps), UTC)
