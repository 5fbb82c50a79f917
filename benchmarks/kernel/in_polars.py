"""The kernel as one lazy polars plan, for the streaming engine; categories are counted as in DuckDB."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from credit_platform.home_credit.contracts import table
from kernel import declared
from kernel.declared import CLIENT, CREDIT

Aggregates = Mapping[str, tuple[str, ...]]
_TYPES = {"BIGINT": pl.Int64, "INTEGER": pl.Int32, "DOUBLE": pl.Float64, "VARCHAR": pl.String}


def mart(sources: Mapping[str, Path]) -> pl.LazyFrame:
    """One row per client. `sources` maps each delivered table to a csv file, a Parquet file or a folder of them."""
    tables = {name: _scan(name, path) for name, path in sources.items()}
    plan = _application(tables["application"])
    for part in (
        _bureau(tables["bureau"], tables["bureau_balance"]),
        _previous(tables["previous_application"]),
        tables["pos_cash_balance"].group_by(CLIENT).agg(*_pos()),
        _instalments(tables["installments_payments"]),
        tables["credit_card_balance"].group_by(CLIENT).agg(*_cards()),
    ):
        plan = plan.join(part, on=CLIENT, how="left")
    return plan


def _scan(name: str, path: Path) -> pl.LazyFrame:
    if path.suffix == ".csv":
        schema = {column.name: _TYPES[column.type] for column in table(name).columns.values()}
        return pl.scan_csv(path, schema=schema)
    return pl.scan_parquet(path / "*.parquet" if path.is_dir() else path)


def _application(rows: pl.LazyFrame) -> pl.LazyFrame:
    known = declared.categories("application")
    employed = pl.col("DAYS_EMPLOYED")
    return (
        rows.filter(pl.col("CODE_GENDER").ne_missing(declared.LEFT_OUT))
        .with_columns(pl.when(employed != declared.NO_DATE).then(employed))
        .select(
            CLIENT,
            *declared.numbers("application"),
            *(
                pl.col(name).replace_strict(values, [0, 1], return_dtype=pl.UInt8)
                for name, values in declared.BINARY.items()
            ),
            *(
                pl.col(name).eq_missing(value).cast(pl.UInt8).alias(f"{name}_{value}")
                for name, values in known.items()
                for value in values
            ),
            *((pl.col(above) / pl.col(below)).alias(name) for name, (above, below) in declared.RATIOS.items()),
        )
    )


def _bureau(bureau: pl.LazyFrame, balance: pl.LazyFrame) -> pl.LazyFrame:
    per_credit = balance.group_by(CREDIT).agg(*_aggregates(declared.BALANCE), *_shares("bureau_balance"))
    statuses = [f"STATUS_{value}_MEAN" for value in _values("bureau_balance")["STATUS"]]
    rows = bureau.join(per_credit, on=CREDIT, how="left")
    return rows.group_by(CLIENT).agg(
        *_aggregates(declared.BUREAU, "BURO_"),
        *_shares("bureau", "BURO_"),
        *(pl.col(status).mean().alias(f"BURO_{status}_MEAN") for status in statuses),
        *_subsets("CREDIT_ACTIVE", declared.BUREAU_SUBSETS, declared.BUREAU),
    )


def _previous(rows: pl.LazyFrame) -> pl.LazyFrame:
    credit = pl.col("AMT_CREDIT")
    paid = pl.col("AMT_APPLICATION") / pl.when(credit != 0).then(credit)
    return (
        rows.with_columns(paid.alias("APP_CREDIT_PERC"))
        .group_by(CLIENT)
        .agg(
            *_aggregates(declared.PREVIOUS, "PREV_"),
            *_shares("previous_application", "PREV_"),
            *_subsets("NAME_CONTRACT_STATUS", declared.PREVIOUS_SUBSETS, declared.PREVIOUS),
        )
    )


def _pos() -> Iterator[pl.Expr]:
    yield from _aggregates(declared.POS, "POS_")
    yield from _shares("pos_cash_balance", "POS_")
    yield pl.len().alias("POS_COUNT")


def _instalments(rows: pl.LazyFrame) -> pl.LazyFrame:
    due, paid = pl.col("AMT_INSTALMENT"), pl.col("AMT_PAYMENT")
    late = pl.col("DAYS_ENTRY_PAYMENT") - pl.col("DAYS_INSTALMENT")
    return (
        rows.with_columns(
            (paid / pl.when(due != 0).then(due)).alias("PAYMENT_PERC"),
            (due - paid).alias("PAYMENT_DIFF"),
            pl.when(late > 0).then(late).otherwise(0.0).alias("DPD"),
            pl.when(late < 0).then(-late).otherwise(0.0).alias("DBD"),
        )
        .group_by(CLIENT)
        .agg(*_aggregates(declared.INSTALMENTS, "INSTAL_"), pl.len().alias("INSTAL_COUNT"))
    )


def _cards() -> Iterator[pl.Expr]:
    name = "credit_card_balance"
    yield from _aggregates(dict.fromkeys(declared.numbers(name), declared.CARD_AGGREGATES), "CC_")
    for column, condition in _conditions(name):
        count, size = condition.sum().cast(pl.Float64), pl.len().cast(pl.Float64)
        values = {
            "min": condition.all().cast(pl.UInt8),
            "max": condition.any().cast(pl.UInt8),
            "mean": count / size,
            "sum": condition.sum(),
            "var": (count - count * count / size) / pl.when(size > 1).then(size - 1),
        }
        yield from (values[kind].alias(f"CC_{column}_{kind.upper()}") for kind in declared.CARD_AGGREGATES)
    yield pl.len().alias("CC_COUNT")


def _aggregates(aggregates: Aggregates, prefix: str = "") -> Iterator[pl.Expr]:
    for column, kinds in aggregates.items():
        for kind in kinds:
            yield _aggregate(pl.col(column), kind).alias(f"{prefix}{column}_{kind.upper()}")


def _aggregate(values: pl.Expr, kind: str) -> pl.Expr:
    if kind == "size":
        return pl.len()
    if kind == "nunique":
        return values.drop_nulls().n_unique()
    return getattr(values, kind)()


def _subsets(column: str, subsets: Mapping[str, str], aggregates: Aggregates) -> Iterator[pl.Expr]:
    """Sums are missing, not 0, where a client has no row of the subset: pandas joins them from a frame of its own."""
    for prefix, value in subsets.items():
        included = pl.col(column).eq_missing(value)
        for name, kinds in aggregates.items():
            values = pl.when(included).then(pl.col(name))
            for kind in kinds:
                result = _aggregate(values, kind)
                if kind == "sum":
                    result = pl.when(included.any()).then(result)
                yield result.alias(f"{prefix}_{name}_{kind.upper()}")


def _conditions(name: str) -> Iterator[tuple[str, pl.Expr]]:
    for column, values in declared.categories(name).items():
        for value in values:
            yield f"{column}_{value}", pl.col(column).eq_missing(value)
        yield f"{column}_{declared.MISSING}", pl.col(column).is_null()


def _shares(name: str, prefix: str = "") -> Iterator[pl.Expr]:
    for column, condition in _conditions(name):
        yield (condition.sum() / pl.len()).alias(f"{prefix}{column}_MEAN")


def _values(name: str) -> dict[str, tuple[str, ...]]:
    return {column: (*values, declared.MISSING) for column, values in declared.categories(name).items()}
