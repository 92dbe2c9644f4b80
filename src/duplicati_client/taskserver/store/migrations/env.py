"""Alembic's entry: runs the steps on the connection that it is given, in one transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], transaction_per_migration=False, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
