"""Bring a database's tables to what this release needs, by Alembic; one process at a time, whoever comes first."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

from ..errors import PlaceUnusable, StoreUnusable

if TYPE_CHECKING:
    from sqlalchemy import Engine

_LOCK: Final = 0x6475_706C_6963_6174
"""A number of our own: the advisory lock under which PostgreSQL lets one replica at a time migrate."""


def migrate(url: str) -> None:
    """Run what is missing; raises `PlaceUnusable` if a later release has been here, `StoreUnusable` if it is away."""
    import sqlalchemy  # noqa: PLC0415 - a second of start-up that only a task server pays
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(resources.files(__package__) / "migrations").replace("%", "%%"))
    engine = _open(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sqlalchemy.text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as exc:
        raise PlaceUnusable("a later release made this database", hint="start that release, or restore a copy") from exc
    except sqlalchemy.exc.SQLAlchemyError as exc:
        told = str(getattr(exc, "orig", None) or exc).splitlines()[0]
        raise StoreUnusable(f"the database cannot be opened: {told}") from exc
    finally:
        engine.dispose()


def _open(url: str) -> Engine:
    """Return an engine whose transactions hold all that is in them."""
    import sqlalchemy  # noqa: PLC0415

    if not url.startswith("sqlite:"):
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    # Left to itself, Python's driver commits each table that is made, and a kill would leave some of them.
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, connect_args={"isolation_level": None})
    sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("begin immediate"))
    return engine
