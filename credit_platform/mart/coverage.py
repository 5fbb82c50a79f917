"""How many clients of a mart have a history of each kind: what an analyst looks at first in a new delivery."""

from pathlib import Path

import duckdb

from credit_platform.lake import one_row, scan

COUNTS = {
    "bureau": "BURO_COUNT",
    "previous_application": "PREV_COUNT",
    "pos_cash_balance": "POS_COUNT",
    "installments_payments": "INSTAL_COUNT",
    "credit_card_balance": "CC_COUNT",
}
"""The mart column that counts a client's rows of each history table."""


def coverage(connection: duckdb.DuckDBPyConnection, mart: Path) -> list[dict[str, str | float]]:
    """For each history table: the share of clients that have any, and rows per client that has."""
    measures = ", ".join(
        f"avg(({c} > 0)::int), sum({c}) / nullif(count(*) filter ({c} > 0), 0)" for c in COUNTS.values()
    )
    measured = one_row(connection, f"select {measures} from {scan(mart)}")
    return [
        {
            "table": table,
            "clients with a history": f"{measured[2 * i] or 0:.1%}",
            "rows per such client": measured[2 * i + 1] or 0.0,
        }
        for i, table in enumerate(COUNTS)
    ]
