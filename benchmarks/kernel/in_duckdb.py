"""The kernel as one DuckDB query over the tables of a bucket; categories are counted, not averaged.

Memory is bounded by the bucket. Not here: where buckets lie and who runs the query (`workloads.py`).
"""

from collections.abc import Iterable, Iterator, Mapping

from kernel import declared
from kernel.declared import CLIENT, CREDIT

_SQL = {
    "min": "min({})",
    "max": "max({})",
    "mean": "avg({})",
    "sum": "coalesce(sum({}), 0)",  # pandas: nothing adds up to 0
    "var": "var_samp({})",
    "nunique": "count(distinct {})",
    "size": "count(*)",
}


def query(sources: Mapping[str, str]) -> str:
    """One row per client. `sources` maps each delivered table to what stands for it after FROM."""
    parts = {
        "application": _application(sources["application"]),
        "bureau_balance": _grouped(_coded(sources["bureau_balance"], "bureau_balance"), CREDIT, _balance()),
        "bureau": _grouped(
            f"({_coded(sources['bureau'], 'bureau')}) left join bureau_balance using ({CREDIT})", CLIENT, _bureau()
        ),
        "previous_application": _grouped(_previous_rows(sources["previous_application"]), CLIENT, _previous()),
        "pos_cash_balance": _grouped(_coded(sources["pos_cash_balance"], "pos_cash_balance"), CLIENT, _pos()),
        "installments_payments": _grouped(_instalment_rows(sources["installments_payments"]), CLIENT, _instalments()),
        "credit_card_balance": _grouped(
            _coded(sources["credit_card_balance"], "credit_card_balance"), CLIENT, _cards()
        ),
    }
    steps = ",\n".join(f"{name} as ({sql})" for name, sql in parts.items())
    joined = [name for name in parts if name not in ("application", "bureau_balance")]
    joins = " ".join(f"left join {name} using ({CLIENT})" for name in joined)
    return f"with {steps}\nselect * from application {joins}"


def _application(source: str) -> str:
    known = declared.categories("application")
    items = [CLIENT]
    items += [
        f"nullif({name}, {declared.NO_DATE}) as {name}" if name == "DAYS_EMPLOYED" else name
        for name in declared.numbers("application")
    ]
    items += [
        f"case {name} when {_text(zero)} then 0 when {_text(one)} then 1 end as {name}"
        for name, (zero, one) in declared.BINARY.items()
    ]
    items += [
        f"(coalesce({name} = {_text(value)}, false))::utinyint as {_name(f'{name}_{value}')}"
        for name, values in known.items()
        for value in values
    ]
    items += [
        f"nullif({above}, {declared.NO_DATE}) / {below} as {name}"
        if above == "DAYS_EMPLOYED"
        else f"{above} / {below} as {name}"
        for name, (above, below) in declared.RATIOS.items()
    ]
    return f"select {', '.join(items)} from {source} where CODE_GENDER is distinct from {_text(declared.LEFT_OUT)}"


def _balance() -> Iterator[str]:
    yield from _aggregates(declared.BALANCE)
    yield from _shares("bureau_balance")


def _bureau() -> Iterator[str]:
    yield from _aggregates(declared.BUREAU, "BURO_")
    yield from _shares("bureau", "BURO_")
    statuses = declared.categories("bureau_balance")["STATUS"]
    for value in (*statuses, declared.MISSING):
        share = _name(f"STATUS_{value}_MEAN")
        yield f"avg({share}) as {_name(f'BURO_STATUS_{value}_MEAN_MEAN')}"
    yield from _subsets("bureau", "CREDIT_ACTIVE", declared.BUREAU_SUBSETS, declared.BUREAU)


def _previous_rows(source: str) -> str:
    rows = f"(select *, AMT_APPLICATION / nullif(AMT_CREDIT, 0) as APP_CREDIT_PERC from {source})"
    return _coded(rows, "previous_application")


def _previous() -> Iterator[str]:
    yield from _aggregates(declared.PREVIOUS, "PREV_")
    yield from _shares("previous_application", "PREV_")
    yield from _subsets("previous_application", "NAME_CONTRACT_STATUS", declared.PREVIOUS_SUBSETS, declared.PREVIOUS)


