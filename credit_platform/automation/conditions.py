"""What must be true before something runs by itself, and how much of the graph a change concerns."""

from collections.abc import Collection

import dagster as dg

from credit_platform.home_credit.contracts import TABLE_NAMES, table
from credit_platform.lake import current
from credit_platform.settings import Settings


def champion_decides(instance: dg.DagsterInstance) -> bool:
    """Whether a version is in force; the asset `champion` also exists where no challenger has passed the gate yet."""
    event = instance.get_latest_materialization_event(dg.AssetKey("champion"))
    if event is None or event.asset_materialization is None:
        return False
    return event.asset_materialization.metadata["version"].value != "none"


def changed_tables(settings: Settings, cohort: str, delivered: dict[str, str]) -> set[str]:
    """The tables whose delivered content (SHA-256 by table) is not what the lake's were made from.

    Outcomes that are not delivered as a file of their own are those of the application file, if it has any.
    """
    wanted = {name: {delivered.get(name)} for name in (*TABLE_NAMES, "outcomes")}
    if "outcomes" not in delivered:
        wanted["outcomes"] = {None, delivered.get("application")}
    made = {name: current(settings, f"raw_{name}", cohort) for name in wanted}
    return {
        name
        for name, version in made.items()
        if version is None or version.facts["source"].get("sha256") not in wanted[name]
    }


def with_children(tables: Collection[str]) -> set[str]:
    """Tables and those whose rows they decide about: a bureau balance is kept where its credit is."""
    found = set(tables)
    for name in (*TABLE_NAMES, "outcomes"):  # parents come before children
        if table(name).parent in found:
            found.add(name)
    return found
