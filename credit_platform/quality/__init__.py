"""Whether a cohort's tables can be trusted: measured, compared with the cohort before, told in sentences, kept."""
