"""Whether a delivered file is what was sent: its own checksums, what it unpacks to, and whether somebody writes to it.

Not here: what the file says (`delivery.py`, `inspection.py`).
"""

import gzip
import time
from pathlib import Path

import duckdb

from credit_platform.home_credit.delivery import UNREADABLE, DeliveryError, Problem, reason, suffix
from credit_platform.lake import one_row, quote

LARGEST_UNPACKED = 20 * 2**30
LARGEST_RATIO = 200
_MOST_ROWS = 20
"""How many bytes a delivery may unpack to, how many for each that is delivered, and how many rows: tables are far from
all of these.
"""
_CLOCK = 20_000_000
"""How coarse the clock of a file system may be, in nanoseconds."""


def check_archive(path: Path) -> None:
    """Compares what a file holds with the checksums it brings, which DuckDB does not, and bounds what it unpacks to.

    Raises:
        DeliveryError: the file is truncated or damaged, or unpacks to far more than a table would.
    """
    try:
        if suffix(path) == ".csv.gz":
            _check_gzip(path)
        elif suffix(path) == ".parquet":
            _check_parquet(path)
    except (*UNREADABLE, duckdb.Error, ValueError) as error:
        if isinstance(error, DeliveryError):
            raise
        raise DeliveryError([Problem(path.name, f"can't be read: {reason(error)}")]) from error


def _check_gzip(path: Path) -> None:
    allowed = min(LARGEST_UNPACKED, max(2**20, LARGEST_RATIO * path.stat().st_size))
    read = 0
    with gzip.open(path) as stream:
        while block := stream.read(2**20):
            read += len(block)
            if read > allowed:
                raise DeliveryError([Problem(path.name, f"unpacks to more than {allowed:,} bytes, which is no table")])


def _check_parquet(path: Path) -> None:
    import pyarrow.parquet as pq

    with duckdb.connect() as connection:
        (rows,) = one_row(connection, f"select sum(num_rows) from parquet_file_metadata({quote(str(path))})")
        pages = connection.execute(
            "select coalesce(dictionary_page_offset, data_page_offset), compression "
            f"from parquet_metadata({quote(str(path))}) limit 1"
        ).fetchone()
    if rows > max(2**20, _MOST_ROWS * path.stat().st_size):
        raise DeliveryError([Problem(path.name, f"says it holds {rows:,} rows, too many for its size")])
    if pages and (pages[1] == "GZIP" or _carries_checksum(path, pages[0])):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                for column in file.schema_arrow.names:
                    file.read_row_group(group, columns=[column], use_threads=False)


def _carries_checksum(path: Path, page: int) -> bool:
    """Whether a page's header has its fourth field, the CRC (parquet.thrift, in Thrift's compact protocol)."""
    with path.open("rb") as stream:
        stream.seek(page)
        header = stream.read(32)
    position = field = 0
    while position < len(header) and header[position] & 0x0F == 5:  # the first four are 32-bit integers
        field += header[position] >> 4
        if field == 4:
            return True
        position += 1
        while position < len(header) and header[position] & 0x80:  # of as many bytes as have this bit, and one more
            position += 1
        position += 1
    return False


def stamp(path: Path) -> tuple[int, int]:
    """A file's size and when it last changed: who writes to it in between gives it another.

    A file that has only just changed is waited with until a further change would show in the time.
    """
    found = path.stat()
    age = time.time_ns() - found.st_ctime_ns
    if 0 <= age < _CLOCK:
        time.sleep((_CLOCK - age) / 1e9)
        found = path.stat()
    return found.st_size, found.st_ctime_ns
