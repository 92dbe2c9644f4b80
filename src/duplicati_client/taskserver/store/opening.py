"""Open a store: SQLite in a folder of its own, or PostgreSQL by URL; which is decided here and known nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import ExtraMissing
from .access import Access
from .codes import Codes
from .daemons import Daemons
from .database import Database
from .interface import AccessStore, CodeStore, DaemonStore, RegisterStore, TaskStore
from .register import Register
from .tasks import Tasks


class DatabaseStore:
    """Implements `Store` on a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tasks: TaskStore = Tasks(database)
        self.daemons: DaemonStore = Daemons(database)
        self.codes: CodeStore = Codes(database)
        self.access: AccessStore = Access(database)
        self.register: RegisterStore = Register(database)


def open_database(place: str, now: Callable[[], int]) -> Database:
    """Return the database of a URL or a path, not opened yet; raises `ExtraMissing` where its driver is."""
    if place.startswith(("postgresql://", "postgres://")):
        try:
            from .postgres import Postgres  # noqa: PLC0415 - its driver is an extra
        except ImportError as exc:
            raise ExtraMissing(
                "PostgreSQL needs a driver that is not installed", hint="pip install 'duplicati-client[postgres]'"
            ) from exc
        return Postgres(place)
    from .sqlite import Sqlite  # noqa: PLC0415 - one of the two

    return Sqlite(place, now)
