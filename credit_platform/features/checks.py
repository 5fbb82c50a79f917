"""The checks of the feature splits: no client in two parts, outcomes stratified, no outcome among the features."""

import dagster as dg

from credit_platform.features.leakage import single_feature_aucs
from credit_platform.features.schema import FeatureSchema
from credit_platform.features.splits import PARTS, parts_of, splits_dir
from credit_platform.home_credit.delivery import OUTCOME
from credit_platform.lake import connect, quote
from credit_platform.metadata import markdown_table
from credit_platform.settings import Settings


@dg.asset_check(asset="feature_splits", blocking=True, description="No client is in two parts.")
def parts_are_disjoint(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    with connect(settings) as connection:
        row = connection.execute(
            "select count(*) from (select SK_ID_CURR from read_parquet("
            f"{[str(splits_dir(settings) / f'y_{part}.parquet') for part in parts_of(splits_dir(settings))]}"
            ") group by all having count(*) > 1)"
        ).fetchone()
    shared = row[0] if row else 0
    return dg.AssetCheckResult(passed=shared == 0, metadata={"clients_in_two_parts": shared})


@dg.asset_check(asset="feature_splits", description="The default rates of the parts differ by less than two points.")
def outcomes_are_stratified(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    with connect(settings) as connection:
        rates = {}
        for part in PARTS:
            path = quote(str(splits_dir(settings) / f"y_{part}.parquet"))
            row = connection.execute(f"select avg({OUTCOME}) from read_parquet({path})").fetchone()
            rates[f"default_rate_{part}"] = row[0] if row else 0.0
    spread = max(rates.values()) - min(rates.values())
    return dg.AssetCheckResult(passed=spread < 0.02, severity=dg.AssetCheckSeverity.WARN, metadata=rates)


@dg.asset_check(asset="feature_splits", blocking=True, description="The outcome is not among the features.")
def outcome_is_no_feature(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    names = FeatureSchema.read(splits_dir(settings)).names
    leaks = [name for name in names if OUTCOME in name.upper()]
    return dg.AssetCheckResult(passed=not leaks, metadata={"features": len(names), "leaks": ", ".join(leaks)})


@dg.asset_check(
    asset="feature_splits",
    blocking=True,
    description="No feature ranks defaulters by itself so well that it must know the outcome.",
)
def no_feature_knows_the_outcome(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    folder = splits_dir(settings)
    strongest = list(single_feature_aucs(folder, FeatureSchema.read(folder)).items())[:10]
    leaks = [name for name, auc in strongest if auc >= settings.suspicious_auc]
    return dg.AssetCheckResult(
        passed=not leaks,
        description=f"suspicious: {', '.join(leaks)}; find out what they are made from" if leaks else None,
        metadata={
            "leaks": ", ".join(leaks),
            "limit": settings.suspicious_auc,
            "strongest": markdown_table([{"feature": name, "AUC alone": auc} for name, auc in strongest]),
        },
    )
