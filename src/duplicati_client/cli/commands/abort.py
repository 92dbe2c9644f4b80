"""`abort`: ends a run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ending import WORDS, end
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "abort",
    "abort [task|backup] [SELECTOR] [options]",
    "End the running task at once; the run counts as interrupted. Prefer stop.",
    WORDS,
    examples=(("duplicati abort 12", "task 12"), ("duplicati abort backup Documents", "the run of this backup")),
    statuses=(0, 66, 69, 75, 77),
)


def perform(call: Call) -> int:
    """Ask for it, on every server that is meant."""
    return end(call, "abort", VERB.usage)
