"""What one file's inspection finds: each way to break a contract, with file, column and row."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from credit_platform.home_credit.contracts import table
from credit_platform.home_credit.delivery import open_file
from credit_platform.home_credit.inspection import Inspection, inspect
from credit_platform_tests.deliveries import TinyDelivery, write_table

Look = Callable[..., Inspection]
TABLE = "pos_cash_balance"
FILE = "POS_CASH_balance.csv"


def look_at(path: Path, name: str = TABLE) -> Inspection:
    with duckdb.connect() as connection:
        return inspect(connection, open_file(path), table(name))


@pytest.fixture
def look(tmp_path: Path, delivery: TinyDelivery) -> Look:
    """Inspects a table of the delivery as it is now, its file's bytes changed on the way if wanted."""

    def inspected(name: str = TABLE, change: Callable[[bytes], bytes] = bytes) -> Inspection:
        path = write_table(tmp_path / f"{table(name).file}.csv", delivery.rows[name], tuple(table(name).columns))
        path.write_bytes(change(path.read_bytes()))
        return look_at(path, name)

    return inspected


def messages(inspection: Inspection) -> list[str]:
    return [str(problem) for problem in inspection.problems]


@pytest.mark.parametrize("name", ["application", "bureau", "bureau_balance", "previous_application", TABLE, "outcomes"])
def test_a_faultless_table_has_no_problems(look: Look, delivery: TinyDelivery, name: str) -> None:
    found = look(name) if name != "outcomes" else (delivery.with_outcomes() and look(name))
    assert messages(found) == []
    assert found.rows == delivery.clients


def test_a_missing_column_is_refused_by_name(look: Look, delivery: TinyDelivery) -> None:
    for row in delivery.rows["application"]:
        del row["SK_ID_CURR"]
    (problem,) = look("application").blocking
    assert str(problem) == "application.csv, column SK_ID_CURR: the column is missing; application needs it"


def test_all_missing_columns_are_named_at_once(look: Look, delivery: TinyDelivery) -> None:
    for row in delivery.rows[TABLE]:
        del row["SK_DPD"], row["SK_DPD_DEF"]
    assert [problem.column for problem in look().blocking] == ["SK_DPD", "SK_DPD_DEF"]


def test_a_repeated_key_is_refused_with_file_column_and_row(look: Look, delivery: TinyDelivery) -> None:
    for i in (4, 7):
        delivery.rows["application"][i]["SK_ID_CURR"] = delivery.rows["application"][1]["SK_ID_CURR"]
    (problem,) = look("application").blocking
    assert str(problem) == "application.csv, column SK_ID_CURR, row 5: repeats a key (2 rows in all)"


def test_the_first_offending_rows_are_quoted_by_their_ids(look: Look, delivery: TinyDelivery) -> None:
    rows = delivery.rows[TABLE]
    for i in range(1, 7):
        rows[i]["SK_DPD"] = "-5"
    rows[2]["SK_ID_PREV"] = "Smith"
    broken, outside = look().problems
    assert broken.ids == ()
    assert outside.count == 6
    assert outside.ids == ("SK_ID_PREV 1000002", "SK_ID_PREV 1000004")
    rows[4] = rows[3]
    repeated = look().problems[-1]
    assert repeated.ids == ("SK_ID_PREV 1000004",)


def test_a_key_of_two_columns_repeats_only_as_a_whole(look: Look, delivery: TinyDelivery) -> None:
    rows = delivery.rows[TABLE]
    rows[3].update(SK_ID_PREV=rows[0]["SK_ID_PREV"], MONTHS_BALANCE="-2")
    assert not look().blocking
    rows[3]["MONTHS_BALANCE"] = rows[0]["MONTHS_BALANCE"]
    (problem,) = look().blocking
    assert str(problem) == f"{FILE}, column SK_ID_PREV + MONTHS_BALANCE, row 4: repeats a key"


def test_a_table_without_a_key_may_repeat_rows(look: Look, delivery: TinyDelivery) -> None:
    delivery.rows["installments_payments"] *= 2
    assert not look("installments_payments").blocking


