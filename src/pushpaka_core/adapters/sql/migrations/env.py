"""Runs migrations in the transaction of the caller."""

from alembic import context

from pushpaka_core.adapters.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
