"""The decision log: every decision on record before its answer leaves, chained, sealed per record, erasable.

`log.py` is the door: open, record, look up. `erasure.py` and `verification.py` hold what an operator runs.
docs/decision-log.md explains the scheme. Not here: how a decision is made, and HTTP.
"""
