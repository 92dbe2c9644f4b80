"""`repair`: brings the local database and the destination together again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations import repair
from ..following import STATUSES, WORDS, make_options, start_on_each
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "repair",
    "repair [backup] SELECTOR … [options]",
    "Have the local database rebuilt if it is missing, else made to agree with the destination.\n"
    "Files there that the database does not know are deleted: if the database is an old copy, good versions.",
    WORDS,
    make_options("repair"),
    (
        ("duplicati repair Documents", "prints the task's number and returns"),
        ("duplicati repair Documents --wait", "shows progress and how it went"),
        ("duplicati repair 1 2 --wait --timeout 2h --output json", "for a script, a JSON object a line"),
    ),
    STATUSES,
)


def perform(call: Call) -> int:
    """Start on what is named, on every server that is meant."""
    return start_on_each(call, repair.start)
