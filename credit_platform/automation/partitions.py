"""The partition key of everything that happens per delivery: the cohort, a month of applications or Kaggle's train."""

import dagster as dg

cohorts = dg.DynamicPartitionsDefinition(name="cohort")
per_cohort = dg.BackfillPolicy.single_run()
