"""`task-server backup`: copies the store into a file, also while the task server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..options import Option
from ..verbs import Verb
from .placing import DATA, DATABASE, find_folder, find_url, libraries

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "task-server backup",
    "task-server backup FILE [options]",
    "Copy the store of a task server of this machine into one file, also while it runs: what was acknowledged before "
    "the copy began is in it. The copy is checked before it gets its name, and only you can read it. A store in "
    "PostgreSQL is copied by pg_dump.",
    (("FILE", "where to; it must not be there yet"),),
    (DATA, DATABASE, Option("force", "replace FILE if it is there", "flag", places="o")),
    (
        ("duplicati task-server backup tasks.db", "of the usual folder"),
        ("duplicati task-server backup --data /var/lib/tasks /mnt/copies/tasks.db --force", "the newest copy only"),
    ),
    (0, 64, 65, 73, 74, 78),
)


def perform(call: Call) -> int:
    """Copy it."""
    with libraries():
        from ...taskserver.copies import back_up  # noqa: PLC0415 - not for --help
    if len(call.words) != 1:
        raise errors.UsageInvalid("into which file?", hint=f"duplicati {VERB.usage}")
    if find_url(call) is not None:
        raise errors.UsageInvalid(
            "PostgreSQL makes its own copies", hint="pg_dump --format=custom --file FILE, with the URL of the database"
        )
    (file,) = call.words
    back_up(find_folder(call), file, may_replace=call.flag("force"))
    call.console.say(f"{file} is a whole copy; back from it: duplicati task-server restore")
    return 0
