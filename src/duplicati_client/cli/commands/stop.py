"""`stop`: asks a run to end in good order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ending import WORDS, end
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "stop",
    "stop [task|backup] [SELECTOR] [options]",
    "Ask the running task to end after what it is doing; a backup keeps what it has read so far as a partial version.",
    WORDS,
    examples=(("duplicati stop", "what runs now"), ("duplicati stop Documents", "the run of this backup")),
    statuses=(0, 66, 69, 75, 77),
)


def perform(call: Call) -> int:
    """Ask for it, on every server that is meant."""
    return end(call, "stop", VERB.usage)
