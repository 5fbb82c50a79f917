"""The checks of the client mart: every application has exactly one row."""

import dagster as dg

from credit_platform.lake import connect, quote
from credit_platform.settings import Settings


@dg.asset_check(
    asset="client_mart", blocking=True, description="The mart's clients are the applications', each exactly once."
)
def one_row_per_client(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    wrong = {}
    with connect(settings) as connection:
        for path in sorted((settings.lake_dir / "client_mart").glob("*.parquet")):
            raw = settings.lake_dir / "raw_application" / path.name
            row = connection.execute(
                "select count(*) from (select SK_ID_CURR, count(*) as n from read_parquet("
                f"{quote(str(path))}) group by all) as mart full join read_parquet({quote(str(raw))}) as raw "
                "using (SK_ID_CURR) where mart.n is distinct from 1 or raw.SK_ID_CURR is null"
            ).fetchone()
            if row and row[0]:
                wrong[path.stem] = row[0]
    return dg.AssetCheckResult(passed=not wrong, metadata={f"wrong_in_{cohort}": n for cohort, n in wrong.items()})