def test_a_key_written_in_two_ways_is_the_same_key(look: Look, delivery: TinyDelivery) -> None:
    first, second = delivery.rows["bureau"][:2]
    second["SK_ID_BUREAU"] = f"{first['SK_ID_BUREAU']}.0"
    assert [problem.message for problem in look("bureau").blocking] == ["repeats a key"]


@pytest.mark.parametrize("value", ["Mr Smith", "1,000", "0x10", "true", "inf", "-inf", "1e400", "12 months", "NULL"])
@pytest.mark.parametrize(("column", "kind"), [("CNT_INSTALMENT", "a number"), ("SK_DPD", "a whole number")])
def test_a_text_in_a_number_is_refused_with_its_row_and_never_echoed(
    look: Look, delivery: TinyDelivery, column: str, kind: str, value: str
) -> None:
    delivery.rows[TABLE][4][column] = value
    (problem,) = look().blocking
    assert str(problem) == f"{FILE}, column {column}, row 5: is not {kind}"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("SK_DPD", "3.5", "is not a whole number"),
        ("SK_DPD", "0.1", "is not a whole number"),
        ("SK_DPD", "99999999999", "is too large or too small"),
        ("SK_DPD", "1e30", "is too large or too small"),
        ("SK_ID_CURR", "9" * 25, "is too large or too small"),
        ("SK_ID_CURR", "9007199254740993.5", "is too large or too small"),
        ("CNT_INSTALMENT", "1e308", "is too large or too small"),
        ("CNT_INSTALMENT", "-1e31", "is too large or too small"),
        ("CNT_INSTALMENT", "1e-320", "is too large or too small"),
    ],
)
def test_a_number_that_its_type_does_not_hold_or_that_can_not_be_computed_with_is_refused(
    look: Look, delivery: TinyDelivery, column: str, value: str, message: str
) -> None:
    delivery.rows[TABLE][4][column] = value
    (problem,) = look().blocking
    assert str(problem) == f"{FILE}, column {column}, row 5: {message}"


@pytest.mark.parametrize("value", ["0", "-5"])
def test_an_identifier_is_positive(look: Look, delivery: TinyDelivery, value: str) -> None:
    delivery.rows[TABLE][4]["SK_ID_PREV"] = value
    (problem,) = look().blocking
    assert str(problem) == f"{FILE}, column SK_ID_PREV, row 5: lies outside 1 to ∞"


def test_many_missing_or_unknown_columns_are_told_once(look: Look, delivery: TinyDelivery) -> None:
    names = list(delivery.rows["application"][0])
    delivery.rows["application"] = [
        {f"x{name}" if i < 40 else name: value for i, (name, value) in enumerate(row.items())}
        for row in delivery.rows["application"]
    ]
    found = look("application")
    assert messages(found) == [
        f"application.csv, column {', '.join(names[:10])} and 30 more: the column is missing; application needs it",
        f"application.csv, column x{', x'.join(names[:10])} and 30 more: is not in the contract and is left out",
    ]


@pytest.mark.parametrize("value", ["3", "3.0", "3.", " 3 ", "1e3", "+3"])
@pytest.mark.parametrize("column", ["CNT_INSTALMENT", "SK_DPD"])
def test_a_whole_number_may_be_written_as_a_decimal(
    look: Look, delivery: TinyDelivery, column: str, value: str
) -> None:
    delivery.rows[TABLE][4][column] = value
    assert messages(look()) == []


@pytest.mark.parametrize("value", ["", "  ", "NaN", "nan"])
@pytest.mark.parametrize("column", ["CNT_INSTALMENT", "SK_DPD", "NAME_CONTRACT_STATUS"])
def test_empty_text_and_nan_are_missing_values(look: Look, delivery: TinyDelivery, column: str, value: str) -> None:
    delivery.rows[TABLE][4][column] = value
    found = look()
    assert not found.blocking
    if column == "NAME_CONTRACT_STATUS" and value.strip():
        assert messages(found) == [f"{FILE}, column {column}: unknown category {value!r}"]
    else:
        assert found.missing[column] == 1
        promised = table(TABLE).columns[column].nullable
        assert messages(found) == ([] if promised else [f"{FILE}, column {column}, row 5: has no value"])


