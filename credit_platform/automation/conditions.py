"""What must be true before something runs by itself."""

import dagster as dg

from credit_platform.lake import table_path
from credit_platform.settings import Settings


def champion_decides(instance: dg.DagsterInstance) -> bool:
    """Whether a version is in force; the asset `champion` also exists where no challenger has passed the gate yet."""
    event = instance.get_latest_materialization_event(dg.AssetKey("champion"))
    if event is None or event.asset_materialization is None:
        return False
    return event.asset_materialization.metadata["version"].value != "none"


def is_processed(settings: Settings, cohort: str) -> bool:
    """Whether a cohort's mart was made after its last file arrived, as it is when the command line ran the graph."""
    mart = table_path(settings, "client_mart", cohort)
    arrived = max((path.stat().st_ctime_ns for path in (settings.landing_dir / cohort).iterdir()), default=0)
    return mart.exists() and mart.stat().st_mtime_ns > arrived
