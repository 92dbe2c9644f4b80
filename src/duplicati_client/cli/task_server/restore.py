"""`task-server restore`: puts a copy in the place of the store, under a new epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..options import Option
from ..verbs import Verb
from .placing import DATA, DATABASE, find_folder, find_url, libraries, opened

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "task-server restore",
    "task-server restore [FILE] [options]",
    "Take the store of a task server back from a copy that task-server backup made. The store gets a new epoch, by "
    "which daemons know that it may offer once more what was done already: they repeat no run, and what must not be "
    "done twice waits there for duplicati daemon resume. With --database, and no FILE, it gives the new epoch to a "
    "database that pg_restore has filled.",
    (("FILE", "a copy"),),
    (
        DATA,
        DATABASE,
        Option("force", "also where a store is; that one is put aside, under a name that is told", "flag", places="o"),
    ),
    (
        ("duplicati task-server restore tasks.db", "into the usual folder, where no task server may run"),
        ("duplicati task-server restore --database postgresql://tasks@db.example.org/tasks", "after pg_restore"),
    ),
    (0, 64, 65, 73, 74, 75, 78),
)


def perform(call: Call) -> int:
    """Take it back."""
    with libraries():
        import asyncio  # noqa: PLC0415 - not for --help

        from ...taskserver import copies, founding, places  # noqa: PLC0415
    url = find_url(call)
    if url is not None:
        if call.words:
            raise errors.UsageInvalid(
                "pg_restore fills a database", hint="then: duplicati task-server restore, with no FILE"
            )
        with opened():
            asyncio.run(founding.begin_epoch(url, copies.BY))
        call.console.say("the database has a new epoch; start its task servers, or start them again")
        return 0
    if len(call.words) != 1:
        raise errors.UsageInvalid("from which file?", hint=f"duplicati {VERB.usage}")
    folder = find_folder(call)
    places.prepare_folder(folder)
    with opened():
        aside = asyncio.run(copies.restore(folder, call.words[0], may_replace=call.flag("force")))
    if aside is not None:
        call.console.say(f"the store that was there is {aside} now")
    call.console.say("restored, under a new epoch; next: duplicati task-server run")
    return 0
