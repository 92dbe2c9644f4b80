"""Watch servers side by side on a screen, each in a thread of its own; also when watching ends by itself."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING

from .. import errors
from ..operations import watch
from . import exits
from .asking import are_many_meant, make_printer, reached
from .choosing import choose_targets
from .output.changes import describe_ended
from .output.panels import Panel, lay_out
from .reach import Here
from .talk import Talk
from .text import neutralise

if TYPE_CHECKING:
    from ..operations.view import Change, EndedTask, View
    from .call import Call
    from .context import Target
    from .reach import Reach
    from .screen import Screen

_FRAME_SECONDS = 0.2
_ENDED_COUNT = 100


def follow_changes(
    reach: Reach, *, is_patient: bool, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Change | None]:
    """Yield what changes, for ever, and None every few seconds, however the server is reached."""
    if isinstance(reach, Here):
        return watch.follow(reach.server, is_patient=is_patient, sleep=sleep)
    from .distance.watching import follow  # noqa: PLC0415 - few have a task server

    return follow(reach, is_patient=is_patient)


class Until:
    """Says when enough was seen of one server, and the exit status that stands for it. `clock` is monotonic seconds."""

    def __init__(self, call: Call, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_idle_wanted = call.flag("until_idle")
        self._changes_left: int | None = call.value("count")
        self._timeout_seconds: float | None = call.value("timeout")
        if self._changes_left is not None and self._changes_left < 1:
            raise errors.InvalidValue("--count is at least 1")
        self._clock = clock
        self._began_at = clock()
        self._view: View | None = None
        self.ended: deque[EndedTask] = deque(maxlen=_ENDED_COUNT)

    @property
    def status(self) -> int:
        """The worst outcome that was waited for; success where none was."""
        return exits.worst([exits.status_of_outcome(ended.outcome) for ended in self.ended])

    def is_reached(self, change: Change | None) -> bool:
        """Take note of a change, or of the time; raises `WaitTimedOut`."""
        if change is not None and change.event != "note":
            self._view = change.view
            self._changes_left = None if self._changes_left is None else self._changes_left - 1
            if change.event == "ended" and self._is_idle_wanted:
                self.ended.append(change.detail)  # type: ignore[arg-type]
        if self._changes_left == 0:
            return True
        # In the middle of a change the queue may look empty before it is told what has ended.
        is_whole = change is None or change.event == "state"
        if self._is_idle_wanted and is_whole and self._view is not None and self._view.is_idle:
            return True
        if self._timeout_seconds is not None and self._clock() - self._began_at >= self._timeout_seconds:
            raise errors.WaitTimedOut(f"watched for {self._timeout_seconds:g} s", hint="duplicati list tasks")
        return False


class _Watched:
    """A server on the screen: what its thread knows, for the one that draws."""

    def __init__(self, label: str, reach: Reach, until: Until) -> None:
        self.label = label
        self.until = until
        self.view: View | None = None
        self.error: Exception | None = None
        self.is_over = False
        self._reach = reach

    @property
    def panel(self) -> Panel:
        """What is drawn of it."""
        return Panel(self.label, self.view, None if self.error is None else _explain(self.error))

    def follow(self, wake: Callable[[], None], *, is_patient: bool) -> None:
        """Watch until enough was seen; what fails is kept."""
        try:
            for change in follow_changes(self._reach, is_patient=is_patient):
                if change is not None:
                    self.view = change.view
                    wake()
                if self.until.is_reached(change):
                    break
        except Exception as exc:  # told when the screen is given back
            self.error = exc
        self.is_over = True
        wake()


def watch_on_screen(call: Call, screen: Screen) -> int:
    """Watch every server that is meant until the person leaves or enough was seen; return the exit status."""
    targets, are_many = choose_targets(call), are_many_meant(call)
    with ExitStack() as stack:
        watched = [_open(call, target, stack) for target in targets]
        with screen:
            for one in watched:
                Thread(target=one.follow, args=(screen.wake,), kwargs={"is_patient": are_many}, daemon=True).start()
            _draw_until_left(call, screen, watched)
    return _conclude(call, watched, are_many=are_many)


def _open(call: Call, target: Target, stack: ExitStack) -> _Watched:
    return _Watched(
        target.label, stack.enter_context(reached(call, target, Talk(call.console, make_printer(call)))), Until(call)
    )


def _draw_until_left(call: Call, screen: Screen, watched: Sequence[_Watched]) -> None:
    look = call.console.look()
    while not all(one.is_over for one in watched):
        columns, rows = screen.size
        screen.draw(lay_out([one.panel for one in watched], columns, rows, look._replace(now=datetime.now(UTC))))
        # Servers that have much to tell do not make it draw more often; the clock makes it draw each second.
        drawn_at = time.monotonic()
        while (passed_seconds := time.monotonic() - drawn_at) < _FRAME_SECONDS:
            if screen.wait(_FRAME_SECONDS - passed_seconds):
                return
        if screen.wait(1 - time.time() % 1):
            return


def _conclude(call: Call, watched: Sequence[_Watched], *, are_many: bool) -> int:
    """Say what became of each once there is a place to say it; a lone server's failure is the command's."""
    statuses = []
    for one in watched:
        prefix = f"{one.label}: " if are_many else ""
        for ended in one.until.ended:
            call.console.write(f"{neutralise(prefix + describe_ended(ended))}\n")
        if isinstance(one.error, errors.DuplicatiClientError) and are_many:
            call.console.complain(f"{prefix}{one.error.message}", one.error.hint)
            statuses.append(exits.status_of_error(one.error))
        elif one.error is not None:
            raise one.error
        else:
            statuses.append(one.until.status)
    return exits.merge(statuses)


def _explain(error: Exception) -> str:
    hint = error.hint if isinstance(error, errors.DuplicatiClientError) else None
    return f"{error}; {hint}" if hint else str(error)
