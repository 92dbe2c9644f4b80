"""`watch`: servers live, on one screen, or as lines where there is no screen to draw on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ... import errors
from ..asking import Answer, Left, ask
from ..options import Option
from ..output.changes import ChangeTeller
from ..verbs import Verb
from ..watching import Until, follow_changes, watch_on_screen

if TYPE_CHECKING:
    from ..call import Call
    from ..reach import Reach
    from ..talk import Talk

_SIDE_BY_SIDE = 1000  # watching has no end: who waits for a turn waits for ever

VERB = Verb(
    "watch",
    "watch [options]",
    "Watch servers: what runs and how far it is, what waits, how the last runs went, what comes next, what is new.",
    (),
    (
        Option("until-idle", "end when nothing runs or waits; the exit status says how it went", "flag", scope="watch"),
        Option("count", "end after so many changes", "number", "N", scope="watch"),
        Option("timeout", "how long to watch at most", "seconds", "DURATION", scope="watch"),
    ),
    (
        ("duplicati watch", "one screen that keeps itself up to date; q leaves"),
        ("duplicati watch --all", "every server on that screen"),
        ("duplicati watch --until-idle && systemctl suspend", "wait until all is done, and done well"),
        ("duplicati watch --output json | jq 'select(.event == \"ended\")'", "for a program: a JSON object a line"),
    ),
    (0, 2, 3, 4, 5, 6, 69, 77, 124, 130),
)


def perform(call: Call) -> int:
    """Watch every server that is meant."""
    if call.words:
        raise errors.UsageInvalid("a server is watched whole", hint="duplicati run BACKUP --wait follows one run")
    if call.value("output") in ("csv", "ids"):
        raise errors.UsageInvalid("changes are no rows of a listing", hint="--output json writes an object a line")
    Until(call)  # what is wrong with the options is said before a screen is taken
    try:
        if call.value("output") == "table" and call.console.can_draw():
            return _draw(call)
        return _write(call)
    except KeyboardInterrupt:
        raise Left from None


def _draw(call: Call) -> int:
    try:
        from ..screen import Killed, Screen  # noqa: PLC0415 - Windows has no such terminals
    except ImportError:
        call.console.detail("no screen can be drawn on this system: lines instead")
        return _write(call)
    try:
        return watch_on_screen(call, Screen(call.console))
    except Killed as killed:
        killed.die()
        raise


def _write(call: Call) -> int:
    return ask(call, lambda reach, talk: _tell(call, reach, talk), side_by_side=_SIDE_BY_SIDE)


def _tell(call: Call, reach: Reach, talk: Talk) -> Answer:
    teller, until = ChangeTeller(), Until(call)
    for change in follow_changes(reach, is_patient=talk.label is not None, sleep=call.process.sleep):
        if change is not None:
            if change.event == "note":
                talk.detail(str(change.detail))
            talk.print_record(teller.make_record(change, datetime.now(UTC)))
        if until.is_reached(change):
            break
    return Answer(status=until.status)
