"""The mart's SQL for engines that hold a lender's tables: DuckDB's SQL in another dialect, by sqlglot.

The result is one statement with the mart's columns in their order, one row per SK_ID_CURR. It reads the seven tables by
the names and columns of their contracts (`application`, `bureau`, ...), without a schema: the session's current one
says where they are. Columns are cast to the contracts' types, and columns that no contract knows are left alone.

Spark gives DuckDB's numbers, which a test proves; sums and means of fractions differ in their last bits. Other dialects
are as good as sqlglot's translation of them. Missing values must be NULL, for engines differ in what NaN compares to.

Not here: what is computed (the .sql and .toml files).
"""

from typing import TYPE_CHECKING

from credit_platform.home_credit import contracts
from credit_platform.mart.build import client_mart_query

if TYPE_CHECKING:
    from sqlglot import exp

_DUCKDB = "duckdb, normalization_strategy = case_sensitive"
"""Names keep their case: a lender's engine may insist on it."""


def dialects() -> tuple[str, ...]:
    """The dialects that sqlglot knows, by name."""
    from sqlglot.dialects.dialect import Dialects

    return tuple(sorted(dialect.value for dialect in Dialects if dialect.value))


def export_sql(dialect: str) -> str:
    """The whole mart as one SELECT in a dialect.

    Raises:
        ValueError: sqlglot does not know the dialect, or cannot express the mart in it.
    """
    from sqlglot import ErrorLevel, exp, parse_one
    from sqlglot.errors import SqlglotError

    if dialect not in dialects():
        raise ValueError(f"no dialect {dialect!r}; known: {', '.join(dialects())}")
    ours = client_mart_query({name: name for name in contracts.TABLE_NAMES})
    query = _fractions_as_doubles(_tables_apart(_spelled_out(parse_one(ours, dialect=_DUCKDB, into=exp.Select))))
    try:
        sql = query.sql(dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)
        parse_one(sql, dialect=dialect)
    except SqlglotError as error:
        raise ValueError(f"sqlglot cannot write the mart in {dialect}") from error
    return (
        f"-- The client mart for {dialect}: one row per SK_ID_CURR, {len(query.named_selects)} columns.\n"
        f"-- Reads {', '.join(contracts.TABLE_NAMES)}.\n{sql}\n"
    )


def _spelled_out(query: "exp.Select") -> "exp.Select":
    """Every star as its columns, every column with its relation, USING as ON, and one WITH for all steps.

    Engines differ in stars with exceptions and in nested WITHs, and in what a name means that is a column and an alias.
    """
    from sqlglot.optimizer.eliminate_subqueries import eliminate_subqueries
    from sqlglot.optimizer.qualify import qualify

    schema: dict[str, object] = {
        table.name: {column.name: column.type for column in table.columns.values()} for table in contracts.tables()
    }
    explicit = qualify(query, dialect=_DUCKDB, schema=schema, quote_identifiers=False)
    return eliminate_subqueries(explicit)


def _tables_apart(query: "exp.Select") -> "exp.Select":
    """Other names for the steps named like the table they read, which some engines take for recursive queries."""
    from sqlglot import exp

    for step in query.ctes:
        for table in step.find_all(exp.Table):
            if table.name in contracts.TABLE_NAMES and table.name != step.alias:
                table.set("this", exp.to_identifier(f"typed_{table.name}"))
    for step in query.ctes:
        if step.alias in contracts.TABLE_NAMES:
            step.args["alias"].set("this", exp.to_identifier(f"typed_{step.alias}"))
    return query


def _fractions_as_doubles(query: "exp.Select") -> "exp.Select":
    """Fractions in doubles: Spark takes 365.25 for a decimal, and rounds what is divided by it to six places."""
    from sqlglot import exp

    for literal in list(query.find_all(exp.Literal)):
        if literal.is_number and "." in literal.name:
            literal.replace(exp.cast(literal.copy(), "double"))
    return query
