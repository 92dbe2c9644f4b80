"""What `stop` and `abort` share: finding the task, asking, and telling what is true afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import errors
from ..operations.stop import Asked, Target, Watching, abort, stop
from .asking import Answer, ask
from .output.pages import StreamRecord
from .output.progress import describe_phase
from .reach import Asked as Request
from .reach import Here
from .words import drop_type, take_one

if TYPE_CHECKING:
    from .call import Call
    from .reach import Reach
    from .talk import Talk

WORDS = (
    ("task NUMBER", "the task with this number"),
    ("backup SELECTOR", "the run of a backup: id, exact name or pattern"),
    ("(nothing)", "what runs now"),
)


def end(call: Call, verb: str, usage: str) -> int:
    """Ask for an orderly (`stop`) or a hard (`abort`) end, on every server that is meant."""
    kind, selectors = drop_type(call.words, ("task", "backup"))
    selector = take_one(selectors, "task or backup", usage) if selectors else None
    if kind == "task" and not ((selector or "").isascii() and (selector or "").isdigit()):
        raise errors.UsageInvalid(f"a task has a number, not {selector}", hint="duplicati list tasks")
    target, watching = Target(selector, kind), Watching(sleep=call.process.sleep)
    return ask(call, lambda reach, talk: _ask_for_end(reach, talk, verb, target, watching))


def _ask_for_end(reach: Reach, talk: Talk, verb: str, target: Target, watching: Watching) -> Answer:
    selector = target.selector or ""
    if not isinstance(reach, Here) and target.kind is None and selector.isascii() and selector.isdecimal():
        raise errors.UsageInvalid(
            f"is {selector} a task or a backup?", hint=f"duplicati {verb} task {selector}, or {verb} backup {selector}"
        )
    end_it = abort if verb == "abort" else stop
    asked = reach.do(lambda server: end_it(server, target, watching), _write(verb, target))
    talk.print_record(StreamRecord("asked", asked._asdict(), _tell(asked), str(asked.task_id)))
    if asked.has_ended and asked.backup_id is not None:
        talk.say(f"how it went: duplicati describe backup {asked.backup_id}")
    if not asked.has_ended and asked.is_server_paused:
        talk.say("the server is paused: if it was told to halt transfers too, the task ends after duplicati resume")
    return Answer()


def _write(verb: str, target: Target) -> Request:
    return Request(verb) if target.selector is None else Request(verb, ((target.kind or "backup", target.selector),))


def _tell(asked: Asked) -> str:
    named = f"task {asked.task_id}" + (f" ({asked.backup_name})" if asked.backup_name else "")
    if asked.has_ended:
        return f"{named} has ended"
    doing = f": {describe_phase(asked.phase)}" if asked.phase else ""
    if asked.is_too_late:
        return f"{named} still runs{doing}; all files were read before, so the stop changes nothing and it ends whole"
    deed = "asked to stop" if asked.verb == "stop" else "aborted"
    return f"{named} was {deed} and still runs{doing}"
