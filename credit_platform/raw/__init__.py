"""From a landed delivery to typed Parquet, one table per source table and cohort, contract checked."""
