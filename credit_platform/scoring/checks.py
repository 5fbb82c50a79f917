"""The checks of the scores: every client of the mart has one, and it is a probability."""

import dagster as dg

from credit_platform.lake import cohorts_of, connect, one_row, scan, table_path
from credit_platform.settings import Settings


@dg.asset_check(asset="scores", description="Every client of a scored cohort's mart has exactly one valid score.")
def every_client_has_a_score(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    wrong = {}
    with connect(settings) as connection:
        for cohort in cohorts_of(settings, "scores"):
            mart, scores = (scan(table_path(settings, name, cohort)) for name in ("client_mart", "scores"))
            (count,) = one_row(
                connection,
                f"select count(*) from (select SK_ID_CURR from {mart}) full join "
                "(select SK_ID_CURR as scored, count(*) as n, min(probability_of_default) as low, "
                f"max(probability_of_default) as high from {scores} group by 1) on SK_ID_CURR = scored "
                "where scored is null or SK_ID_CURR is null or n > 1 or not (low >= 0 and high <= 1)",
            )
            if count:
                wrong[cohort] = count
    return dg.AssetCheckResult(passed=not wrong, metadata={f"wrong_in_{cohort}": n for cohort, n in wrong.items()})
