"""The checks of the drift reports: no cohort has drifted."""

import dagster as dg

from credit_platform.monitoring.reports import verdicts
from credit_platform.settings import Settings


@dg.asset_check(asset="drift_report", description="The newest reported cohort looks like the training clients.")
def newest_cohort_has_not_drifted(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    found = verdicts(settings)
    if not found:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="no report yet")
    newest = found[-1]
    return dg.AssetCheckResult(
        passed=not newest["drifted"],
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "cohort": newest["cohort"],
            "drift_share": newest["drift_share"],
            "score_psi": newest["score_psi"],
            "drifted_columns": ", ".join(newest["drifted_columns"]) or "none",
        },
    )
