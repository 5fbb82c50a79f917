"""Simulated deliveries: the tables of a lender's months, or of the Kaggle download, drawn by the contracts.

`simulate` writes the folders, `SCENARIOS` names what may happen in them. Here belongs how clients, their histories and
their outcomes hang together. Not here: what the columns are and how they are distributed one by one (the contracts),
and anything that reads a delivery back.
"""

from credit_platform.home_credit.simulator.delivery import simulate
from credit_platform.home_credit.simulator.scenarios import SCENARIOS

__all__ = ["SCENARIOS", "simulate"]
