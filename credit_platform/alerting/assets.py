"""The test of the alarms as an asset: which rang when faults were put into a copy of the newest cohort."""

import dagster as dg

from credit_platform import quarantine
from credit_platform.alerting import sources, watch
from credit_platform.alerting.incidents import Run
from credit_platform.alerting.rehearsal import rehearse
from credit_platform.lake import cohorts_of
from credit_platform.metadata import markdown_table, schema_of
from credit_platform.monitoring.judging import findings_of
from credit_platform.settings import Settings


@dg.asset(
    group_name="alerting",
    kinds={"python"},
    owners=["team:model-validation"],
    deps=["champion", "client_mart"],
    check_specs=[
        dg.AssetCheckSpec(
            "every_alarm_rings",
            asset="alarm_test",
            description="Each kind of alarm notices the fault that was made for it.",
        )
    ],
    metadata={
        "dagster/column_schema": schema_of(
            alarm=("VARCHAR", "Kind of alarm"),
            fault=("VARCHAR", "What was done to the copy"),
            rang=("BOOLEAN", "Whether it was noticed; empty: not tested"),
            said=("VARCHAR", "What was told, or what rang instead"),
        )
    },
    description=(
        "Known faults put into a copy of the newest cohort: each kind of alarm has to notice its own. Nothing of it is "
        "kept or sent; an alarm that does not ring is told as an incident of its own."
    ),
)
def alarm_test(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    held = set(quarantine.quarantined(settings))
    newest = max(cohort for cohort in cohorts_of(settings, "client_mart") if cohort not in held)
    rung = rehearse(settings, newest, findings_of, settings.seed)
    silent = [test for test in rung if test.rang is False]
    signals = tuple(
        sources.operational("alarm_test", test.alarm, f"the alarm {test.alarm} does not ring when {test.fault}")
        for test in silent
    )
    watch.observe(settings, [Run("alarm test", signals, frozenset({"alarm_test"}))])
    context.log.info(f"{sum(test.rang is True for test in rung)} of {len(rung)} alarms rang on a copy of {newest}")
    return dg.MaterializeResult(
        metadata={
            "cohort": newest,
            "dagster/row_count": len(rung),
            "silent": ", ".join(test.alarm for test in silent) or "none",
            "alarms": markdown_table([vars(test) for test in rung]),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="every_alarm_rings",
                passed=not silent,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={test.alarm: f"{test.fault}: {test.said}" for test in rung},
            )
        ],
    )
