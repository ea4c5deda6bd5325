"""Runs migrations within the transaction that is given."""

from alembic import context

from pushpaka_core.adapters.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
