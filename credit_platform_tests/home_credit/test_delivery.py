"""Which files of a folder are a delivery's, and how their headers are read."""

import gzip
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from credit_platform.home_credit.contracts import table
from credit_platform.home_credit.delivery import (
    DeliveredFile,
    DeliveryError,
    Problem,
    find,
    open_file,
    stem,
    suffix,
    typed_column,
)
from credit_platform.home_credit.integrity import check_archive
from credit_platform_tests.deliveries import TinyDelivery, write_table


def checked(path: Path) -> DeliveredFile:
    check_archive(path)
    return open_file(path)


@pytest.mark.parametrize(
    ("name", "table", "kind"),
    [
        ("POS_CASH_balance.csv", "pos_cash_balance", ".csv"),
        ("application_train.csv.gz", "application_train", ".csv.gz"),
        ("BUREAU.PARQUET", "bureau", ".parquet"),
        ("outcomes.csv", "outcomes", ".csv"),
    ],
)
def test_a_table_is_known_by_its_files_name_whatever_the_case(name: str, table: str, kind: str) -> None:
    assert stem(Path(name)) == table
    assert suffix(Path(name)) == kind


@pytest.mark.parametrize("name", ["sample_submission.csv", "bureau.xlsx", "bureau", "bureau.csv.bak", "._bureau.csv"])
def test_other_files_are_no_tables(name: str) -> None:
    assert stem(Path(name)) is None


def test_only_the_tables_of_a_folder_are_found(tmp_path: Path, delivery: TinyDelivery) -> None:
    delivery.write(tmp_path, only=["bureau", "pos_cash_balance"])
    (tmp_path / "README.md").write_text("read me")
    (tmp_path / "application.csv").mkdir()
    assert find(tmp_path) == {
        "bureau": tmp_path / "bureau.csv",
        "pos_cash_balance": tmp_path / "POS_CASH_balance.csv",
    }


def test_two_files_of_the_same_table_are_refused(tmp_path: Path, delivery: TinyDelivery) -> None:
    delivery.write(tmp_path, only=["bureau"])
    delivery.write(tmp_path, only=["bureau"], suffix=".csv.gz")
    with pytest.raises(DeliveryError, match=r"bureau\.csv\.gz: holds the same table as bureau\.csv"):
        find(tmp_path)


@pytest.mark.parametrize("kind", [".csv", ".csv.gz", ".parquet", ".CSV", ".CSV.GZ", ".PARQUET"])
def test_a_file_reads_the_same_in_every_format(tmp_path: Path, delivery: TinyDelivery, kind: str) -> None:
    delivery.write(tmp_path, only=["bureau_balance"], suffix=kind.lower())
    path = (tmp_path / f"bureau_balance{kind.lower()}").rename(tmp_path / f"bureau_balance{kind}")
    file = open_file(path)
    assert file.columns == ("SK_ID_BUREAU", "MONTHS_BALANCE", "STATUS")
    with duckdb.connect() as connection:
        rows = connection.execute(f"select * from {file.scan()}").fetchall()
    assert rows == [tuple(row.values()) for row in delivery.rows["bureau_balance"]]


@pytest.mark.parametrize("column", ["AMT_CREDIT_SUM", "SK_ID_BUREAU", "CNT_CREDIT_PROLONG"])
@pytest.mark.parametrize("kind", ["double", "float", "bigint", "utinyint", "decimal(9, 2)"])
def test_a_number_in_a_parquet_reads_as_its_text_does(tmp_path: Path, column: str, kind: str) -> None:
    awkward = "0 -0.0 3 0.1 1.5 -7 255 1e15 9007199254740993 1e-40 1e300 nan inf nothing"
    read = []
    with duckdb.connect() as connection:
        for value in ("number", "number::varchar"):
            path = tmp_path / value / "bureau.parquet"
            path.parent.mkdir()
            rows = f"select try_cast(unnest(string_split('{awkward}', ' ')) as {kind}) as number"
            connection.execute(f"copy (select {value} as {column} from ({rows})) to '{path}' (format parquet)")
            file = open_file(path)
            typed, text = typed_column(table("bureau").columns[column], file.numbers)
            read.append(connection.execute(f"select {typed}, {text} is null from {file.scan()}").fetchall())
    assert repr(read[0]) == repr(read[1])


def test_a_parquet_takes_the_memory_of_its_largest_row_groups_beyond_what_a_csv_takes(
    tmp_path: Path, delivery: TinyDelivery
) -> None:
    csv = open_file(delivery.write(tmp_path, only=["bureau"]) / "bureau.csv")
    path = tmp_path / "bureau.parquet"
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"copy (from {csv.scan()}) to '{path}' (format parquet)")
        file = pq.ParquetFile(path).metadata
        columns = [file.row_group(0).column(i) for i in range(file.num_columns)]
        group = sum(column.total_compressed_size + column.total_uncompressed_size for column in columns)
        assert open_file(path).memory(connection) - csv.memory(connection) == 2 * group


