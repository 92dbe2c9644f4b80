"""Copies of an SQLite store: made while others write, looked at before they are believed; knows no folders."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final
from urllib.parse import quote

from ...errors import InputOutputFailed
from ..errors import CopyUnusable

_BUSY_SECONDS: Final = 30.0
_TABLES: Final = frozenset({"alembic_version", "audit", "daemons", "settings", "tasks", "users"})


def copy_database(source: str, target: str) -> None:
    """Write all that a database holds now into a file that is empty, checked and on the disk on return.

    It is read in one transaction, which keeps no writer waiting: what was durable before it began is in the copy.
    Raises `CopyUnusable`, `InputOutputFailed` where there is no room.
    """
    with _asked(source) as read, _asked(target) as written:
        read.backup(written, pages=-1)
        written.execute("pragma journal_mode=delete")  # one file is the whole copy
    check_database(target)
    _sync(target)


def check_database(path: str) -> None:
    """Raise `CopyUnusable` unless a file is a whole store of a task server."""
    with _asked(path) as connection:
        rows = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        missing = _TABLES - {row[0] for row in rows}
        if missing:
            raise CopyUnusable(f"{path} is no store of a task server")
        found = connection.execute("pragma quick_check(1)").fetchone()
        if found != ("ok",):
            raise CopyUnusable(f"{path} is damaged: {found[0]}")


def has_content(path: str) -> bool:
    """Say whether there is anything in a store that somebody could miss; what cannot be read may be just that."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return False
    try:
        with _asked(path) as connection:
            return any(connection.execute(f"select 1 from {name} limit 1").fetchone() for name in ("daemons", "users"))  # noqa: S608 - two words
    except CopyUnusable:
        return True


def fold_in(path: str) -> None:
    """Bring what lies beside a database into its file, and take away what lay there; raises `CopyUnusable`."""
    with _asked(path) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("pragma journal_mode=delete")


@contextmanager
def _asked(path: str) -> Iterator[sqlite3.Connection]:
    """Open a file that is there already."""
    address = f"file:{quote(os.path.abspath(path))}?mode=rw"
    try:
        with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)) as connection:
            yield connection
    except sqlite3.Error as exc:
        if getattr(exc, "sqlite_errorname", "") == "SQLITE_FULL":
            raise InputOutputFailed(f"there is no room for {path}") from exc
        raise CopyUnusable(f"{path} cannot be used: {exc}") from exc


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
