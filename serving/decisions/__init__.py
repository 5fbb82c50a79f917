"""The decision log: every decision on record before its answer leaves, chained, sealed per record, erasable.

`log.py` is the door: open, record, look up. `maintenance.py` holds what an operator runs. docs/decision-log.md explains
the scheme. Not here: what a decision is made of, and HTTP.
"""
