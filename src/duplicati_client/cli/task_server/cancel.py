"""`task-server cancel`: ends tasks that wait, and asks daemons to stop those that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "task-server cancel",
    "task-server cancel DAEMON/ID … [options]",
    "End a task that waits; of one that a daemon has, ask the daemon to stop it. It may be too late: what came of it "
    "is told by task-server tasks.",
    (("DAEMON/ID", "a task, as task-server tasks names it"),),
    examples=(("duplicati task-server cancel nas/7", "one task"),),
    statuses=(0, 64, 66, 69, 77),
)


def perform(call: Call) -> int:
    """Cancel them, one after the other."""
    from .opening import open_fleet  # noqa: PLC0415
    from .tasks import read_task_name  # noqa: PLC0415

    if not call.words:
        raise errors.UsageInvalid("which task?", hint="duplicati task-server tasks --state open")
    names = [read_task_name(word) for word in call.words]
    fleet = open_fleet(call)
    for daemon, number in names:
        task = fleet.cancel_task(daemon, number)
        asked = ", its daemon is asked to stop it" if task.is_open and task.is_cancel_wanted else ""
        call.console.say(f"{task.name} is {task.state}{asked}")
    return 0