@pytest.mark.parametrize("column", ["SK_ID_PREV", "SK_ID_CURR", "MONTHS_BALANCE"])
@pytest.mark.parametrize("value", ["", "nan"])
def test_a_key_or_identifier_without_a_value_is_refused(
    look: Look, delivery: TinyDelivery, column: str, value: str
) -> None:
    for i in (2, 5):
        delivery.rows[TABLE][i][column] = value
    assert [str(problem) for problem in look().blocking] == [
        f"{FILE}, column {column}, row 3: has no value (2 rows in all)"
    ]


def test_identifiers_beyond_the_exact_doubles_stay_apart(look: Look, delivery: TinyDelivery) -> None:
    for i, row in enumerate(delivery.rows["application"]):
        row["SK_ID_CURR"] = str(2**53 + i)
    assert messages(look("application")) == []


def test_an_unknown_category_is_reported_and_accepted(look: Look, delivery: TinyDelivery) -> None:
    for i in (1, 2, 3):
        delivery.rows[TABLE][i]["NAME_CONTRACT_STATUS"] = "Frozen"
    delivery.rows[TABLE][4]["NAME_CONTRACT_STATUS"] = "x" * 500
    found = look()
    assert not found.blocking
    (message,) = messages(found)
    assert message.startswith(f"{FILE}, column NAME_CONTRACT_STATUS: unknown category 'Frozen', 'xxx")
    assert message.endswith("(4 rows in all)")
    assert len(message) < 200


def test_a_value_out_of_range_is_reported_and_accepted(look: Look, delivery: TinyDelivery) -> None:
    delivery.rows[TABLE][1]["SK_DPD"] = "-4"
    found = look()
    assert not found.blocking
    assert messages(found) == [f"{FILE}, column SK_DPD: lies outside 0 to ∞"]


def test_a_sentinel_is_not_out_of_range(look: Look, delivery: TinyDelivery) -> None:
    delivery.rows["application"][1]["DAYS_EMPLOYED"] = "365243"
    assert messages(look("application")) == []


def test_a_column_that_the_contract_does_not_know_is_reported_and_left_out(look: Look, delivery: TinyDelivery) -> None:
    for name in ("row", "v_SK_DPD", "a'b\"c", "nth"):
        for row in delivery.rows[TABLE]:
            row[name] = "Mr Smith"
    delivery.rows[TABLE][2]["SK_DPD"] = "x"
    found = look()
    assert [str(problem) for problem in found.blocking] == [f"{FILE}, column SK_DPD, row 3: is not a whole number"]
    assert [problem.column for problem in found.warnings] == ["row", "v_SK_DPD", "a'b\"c", "nth"]
    assert "Smith" not in "".join(messages(found))


def test_columns_may_come_in_any_order(look: Look, delivery: TinyDelivery) -> None:
    delivery.rows[TABLE] = [dict(reversed(row.items())) for row in delivery.rows[TABLE]]
    assert messages(look()) == []


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_may_end_as_on_any_system_and_a_byte_order_mark_is_fine(look: Look, newline: bytes, mark: bytes) -> None:
    assert messages(look(change=lambda content: mark + content.replace(b"\n", newline))) == []


def test_a_quoted_line_break_is_part_of_its_value_and_rows_are_counted_right(
    look: Look, delivery: TinyDelivery
) -> None:
    delivery.rows[TABLE][1]["NAME_CONTRACT_STATUS"] = 'a\nb, "c"'
    delivery.rows[TABLE][5]["SK_DPD"] = "x"
    found = look()
    assert found.rows == delivery.clients
    assert [problem.row for problem in found.blocking] == [6]