def _pos() -> Iterator[str]:
    yield from _aggregates(declared.POS, "POS_")
    yield from _shares("pos_cash_balance", "POS_")
    yield "count(*) as POS_COUNT"


def _instalment_rows(source: str) -> str:
    late = "DAYS_ENTRY_PAYMENT - DAYS_INSTALMENT"
    return (
        "select *, AMT_PAYMENT / nullif(AMT_INSTALMENT, 0) as PAYMENT_PERC, "
        "AMT_INSTALMENT - AMT_PAYMENT as PAYMENT_DIFF, "
        f"case when {late} > 0 then {late} else 0 end as DPD, case when {late} < 0 then -({late}) else 0 end as DBD "
        f"from {source}"
    )


def _instalments() -> Iterator[str]:
    yield from _aggregates(declared.INSTALMENTS, "INSTAL_")
    yield "count(*) as INSTAL_COUNT"


def _cards() -> Iterator[str]:
    name = "credit_card_balance"
    yield from _aggregates(dict.fromkeys(declared.numbers(name), declared.CARD_AGGREGATES), "CC_")
    for column, condition in _conditions(name):
        count = _count(condition)
        sql = {
            "min": f"({count} = count(*))::utinyint",
            "max": f"({count} > 0)::utinyint",
            "mean": f"{count} / count(*)",
            "sum": count,
            "var": f"({count} - {count} * {count} / count(*)) / nullif(count(*) - 1, 0)",
        }
        yield from (f"{sql[kind]} as {_name(f'CC_{column}_{kind.upper()}')}" for kind in declared.CARD_AGGREGATES)
    yield "count(*) as CC_COUNT"


def _grouped(rows: str, by: str, items: Iterable[str]) -> str:
    source = rows if rows.startswith("(") else f"({rows})"
    return f"select {by}, {', '.join(items)} from {source} group by {by}"


def _aggregates(aggregates: Mapping[str, tuple[str, ...]], prefix: str = "", where: str = "") -> Iterator[str]:
    """Aggregates over the rows that meet a condition; a `case` costs half of what a `filter` does."""
    for column, kinds in aggregates.items():
        values = f"case when {where} then {column} end" if where else column
        for kind in kinds:
            yield f"{_SQL[kind].format(values)} as {_name(f'{prefix}{column}_{kind.upper()}')}"


def _subsets(
    name: str, column: str, subsets: Mapping[str, str], aggregates: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    """Sums are missing, not 0, where a client has no row of the subset: pandas joins them from a frame of its own."""
    codes = (*declared.categories(name)[column],)
    for prefix, value in subsets.items():
        where = f"{column}_CODE = {codes.index(value) + 1}"
        for item in _aggregates(aggregates, f"{prefix}_", where):
            expression, _, alias = item.rpartition(" as ")
            if expression.startswith("coalesce"):
                expression = f"case when {_count(where)} > 0 then {expression} end"
            yield f"{expression} as {alias}"


def _coded(source: str, name: str) -> str:
    """The rows with a number for each category: comparing text for each category and row is far slower."""
    items = [
        f"case when {column} is null then -1 else list_position([{', '.join(map(_text, values))}], {column}) end "
        f"as {column}_CODE"
        for column, values in declared.categories(name).items()
    ]
    return f"select *, {', '.join(items)} from {source}"


def _conditions(name: str) -> Iterator[tuple[str, str]]:
    """The kernel's dummy columns of a table, and what a row must meet to count for them."""
    for column, values in declared.categories(name).items():
        for code, value in enumerate(values, start=1):
            yield f"{column}_{value}", f"{column}_CODE = {code}"
        yield f"{column}_{declared.MISSING}", f"{column}_CODE = -1"


def _shares(name: str, prefix: str = "") -> Iterator[str]:
    for column, condition in _conditions(name):
        yield f"{_count(condition)} / count(*) as {_name(f'{prefix}{column}_MEAN')}"


def _count(condition: str) -> str:
    return f"count(case when {condition} then 1 end)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
