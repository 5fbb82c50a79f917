"""Records, keys and secret; what is on record can't be changed or deleted."""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

_ID = sa.String(36).with_variant(sa.String(36, collation="C"), "postgresql")
_REFUSAL = "the decision log is append-only"

_SQLITE = (
    *(
        f"create trigger decision_records_no_{verb} before {verb} on decision_records "
        f"begin select raise(abort, '{_REFUSAL}'); end"
        for verb in ("update", "delete")
    ),
    # REPLACE would delete without firing a trigger; besides, nothing may be put in between.
    "create trigger decision_records_at_the_end before insert on decision_records "
    "when new.sequence is not (select coalesce(max(sequence), 0) + 1 from decision_records) "
    f"begin select raise(abort, '{_REFUSAL}'); end",
)

_POSTGRESQL = (
    "create function decision_records_refuse() returns trigger language plpgsql as "
    f"$$ begin raise exception '{_REFUSAL}'; end $$",
    "create trigger decision_records_no_change before update or delete on decision_records "
    "for each row execute function decision_records_refuse()",
    "create trigger decision_records_no_truncate before truncate on decision_records "
    "for each statement execute function decision_records_refuse()",
    # What is encrypted can't be compressed: don't try.
    "alter table decision_records alter column sealed set storage external",
)


def upgrade() -> None:
    op.create_table(
        "decision_records",
        sa.Column(
            "sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False
        ),
        sa.Column("id", _ID, nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False, comment="Microseconds since 1970, UTC."),
        sa.Column("event", sa.String(16), nullable=False, comment="decision, outcome, erasure or retention."),
        sa.Column("subject", _ID, comment="The decision that an outcome is about."),
        sa.Column("body", sa.Text, nullable=False, comment="JSON that stays for ever."),
        sa.Column("sealed", sa.LargeBinary, comment="JSON about the client: compressed, then AES-256-GCM."),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
    )
    op.create_index("decision_records_subject", "decision_records", ["subject"])
    op.create_table(
        "decision_keys",
        sa.Column("id", _ID, primary_key=True, comment="The decision that this key opens."),
        sa.Column("client", sa.LargeBinary(32), comment="HMAC of the client's id."),
        sa.Column("wrapped", sa.LargeBinary, nullable=False, comment="The key, encrypted under the master key."),
        sqlite_with_rowid=False,
    )
    op.create_index("decision_keys_client", "decision_keys", ["client", "id"])
    op.create_table(
        "decision_secret",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
