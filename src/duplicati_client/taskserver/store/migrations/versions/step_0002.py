"""The audit log is chained after the act, can be cut, and settings have a version."""

from duplicati_client.taskserver.store.migrations import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_file("0002.sql")
