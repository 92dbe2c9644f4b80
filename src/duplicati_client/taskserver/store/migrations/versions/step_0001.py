"""The first tables."""

from duplicati_client.taskserver.store.migrations import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_file("0001.sql")
