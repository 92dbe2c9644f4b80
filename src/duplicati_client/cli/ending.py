"""What `stop` and `abort` share: finding the task, asking, and telling what is true afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import errors
from ..operations.selection import select_backup
from ..operations.stop import Asked, abort, stop
from .asking import Answer, ask
from .output.pages import StreamRecord
from .words import drop_type, take_one

if TYPE_CHECKING:
    from ..sdk.client import Duplicati
    from .call import Call
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
    if kind == "task" and not (selector or "").isdecimal():
        raise errors.UsageInvalid(f"a task has a number, not {selector}", hint="duplicati list tasks")
    return ask(call, lambda server, talk: _ask_for_end(server, talk, verb, kind, selector))


def _ask_for_end(server: Duplicati, talk: Talk, verb: str, kind: str | None, selector: str | None) -> Answer:
    if kind == "backup" and selector is not None:
        # The name: an id could be taken for a task's number.
        selector = select_backup(server.backups.list(), selector).name
    asked = abort(server, selector) if verb == "abort" else stop(server, selector)
    talk.print_record(StreamRecord("asked", asked._asdict(), _tell(asked), str(asked.task_id)))
    return Answer()


def _tell(asked: Asked) -> str:
    deed = "aborted" if asked.verb == "abort" else "asked to stop"
    return f"task {asked.task_id} was {deed}; the server calls it {asked.status.lower()}"
