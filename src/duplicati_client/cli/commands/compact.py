"""`compact`: gives wasted space at the destination back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations import compact
from ..following import STATUSES, WORDS, make_options, start_on_each
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "compact",
    "compact [backup] SELECTOR … [options]",
    "Have volumes that hold much deleted data downloaded and written anew.\n"
    "Servers before 2.2 keep no result where there was nothing to do: the outcome is unknown, unless it failed.",
    WORDS,
    make_options("compact"),
    (
        ("duplicati compact Documents", "prints the task's number and returns"),
        ("duplicati compact Documents --wait", "shows progress and how it went"),
        ("duplicati compact 1 2 --wait --timeout 2h --output json", "for a script, a JSON object a line"),
    ),
    STATUSES,
)


def perform(call: Call) -> int:
    """Start on what is named, on every server that is meant."""
    return start_on_each(call, compact.start)
