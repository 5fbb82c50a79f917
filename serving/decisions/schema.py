"""The tables of the decision log. What made them so lies in `migrations/`; both change together.

`decision_records` is the chain and is only ever appended to. `decision_keys` holds what opens each record and is what
an erasure deletes from; it alone knows which records are about the same client. `decision_secret` has one row.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

REVISION = "r0001"
"""The newest migration."""

VERSION_TABLE = "decision_log_version"
"""Of our own name, because MLflow and Dagster keep their migrations in tables of the usual one."""

metadata = MetaData()

# Ids sort by time where they sort by byte, whatever the language of the database.
_ID = String(36).with_variant(String(36, collation="C"), "postgresql")

records = Table(
    "decision_records",
    metadata,
    # An INTEGER PRIMARY KEY is SQLite's own row number: no second index.
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", _ID, nullable=False, unique=True),
    Column("at", BigInteger, nullable=False, comment="Microseconds since 1970, UTC."),
    Column("event", String(16), nullable=False, comment="decision, outcome, erasure or retention."),
    Column("subject", _ID, comment="The decision that an outcome is about."),
    Column("body", Text, nullable=False, comment="JSON that stays for ever."),
    Column("sealed", LargeBinary, comment="JSON about the client: compressed, then AES-256-GCM."),
    Column("hash", LargeBinary(32), nullable=False),
    Column("mac", LargeBinary(32), nullable=False),
    Index("decision_records_subject", "subject"),
)

keys = Table(
    "decision_keys",
    metadata,
    Column("id", _ID, primary_key=True, comment="The decision that this key opens."),
    Column("client", LargeBinary(32), comment="HMAC of the client's id."),
    Column("wrapped", LargeBinary, nullable=False, comment="The key, encrypted under the master key."),
    Index("decision_keys_client", "client", "id"),
    sqlite_with_rowid=False,
)

secret = Table(
    "decision_secret",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
)
