"""The partition key of everything that happens per delivery: the cohort, a month of applications or Kaggle's train."""

from collections.abc import Iterator, Sequence

import dagster as dg

from credit_platform import quarantine
from credit_platform.settings import Settings, settings

cohorts = dg.DynamicPartitionsDefinition(name="cohort")
per_cohort = dg.BackfillPolicy.single_run() if settings().backfill == "single_run" else dg.BackfillPolicy.multi_run(1)


def sound_cohorts(context: dg.AssetExecutionContext, settings: Settings, judge: str = "") -> Iterator[str]:
    """The cohorts of a run that are not in quarantine; for the asset that judges them, whatever it found before.

    Raises:
        dg.Failure: the run's only cohort is in quarantine.
    """
    for cohort in context.partition_keys:
        reasons = quarantine.reasons(settings, cohort, besides=judge)
        if not reasons:
            yield cohort
            continue
        if len(context.partition_keys) == 1:
            raise set_aside(cohort, reasons)
        message = f"cohort {cohort} is in quarantine: {' '.join(reasons)}"
        context.log.warning(f"{message} It is left out of this run.")
        context.add_asset_metadata({"left_out": message}, partition_key=cohort)


def set_aside(cohort: str, reasons: Sequence[str]) -> dg.Failure:
    """The failure of a run whose only cohort is in quarantine; it says why, and what to do."""
    return dg.Failure(
        f"cohort {cohort} is in quarantine: {' '.join(reasons)} Land a corrected delivery, or let it pass: "
        f"credit-platform release {cohort} --by NAME --why REASON",
        allow_retries=False,
    )


def data_version(context: dg.AssetExecutionContext, content: str) -> dg.DataVersion | None:
    """The data version of a run of one cohort. A run of several has one version for all of them, which Dagster makes
    from their inputs.
    """
    return dg.DataVersion(content) if len(context.partition_keys) == 1 else None
