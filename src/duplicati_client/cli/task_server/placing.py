"""Where a task server of this machine keeps its store, as it is said on the command line: a folder, or a URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ... import errors
from ..options import Option

if TYPE_CHECKING:
    from ..call import Call

SCOPE = "task-server"
DATA = Option("data", "the folder for its SQLite database, on a local disk", "file", "DIR", scope=SCOPE)
DATABASE = Option("database", "PostgreSQL instead: postgresql://USER@HOST/NAME", metavar="URL", scope=SCOPE)


@contextmanager
def libraries() -> Iterator[None]:
    """Import what only a task server needs; raises `ExtraMissing` where it is not installed."""
    try:
        yield
    except ImportError as exc:
        raise errors.ExtraMissing(
            f"a task server needs libraries that are not installed ({exc.name})",
            hint="pip install 'duplicati-client[taskserver]'",
        ) from exc


@contextmanager
def opened() -> Iterator[None]:
    """Work with a store; one that is away is told of as something to try again."""
    from ...taskserver.errors import StoreUnusable  # noqa: PLC0415 - not for --help

    try:
        yield
    except StoreUnusable as exc:
        raise errors.Busy(exc.message, hint=exc.hint or "again, once the database is there") from exc


def find_url(call: Call) -> str | None:
    """Return the URL of a database, None if it is a folder; raises `UsageInvalid`."""
    database = call.value("database")
    if not database:
        return None
    url = str(database)
    if not url.startswith(("postgresql://", "postgres://")):
        raise errors.UsageInvalid("--database is a URL of PostgreSQL", hint="--data DIR keeps it in a folder instead")
    if "database" in call.given and urlsplit(url).password:
        raise errors.UsageInvalid(
            "a password in an argument can be seen by everybody on this machine",
            hint="set DUPLICATI_CLIENT_TASK_SERVER_DATABASE, or use PGPASSFILE",
        )
    return url


def find_folder(call: Call) -> str:
    """Return the folder, whether or not it is there."""
    return str(call.value("data") or _find_usual_folder())


def _find_usual_folder() -> str:
    import platformdirs  # noqa: PLC0415

    return str(platformdirs.user_state_path("duplicati-client") / "task-server")
