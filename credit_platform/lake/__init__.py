"""The lake: where tables live, how they are written without ever being half written, and how DuckDB reads them.

`versions.py` knows what a table's versions are, `storage.py` where their bytes lie (a folder, or an object store with
a local copy), `buckets.py` how a cohort's clients are dealt out, `files.py` how a file or folder outside the lake is
replaced, `duck.py` how DuckDB is opened. Not here: what a table contains.
"""

from credit_platform.lake.buckets import (
    bucket_count,
    bucket_file,
    bucket_of,
    bucket_sql,
    buckets,
    write_buckets,
)
from credit_platform.lake.duck import allow, connect, identifier, one_row, quote, scan, write_parquet
from credit_platform.lake.files import (
    NoRoomError,
    atomic,
    atomic_folder,
    drafting,
    exclusive,
    lacks_room,
    replace_folders,
    room_for,
    scratch,
    to_disk,
)
from credit_platform.lake.versions import (
    DamagedTableError,
    Draft,
    MissingTableError,
    Version,
    cohorts_of,
    current,
    draft,
    find_version,
    require,
    restore,
    table_path,
    versions,
)

__all__ = [
    "DamagedTableError",
    "Draft",
    "MissingTableError",
    "NoRoomError",
    "Version",
    "allow",
    "atomic",
    "atomic_folder",
    "bucket_count",
    "bucket_file",
    "bucket_of",
    "bucket_sql",
    "buckets",
    "cohorts_of",
    "connect",
    "current",
    "draft",
    "drafting",
    "exclusive",
    "find_version",
    "identifier",
    "lacks_room",
    "one_row",
    "quote",
    "replace_folders",
    "require",
    "restore",
    "room_for",
    "scan",
    "scratch",
    "table_path",
    "to_disk",
    "versions",
    "write_buckets",
    "write_parquet",
]
