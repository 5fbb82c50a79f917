"""The jobs: named parts of the graph that people and sensors start."""

import dagster as dg

per_cohort_stages = dg.AssetSelection.groups("raw", "mart", "scoring", "monitoring")

build_mart = dg.define_asset_job(
    "build_mart", dg.AssetSelection.groups("raw", "mart"), description="Check, type and join the tables of a cohort."
)
train = dg.define_asset_job(
    "train",
    dg.AssetSelection.groups("features", "model", "explain"),
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
everything = dg.define_asset_job("everything", dg.AssetSelection.all(), description="The whole graph.")

jobs = [build_mart, train, score, monitor, process_cohort, everything]
