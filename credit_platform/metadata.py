"""What assets report to Dagster: column schemas, plots, small tables. Never rows of clients: the event log is kept."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import dagster as dg

from credit_platform.home_credit.contracts import Column, Table
from credit_platform.markdown import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def schema_of(**columns: tuple[str, str]) -> dg.TableSchema:
    """A column schema from each column's type and meaning."""
    return dg.TableSchema(
        columns=[dg.TableColumn(name, kind, description=meaning) for name, (kind, meaning) in columns.items()]
    )


def column_schema(contract: Table) -> dg.TableSchema:
    """A contract as the column schema that Dagster shows."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=_description(column),
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=contract.key == (column.name,), other=_limits(column)
                ),
            )
            for column in contract.columns.values()
        ]
    )


def _description(column: Column) -> str:
    sentinels = "; ".join(f"{value}: {meaning}" for value, meaning in column.sentinels.items())
    return f"{column.meaning}. {sentinels}" if sentinels else column.meaning


def _limits(column: Column) -> list[str]:
    if column.categories and column.type == "VARCHAR":
        return [f"one of {len(column.categories)} categories"]
    limits = ((">=", column.min), ("<=", column.max))
    return [f"{sign} {limit:g}" for sign, limit in limits if limit is not None]


def plot(figure: "Figure") -> dg.MarkdownMetadataValue:
    """A matplotlib figure as an inline picture."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=80, bbox_inches="tight")
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{b64encode(buffer.getvalue()).decode()})")


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> dg.MarkdownMetadataValue:
    """Rows with the same keys as a Markdown table."""
    return dg.MetadataValue.md(table(rows))
