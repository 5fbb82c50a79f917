"""Alembic migrations of the decision log, run by `database.py` when the log is opened."""