def test_bytes_that_are_no_utf_8_are_refused_with_their_line(look: Look, delivery: TinyDelivery) -> None:
    delivery.rows[TABLE][2]["NAME_CONTRACT_STATUS"] = "Secret café"
    (problem,) = look(change=lambda content: content.decode().encode("cp1252")).blocking
    assert "Line: 4" in str(problem)
    assert "not utf-8" in str(problem)
    assert "Secret" not in str(problem)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda line: line.rsplit(b",", 2)[0], id="too few cells"),
        pytest.param(lambda line: line + b",Secret", id="too many cells"),
        pytest.param(lambda line: line.replace(b",", b',"', 1), id="a quote that never ends"),
    ],
)
def test_a_ragged_row_is_refused_with_its_line_and_without_its_content(
    look: Look, delivery: TinyDelivery, spoil: Callable[[bytes], bytes]
) -> None:
    delivery.rows[TABLE][2]["NAME_CONTRACT_STATUS"] = "Secret"

    def change(content: bytes) -> bytes:
        lines = content.split(b"\n")
        lines[3] = spoil(lines[3])
        return b"\n".join(lines)

    (problem,) = look(change=change).blocking
    assert "can't be read" in problem.message
    assert "Line: 4" in problem.message
    assert "Secret" not in problem.message


def test_a_history_without_rows_is_reported_and_an_application_without_rows_refused(
    look: Look, delivery: TinyDelivery
) -> None:
    delivery.rows["bureau"] = delivery.rows["application"] = []
    history, application = look("bureau"), look("application")
    assert messages(history) == ["bureau.csv: holds no rows"]
    assert not history.blocking
    assert [str(problem) for problem in application.blocking] == ["application.csv: holds no rows"]


@pytest.mark.parametrize(
    ("value", "message"),
    [("yes", "is not a whole number"), ("0.5", "is not a whole number"), ("2", "lies outside 0 to 1")],
)
@pytest.mark.parametrize("place", ["outcomes", "application"])
def test_an_outcome_is_0_or_1_wherever_it_is_delivered(
    look: Look, delivery: TinyDelivery, place: str, value: str, message: str
) -> None:
    delivery.with_outcomes(place).rows[place][3]["TARGET"] = value
    (problem,) = look(place).blocking
    assert str(problem) == f"{place}.csv, column TARGET, row 4: {message}"


@pytest.mark.parametrize("place", ["outcomes", "application"])
def test_an_outcome_may_be_unknown_yet(look: Look, delivery: TinyDelivery, place: str) -> None:
    delivery.with_outcomes(place).rows[place][3]["TARGET"] = ""
    assert messages(look(place)) == []


def test_outcomes_are_read_from_the_application_without_complaint_about_its_other_columns(
    tmp_path: Path, delivery: TinyDelivery
) -> None:
    folder = delivery.with_outcomes("application").write(tmp_path, only=["application"])
    found = look_at(folder / "application.csv", "outcomes")
    assert messages(found) == []
    assert found.rows == delivery.clients


def test_a_typed_parquet_is_inspected_like_text(tmp_path: Path) -> None:
    path = tmp_path / "POS_CASH_balance.parquet"
    row = (
        "select (100 + i)::double as SK_ID_CURR, (10 + i)::integer as SK_ID_PREV, -i::smallint as MONTHS_BALANCE, "
        "case when i = 2 then 'nan'::float else 12 end as CNT_INSTALMENT, 3::decimal(4, 2) as CNT_INSTALMENT_FUTURE, "
        "'Active' as NAME_CONTRACT_STATUS, case when i = 3 then 0.5 else 0 end as SK_DPD, null as SK_DPD_DEF "
    )
    with duckdb.connect() as connection:
        connection.execute(f"copy ({row} from range(1, 6) t(i)) to '{path}' (format parquet)")
    found = look_at(path)
    assert found.missing["CNT_INSTALMENT"] == 1
    assert messages(found) == [
        "POS_CASH_balance.parquet, column SK_DPD, row 3: is not a whole number",
        "POS_CASH_balance.parquet, column SK_DPD_DEF, row 1: has no value (5 rows in all)",
    ]


def test_a_damaged_parquet_is_refused(tmp_path: Path, delivery: TinyDelivery) -> None:
    path = delivery.write(tmp_path, only=["bureau"], suffix=".parquet") / "bureau.parquet"
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    (problem,) = look_at(path, "bureau").blocking
    assert str(problem).startswith("bureau.parquet: can't be read")
