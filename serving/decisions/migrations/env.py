"""How Alembic reaches the decision log: on the connection and in the transaction it is given, never by a URL."""

from alembic import context

from serving.decisions.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
