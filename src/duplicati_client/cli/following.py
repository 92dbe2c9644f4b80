"""What `run`, `verify`, `repair`, `compact` and `vacuum` share: starting on each backup named, following, telling."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from .. import errors
from ..operations import stop
from ..operations.following import (
    Ended,
    Ending,
    Note,
    Progress,
    StartedTask,
    describe_end,
    explain_absorption,
    follow,
    is_waiting,
)
from ..operations.selection import select_backup
from . import exits
from .asking import Answer, Left, ask
from .options import Option
from .output.cells import format_duration
from .output.pages import StreamRecord
from .output.progress import ProgressLine, make_progress_item
from .reach import Here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..sdk.client import Duplicati
    from ..sdk.models import Backup
    from .call import Call
    from .reach import Reach
    from .talk import Talk

    Start = Callable[[Duplicati, Backup], StartedTask]

WORDS = (("SELECTOR", "id, exact name or pattern of one backup; several may be named"),)
STATUSES = (0, 2, 3, 4, 5, 6, 66, 69, 77, 124, 130)
_SECOND_CTRL_C_SECONDS = 2.0


def make_options(verb: str) -> tuple[Option, ...]:
    """Return the options of waiting, as this verb's own."""
    wait = "follow each to its end; the exit status says how it went"
    return (
        Option("wait", wait, "flag", short="w", scope=verb),
        Option("timeout", "how long to wait at most; the work goes on", "seconds", "DURATION"),
    )


class Work(NamedTuple):
    """Work that goes on: whose it is, what it is called, and how it is followed and stopped where it runs.

    `follow` takes the seconds to wait at most; `number` is None where the server has told none.
    """

    talk: Talk
    backup_id: str | None
    name: str
    number: str | None
    follow: Callable[[float | None], Iterator[Progress | Note | Ending | None]]
    stop: Callable[[], None]


def start_on_each(call: Call, start: Start, parameters: Mapping[str, Any] | None = None) -> int:
    """Start on what is named, on every server that is meant, and follow it if that is wanted.

    `parameters` are those that a task needs to have the same done by a daemon.
    """
    selectors = call.words[1:] if len(call.words) > 1 and call.words[0] in ("backup", "backups") else call.words
    if not selectors:
        raise errors.UsageInvalid("which backup?", hint=f"duplicati {call.verb.usage}")

    def work(reach: Reach, talk: Talk) -> Answer:
        if isinstance(reach, Here):
            return _start_all(call, reach.server, talk, selectors, start)
        from .distance.following import start_all  # noqa: PLC0415 - few have a task server

        return start_all(call, reach, talk, selectors, parameters or {})

    return ask(call, work)


def _start_all(call: Call, server: Duplicati, talk: Talk, selectors: Sequence[str], start: Start) -> Answer:
    known = server.backups.list()
    backups = {backup.backup_id: backup for backup in [select_backup(known, selector) for selector in selectors]}
    patience = Patience(call)
    statuses, started = [], []
    for backup in backups.values():
        try:
            started.append(_tell_start(call, server, talk, backup, start(server, backup)))
        except errors.DuplicatiClientError as exc:
            statuses.append(complain(talk, backup.name, exc))
    if call.flag("wait"):
        statuses += [follow_work(one, patience) for one in started]
    return Answer(status=exits.worst(statuses))


def complain(talk: Talk, name: str, exc: errors.DuplicatiClientError) -> int:
    """Tell what went wrong with one of several; return the status that stands for it."""
    talk.complain(f"{name}: {exc.message}", exc.hint)
    return exits.status_of_error(exc)


