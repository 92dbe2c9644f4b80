"""How the tables came to be, step by step; Alembic runs what a database has not seen."""

from importlib import resources


def run_file(name: str) -> None:
    """Run the statements of a file of `versions`, which have no semicolon but at their ends."""
    from alembic import op  # noqa: PLC0415 - only within a migration

    text = (resources.files(__package__) / "versions" / name).read_text(encoding="utf-8")
    for statement in text.split(";"):
        if statement.strip():
            op.execute(statement)
