"""`daemon resume`: lets be performed what was held back because the task server was restored from an older copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..daemonoptions import CONFIG, find_config_file
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "daemon resume",
    "daemon resume [options]",
    "Go on after the task server was restored from an older copy. Until then tasks that must not be done twice wait: "
    "look with duplicati daemon status which, and at the task server whether they are still meant.",
    options=(CONFIG,),
    examples=(("duplicati daemon resume", "the running daemon performs what it has held back"),),
    statuses=(0, 69, 78),
)


def perform(call: Call) -> int:
    """Tell the running daemon."""
    from ...daemon import control  # noqa: PLC0415 - not for --help
    from ...daemon.config import load  # noqa: PLC0415

    config = load(find_config_file(call))
    answer = control.ask(config.state_folder, "release")
    if answer is None:
        raise errors.Unreachable("no daemon answers", hint="duplicati daemon run, and then again")
    count = answer.get("released_count")
    call.console.say(f"{count} held back, performed now" if count else "nothing was held back")
    return 0
