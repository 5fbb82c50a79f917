"""The jobs: named parts of the graph that people and sensors start."""

import dagster as dg

per_cohort_stages = dg.AssetSelection.groups("raw", "quality", "mart", "scoring", "monitoring")
training = dg.AssetSelection.groups("features", "model", "explain")

build_mart = dg.define_asset_job(
    "build_mart",
    dg.AssetSelection.groups("raw", "quality", "mart"),
    description="Check, type and join the tables of a cohort.",
)
train = dg.define_asset_job(
    "train",
    training,
    description="Split the labelled clients, search a model, judge it, promote it if it earns it, and explain it.",
)
score = dg.define_asset_job("score", dg.AssetSelection.groups("scoring"), description="Score a cohort's clients.")
monitor = dg.define_asset_job(
    "monitor",
    dg.AssetSelection.groups("scoring", "monitoring"),
    description="Score a cohort's clients and compare them with the training reference.",
)
process_cohort = dg.define_asset_job(
    "process_cohort", per_cohort_stages, description="All that a newly landed cohort needs once a champion decides."
)
take_outcomes = dg.define_asset_job(
    "take_outcomes",
    dg.AssetSelection.assets("raw_outcomes", "performance") | training,
    description=(
        "Take in outcomes that arrived late, compare the scores with them, and train on them; the cohort's other "
        "tables stay as they are."
    ),
)
rehearse_alarms = dg.define_asset_job(
    "rehearse_alarms",
    dg.AssetSelection.groups("alerting"),
    description="Put known faults into a copy of the newest cohort, and see whether each alarm notices its own.",
)
everything = dg.define_asset_job("everything", dg.AssetSelection.all(), description="The whole graph.")

jobs = [build_mart, train, score, monitor, process_cohort, take_outcomes, rehearse_alarms, everything]
