"""`vacuum`: tidies the local database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations import vacuum
from ..following import STATUSES, WORDS, make_options, start_on_each
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "vacuum",
    "vacuum [backup] SELECTOR … [options]",
    "Have the local database tidied; it needs as much free space as the database has.\n"
    "Servers before 2.2 keep no result: the outcome is unknown, unless it failed.",
    WORDS,
    make_options("vacuum"),
    (
        ("duplicati vacuum Documents", "prints the task's number and returns"),
        ("duplicati vacuum Documents --wait", "shows progress and how it went"),
        ("duplicati vacuum 1 2 --wait --timeout 2h --output json", "for a script, a JSON object a line"),
    ),
    STATUSES,
)


def perform(call: Call) -> int:
    """Start on what is named, on every server that is meant."""
    return start_on_each(call, vacuum.start)
