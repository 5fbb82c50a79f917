"""Applications as they come in: an application and its history as raw records, made a mart row of in memory.

The shape of a body is checked here; what a record may hold is the contracts' business, and `mart/online.py` checks it.
"""

from functools import cache
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, PlainValidator, TypeAdapter
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from credit_platform.home_credit import contracts
from credit_platform.home_credit.contracts import TABLE_NAMES, Column, Table
from credit_platform.mart.build import CLIENT_KEY
from credit_platform.mart.online import OnlineMart, RecordError, RecordProblem
from serving.bodies import LONGEST_CATEGORY, REFERENCE, read
from serving.clients import finite
from serving.desk import Subject
from serving.problems import FieldProblem, invalid_fields

_LARGEST = 2**63 - 1
"""Numbers beyond it are no amount, day or count of anything."""


def _value(value: Any) -> Any:
    """What a record may hold whatever its contract says. A union of types would name each of them in its errors."""
    if isinstance(value, str):
        if len(value) > LONGEST_CATEGORY:
            raise PydanticCustomError("string_too_long", "unfit", {"max_length": LONGEST_CATEGORY})
        return value
    if value is not None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise PydanticCustomError("record_value", "unfit")
        if not -_LARGEST <= value <= _LARGEST:
            raise PydanticCustomError("finite_number", "unfit")
    return value


_Record = dict[str, Annotated[Any, PlainValidator(_value)]]


class _Body(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    application: _Record
    history: NotRequired[dict[str, list[_Record]]]


_BODY = TypeAdapter(_Body)
_EXAMPLE = {
    "application": {
        "NAME_CONTRACT_TYPE": "Cash loans",
        "AMT_INCOME_TOTAL": 135000,
        "AMT_CREDIT": 450000,
        "AMT_ANNUITY": 22500,
        "DAYS_BIRTH": -13500,
        "DAYS_EMPLOYED": -1200,
        "EXT_SOURCE_2": 0.41,
    },
    "history": {
        "bureau": [{"SK_ID_BUREAU": 1, "CREDIT_ACTIVE": "Active", "DAYS_CREDIT": -310, "AMT_CREDIT_SUM": 90000}],
        "bureau_balance": [{"SK_ID_BUREAU": 1, "MONTHS_BALANCE": -1, "STATUS": "0"}],
    },
}


@cache
def online_mart() -> OnlineMart:
    """The mart's query, which takes a second or two to prepare; one for the process."""
    return OnlineMart()


def subject(body: bytes) -> Subject:
    """The applicant of a body, to decide about.

    Raises:
        ProblemError: the body is no application; every field that is wrong is named.
    """
    sent = read(_BODY, body)
    application, history = sent["application"], sent.get("history", {})
    try:
        row = online_mart().row(application, history)
    except RecordError as error:
        raise invalid_fields([_field_problem(problem) for problem in error.problems]) from None
    source = {
        "origin": "records",
        "cohort": None,
        "made_at": None,
        "age_days": None,
        "empty_tables": [table for table in TABLE_NAMES[1:] if not history.get(table)],
    }
    return Subject(finite(row), application.get(CLIENT_KEY), source)


def components() -> dict[str, Any]:
    """The JSON schemas of the body, by the names that OpenAPI refers to."""
    application, *histories = contracts.tables()
    tables = {table.name: {"type": "array", "items": _reference(table)} for table in histories}
    body = {
        "type": "object",
        "required": ["application"],
        "additionalProperties": False,
        "properties": {
            "application": _reference(application),
            "history": {"type": "object", "additionalProperties": False, "properties": tables},
        },
        "examples": [_EXAMPLE],
    }
    return {"ApplicationBody": body} | {_name(table): _schema(table) for table in contracts.tables()}


def _reference(table: Table) -> dict[str, Any]:
    return {"$ref": REFERENCE.format(model=_name(table))}


def _name(table: Table) -> str:
    return f"record_{table.name}"


def _schema(table: Table) -> dict[str, Any]:
    properties = {column.name: _type(column) for column in table.columns.values()}
    needed = [
        c.name for c in table.columns.values() if c.name != CLIENT_KEY and (c.name in table.key or c.unit == "id")
    ]
    schema = {"type": "object", "description": table.meaning, "additionalProperties": False, "properties": properties}
    return schema | ({"required": needed} if needed else {})


def _type(column: Column) -> dict[str, Any]:
    kind = {"VARCHAR": "string", "DOUBLE": "number"}.get(column.type, "integer")
    bounds = {"INTEGER": {"minimum": -(2**31 - 1), "maximum": 2**31 - 1}, "VARCHAR": {"maxLength": LONGEST_CATEGORY}}
    schema = {"type": [kind, "null"], "description": column.meaning, **bounds.get(column.type, {})}
    return schema | ({"examples": list(column.categories)} if column.categories else {})


def _field_problem(problem: RecordProblem) -> FieldProblem:
    """The place `bureau[2].DAYS_CREDIT` is `history.bureau.2.DAYS_CREDIT` in the body."""
    place = problem.place.replace("[", ".").replace("]", "")
    if place.startswith("application.0"):
        return FieldProblem(field=f"application{place.removeprefix('application.0')}", problem=problem.message)
    return FieldProblem(field=f"history.{place}", problem=problem.message)
