"""The checks of the scores: every client of the mart has one, and it is a probability."""

import dagster as dg

from credit_platform.lake import connect, quote
from credit_platform.settings import Settings


@dg.asset_check(asset="scores", description="Every client of a scored cohort's mart has exactly one valid score.")
def every_client_has_a_score(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    wrong = {}
    with connect(settings) as connection:
        for path in sorted((settings.lake_dir / "scores").glob("*.parquet")):
            mart = settings.lake_dir / "client_mart" / path.name
            row = connection.execute(
                f"select count(*) from (select SK_ID_CURR from read_parquet({quote(str(mart))})) full join "
                "(select SK_ID_CURR as scored, count(*) as n, min(probability_of_default) as low, "
                f"max(probability_of_default) as high from read_parquet({quote(str(path))}) group by 1) "
                "on SK_ID_CURR = scored "
                "where scored is null or SK_ID_CURR is null or n > 1 or not (low >= 0 and high <= 1)"
            ).fetchone()
            if row and row[0]:
                wrong[path.stem] = row[0]
    return dg.AssetCheckResult(passed=not wrong, metadata={f"wrong_in_{cohort}": n for cohort, n in wrong.items()})
