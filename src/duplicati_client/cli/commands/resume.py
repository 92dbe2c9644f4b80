"""`resume`: lets a paused server go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ...operations.resume import resume
from ..asking import Answer, ask
from ..pausing import make_record
from ..reach import Asked
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call
    from ..reach import Reach
    from ..talk import Talk

VERB = Verb(
    "resume",
    "resume [options]",
    "End a server's pause: its queue goes on, and halted transfers too. A server that is not paused stays as it is.",
    examples=(("duplicati resume", "the current context"), ("duplicati resume --all", "every server")),
    statuses=(0, 69, 75, 77),
)


def perform(call: Call) -> int:
    """Resume every server that is meant."""
    if call.words:
        raise errors.UsageInvalid(f"the whole server is resumed, not {call.words[0]}", hint=f"duplicati {VERB.usage}")
    return ask(call, _resume)


def _resume(reach: Reach, talk: Talk) -> Answer:
    talk.print_record(make_record(reach.do(resume, Asked("resume"))))
    return Answer()
