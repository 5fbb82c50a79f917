"""The checks of the client mart: every application has exactly one row, and nothing in it is from a later time."""

import dagster as dg

from credit_platform.home_credit import contracts
from credit_platform.lake import cohorts_of, connect, one_row, scan, table_path
from credit_platform.settings import Settings


@dg.asset_check(
    asset="client_mart", blocking=True, description="The mart's clients are the applications', each exactly once."
)
def one_row_per_client(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    wrong = {}
    with connect(settings) as connection:
        for cohort in cohorts_of(settings, "client_mart"):
            mart, raw = (scan(table_path(settings, name, cohort)) for name in ("client_mart", "raw_application"))
            (count,) = one_row(
                connection,
                f"select count(*) from (select SK_ID_CURR, count(*) as n from {mart} group by all) as mart "
                f"full join {raw} as raw using (SK_ID_CURR) "
                "where mart.n is distinct from 1 or raw.SK_ID_CURR is null",
            )
            if count:
                wrong[cohort] = count
    return dg.AssetCheckResult(passed=not wrong, metadata={f"wrong_in_{cohort}": n for cohort, n in wrong.items()})


@dg.asset_check(
    asset="client_mart",
    description=(
        "No history row became known after its application. Such rows are left out of the mart; the check counts them, "
        "for a delivery that holds many was not drawn as of the application."
    ),
)
def history_is_from_before_the_application(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    later = {}
    with connect(settings) as connection:
        for cohort in cohorts_of(settings, "client_mart"):
            for table in contracts.tables():
                if table.known_at is None:
                    continue
                rows = scan(table_path(settings, f"raw_{table.name}", cohort))
                (count,) = one_row(connection, f"select count(*) from {rows} where {table.known_at} > 0")
                if count:
                    later[f"{cohort}_{table.name}"] = count
    return dg.AssetCheckResult(passed=not later, severity=dg.AssetCheckSeverity.WARN, metadata=later)
