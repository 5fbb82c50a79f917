"""Tables for tests to put into a lake, without the stages that make them."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from credit_platform.lake import Version, bucket_file, connect, draft, require
from credit_platform.settings import Settings


def put(settings: Settings, table: str, cohort: str | None, *buckets: pa.Table) -> Version:
    """Publishes a table of a cohort with the given buckets."""
    with draft(settings, table, cohort) as new:
        for number, bucket in enumerate(buckets):
            pq.write_table(bucket, new.folder / bucket_file(number))
        return new.publish(sum(bucket.num_rows for bucket in buckets))


def rows_of(settings: Settings, queries: Sequence[str]) -> list[pa.Table]:
    """What DuckDB makes of some queries."""
    with connect(settings) as connection:
        return [connection.execute(query).to_arrow_table() for query in queries]


def put_file(settings: Settings, table: str, cohort: str | None, name: str, content: pa.Table) -> Version:
    """Publishes a version that differs from the one in force by one file."""
    present = require(settings, table, cohort)
    with draft(settings, table, cohort) as new:
        for other in present.files:
            if other != name:
                new.keep(present, other)
        pq.write_table(content, new.folder / name)
        return new.publish(present.rows)
