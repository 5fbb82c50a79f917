"""The aggregation of the widely used Home Credit kernel "LightGBM with simple features", in three engines.

`declared.py` says which columns there are; `in_duckdb.py`, `in_pandas.py` and `in_polars.py` compute them, with equal
names and values. Not here: what the platform's own mart holds (`credit_platform/mart/`).
"""