def _tell_start(call: Call, server: Duplicati, talk: Talk, backup: Backup, started: StartedTask) -> Work:
    absorbed = explain_absorption(started)
    if absorbed:
        talk.say(f"{backup.name}: {absorbed}")
    number = None if started.task_id is None else str(started.task_id)
    item = {
        "operation": call.verb.name,
        "task_id": started.task_id,
        "backup_id": backup.backup_id,
        "name": backup.name,
        "is_absorbed": started.is_absorbed,
    }
    if call.flag("wait"):
        task = f"task {number}" if number else "a task without a number"
        turn = " waits its turn" if is_waiting(started) else ""
        talk.say(f"{backup.name}: {task}{turn}, Ctrl-C leaves it going")
        talk.print_record(StreamRecord("started", item, record_id=number))
    else:
        talk.print_record(StreamRecord("started", item, number or "-", number))

    def follow_here(timeout_seconds: float | None) -> Iterator[Progress | Note | Ending | None]:
        for found in follow(server, started, timeout_seconds=timeout_seconds):
            yield describe_end(call.verb.name, backup, found) if isinstance(found, Ended) else found

    target = stop.Target(backup.backup_id, "backup") if number is None else stop.Target(number, "task")
    return Work(
        talk,
        backup.backup_id,
        backup.name,
        number,
        follow_here,
        lambda: _stop(server, target),
    )


def _stop(server: Duplicati, target: stop.Target) -> None:
    stop.stop(server, target, stop.Watching(seconds=0))


class Patience:
    """How long is waited for all that was started, as the person said; and how it is waited."""

    def __init__(self, call: Call) -> None:
        self._timeout_seconds = call.value("timeout")
        self._ends_at = None if self._timeout_seconds is None else time.monotonic() + self._timeout_seconds
        self.sleep = call.process.sleep

    @property
    def seconds_left(self) -> float | None:
        """What is left of it, None for no end."""
        return None if self._ends_at is None else max(0.0, round(self._ends_at - time.monotonic(), 1))


def follow_work(one: Work, patience: Patience) -> int:
    """Follow one to its end, tell what happens, and return the status that stands for it."""
    line = ProgressLine(one.talk, one.name)
    try:
        for item in one.follow(patience.seconds_left):
            if isinstance(item, Ending):
                line.clear()
                return _tell_end(one, item)
            _tell(one, line, item)
    except KeyboardInterrupt:
        line.clear()
        _leave(one, patience.sleep)
    except errors.DuplicatiClientError as exc:
        line.clear()
        return complain(one.talk, one.name, exc)
    finally:
        line.clear()
    raise errors.NotUnderstood("the task was followed to no end")


def _tell(one: Work, line: ProgressLine, item: Progress | Note | None) -> None:
    if item is None:
        line.tick()
    elif isinstance(item, Progress):
        line.show(item)
        one.talk.print_record(StreamRecord("progress", make_progress_item(item, one.name)))
    else:
        line.clear()
        tell = one.talk.detail if item.is_detail else one.talk.say
        tell(f"{one.name}: {item.text}")
        record = {"backup_id": one.backup_id, "name": one.name, "text": item.text}
        one.talk.print_record(StreamRecord("note", record))


def _tell_end(one: Work, told: Ending) -> int:
    took = told.duration_seconds
    after = f" after {format_duration(took)}" if took is not None else ""
    parts = [f"{told.name}: {told.outcome}{after}. {told.reason}"]
    parts += [told.detail] if told.detail and told.detail not in told.reason else []
    parts += [told.deed] if told.deed else []
    one.talk.print_record(StreamRecord("ended", told._asdict(), " ".join(parts)))
    return exits.status_of_outcome(told.outcome)


def _leave(one: Work, sleep: Callable[[float], None]) -> NoReturn:
    """Leave the work going; a second Ctrl-C while this waits asks for its end."""
    number = f" (task {one.number})" if one.number is not None else ""
    one.talk.say(f"{one.name}: the work goes on{number}. Ctrl-C again within two seconds asks the server to stop it.")
    try:
        sleep(_SECOND_CTRL_C_SECONDS)
    except KeyboardInterrupt:
        _ask_to_stop(one)
    raise Left


def _ask_to_stop(one: Work) -> None:
    """Ask for an orderly end; where none is to be had that is told, and the person leaves all the same."""
    try:
        one.stop()
        one.talk.say(f"{one.name}: the server was asked to stop it")
    except errors.DuplicatiClientError as exc:
        complain(one.talk, one.name, exc)