@pytest.mark.parametrize("folder", ["o'brien", "a[1]*?", "month=1", "two words", "März"])
@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_a_folder_may_have_any_name(tmp_path: Path, delivery: TinyDelivery, folder: str, kind: str) -> None:
    file = open_file(delivery.write(tmp_path / folder, only=["bureau_balance"], suffix=kind) / f"bureau_balance{kind}")
    assert len(file.columns) == 3
    with duckdb.connect() as connection:
        assert len(connection.execute(f"select * from {file.scan()}").fetchall()) == delivery.clients


def test_a_header_may_start_with_a_byte_order_mark_and_be_quoted(tmp_path: Path) -> None:
    path = tmp_path / "bureau_balance.csv"
    path.write_bytes(b'\xef\xbb\xbf"SK_ID_BUREAU",MONTHS_BALANCE,"STATUS"\n1,-1,C\n')
    assert open_file(path).columns == ("SK_ID_BUREAU", "MONTHS_BALANCE", "STATUS")


def test_an_unnamed_column_is_called_by_its_position(tmp_path: Path) -> None:
    path = tmp_path / "bureau_balance.csv"
    path.write_text(",SK_ID_BUREAU,MONTHS_BALANCE,STATUS\n0,1,-1,C\n")
    file = open_file(path)
    assert file.columns[0] == "unnamed_1"
    with duckdb.connect() as connection:
        assert connection.execute(f"select * from {file.scan()}").fetchall() == [("0", "1", "-1", "C")]


@pytest.mark.parametrize("twice", ["STATUS", "status"])
def test_a_column_that_appears_twice_is_refused_by_name(tmp_path: Path, twice: str) -> None:
    path = tmp_path / "bureau_balance.csv"
    path.write_text(f"SK_ID_BUREAU,STATUS,{twice}\n")
    with pytest.raises(DeliveryError, match=f"column {twice}: appears twice in the header"):
        open_file(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bureau.csv"
    path.touch()
    with pytest.raises(DeliveryError, match=r"bureau\.csv: is empty; a delivered file has at least a header"):
        open_file(path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"5001,-3,C\n5001,-3,Smith\n", id="no header"),
        pytest.param(b"SK_ID_BUREAU;MONTHS_BALANCE;STATUS\n1;-1;C\n", id="semicolons"),
        pytest.param("SK_ID_BUREAU,MONTHS_BALANCE,STATUS\n1,-1,C\n".encode("utf-16"), id="utf-16"),
        pytest.param(gzip.compress(b"SK_ID_BUREAU,MONTHS_BALANCE,STATUS\n"), id="gzip called csv"),
        pytest.param(b"\x00\x01\x02" * 1000, id="binary"),
        pytest.param(b"Smith" * 200_000, id="one endless line"),
    ],
)
def test_a_file_without_a_header_is_refused_in_one_sentence_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bureau_balance.csv"
    path.write_bytes(content)
    with pytest.raises(DeliveryError) as refused:
        open_file(path)
    (problem,) = refused.value.problems
    assert problem.file == "bureau_balance.csv"
    assert "Smith" not in str(problem)


@pytest.mark.parametrize("kept", [0, 4, 20, -1, -8])
def test_a_truncated_gz_is_refused(tmp_path: Path, delivery: TinyDelivery, kept: int) -> None:
    path = delivery.write(tmp_path, only=["bureau"], suffix=".csv.gz") / "bureau.csv.gz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DeliveryError, match=r"bureau\.csv\.gz: (can't be read|is empty)"):
        checked(path)


def test_a_gz_whose_checksum_is_wrong_is_refused(tmp_path: Path, delivery: TinyDelivery) -> None:
    path = delivery.write(tmp_path, only=["bureau"], suffix=".csv.gz") / "bureau.csv.gz"
    content = bytearray(path.read_bytes())
    content[-8] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DeliveryError, match=r"bureau\.csv\.gz: can't be read: CRC check failed"):
        check_archive(path)


@pytest.mark.parametrize("kept", [0, 3, 100, -1, -9])
def test_a_truncated_parquet_is_refused(tmp_path: Path, delivery: TinyDelivery, kept: int) -> None:
    path = delivery.write(tmp_path, only=["bureau"], suffix=".parquet") / "bureau.parquet"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DeliveryError, match=r"bureau\.parquet: can't be read"):
        open_file(path)


def test_a_csv_called_parquet_is_refused(tmp_path: Path, delivery: TinyDelivery) -> None:
    write_table(tmp_path / "bureau.csv", delivery.rows["bureau"]).rename(tmp_path / "bureau.parquet")
    with pytest.raises(DeliveryError, match=r"bureau\.parquet: can't be read"):
        open_file(tmp_path / "bureau.parquet")


def test_a_problem_reads_as_a_sentence_that_says_where() -> None:
    assert str(Problem("a.csv", "is empty")) == "a.csv: is empty"
    assert str(Problem("a.csv", "is no number", "X", 3)) == "a.csv, column X, row 3: is no number"
    assert str(Problem("a.csv", "is no number", "X", 3, 1200)) == (
        "a.csv, column X, row 3: is no number (1,200 rows in all)"
    )
