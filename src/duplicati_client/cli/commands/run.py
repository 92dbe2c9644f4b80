"""`run`: runs backups, and with --wait follows them to their end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from ... import errors
from ...operations import run, stop
from ...operations.selection import select_backup
from .. import exits
from ..asking import Answer, Left, ask
from ..options import Option
from ..output.cells import format_duration
from ..output.pages import StreamRecord
from ..output.progress import ProgressLine, make_progress_item
from ..verbs import Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...operations.run import Ended, Note, Progress, StartedRun
    from ...sdk.client import Duplicati
    from ...sdk.models import Backup
    from ..call import Call
    from ..talk import Talk

_SECOND_CTRL_C_SECONDS = 2.0

VERB = Verb(
    "run",
    "run [backup] SELECTOR … [options]",
    "Run backups. Returns when the server has taken them, and prints the numbers of its tasks.",
    (("SELECTOR", "id, exact name or pattern of one backup; several may be named"),),
    (
        Option("wait", "follow each run to its end; the exit status says how it went", "flag", short="w", scope="run"),
        Option("timeout", "how long to wait at most; the run goes on", "seconds", "DURATION"),
        Option("skip-queue", "go before what waits already (server 2.2 and later)", "flag", scope="run"),
    ),
    (
        ("duplicati run Documents", "prints the task's number and returns"),
        ("duplicati run Documents --wait", "shows progress and how it went"),
        ("duplicati run 1 2 --wait --timeout 2h --output json", "for a script, a JSON object a line"),
    ),
    (0, 2, 3, 4, 5, 6, 66, 69, 77, 124, 130),
)


def perform(call: Call) -> int:
    """Run what is named, on every server that is meant."""
    selectors = call.words[1:] if len(call.words) > 1 and call.words[0] in ("backup", "backups") else call.words
    if not selectors:
        raise errors.UsageInvalid("which backup?", hint=f"duplicati {VERB.usage}")
    return ask(call, lambda server, talk: _run_all(call, server, talk, selectors))


class _Run(NamedTuple):
    """One run that was asked for, and whom to tell of it."""

    server: Duplicati
    talk: Talk
    backup: Backup
    started: StartedRun


def _run_all(call: Call, server: Duplicati, talk: Talk, selectors: Sequence[str]) -> Answer:
    known = server.backups.list()
    backups = {backup.backup_id: backup for backup in [select_backup(known, selector) for selector in selectors]}
    timeout_seconds = call.value("timeout")
    ends_at = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    statuses, started = [], []
    for backup in backups.values():
        try:
            started.append(_start(call, server, talk, backup))
        except errors.DuplicatiClientError as exc:
            statuses.append(_complain(talk, backup, exc))
    for one in started if call.flag("wait") else ():
        try:
            statuses.append(_follow(one, ends_at, call.process.sleep))
        except errors.DuplicatiClientError as exc:
            statuses.append(_complain(talk, one.backup, exc))
    return Answer(status=exits.worst(statuses))


def _complain(talk: Talk, backup: Backup, exc: errors.DuplicatiClientError) -> int:
    talk.complain(f"{backup.name}: {exc.message}", exc.hint)
    return exits.status_of_error(exc)


def _start(call: Call, server: Duplicati, talk: Talk, backup: Backup) -> _Run:
    started = run.start(server, backup, skip_queue=call.flag("skip_queue"))
    absorbed = run.explain_absorption(started)
    if absorbed:
        talk.say(f"{backup.name}: {absorbed}")
    number = None if started.task_id is None else str(started.task_id)
    item = {
        "task_id": started.task_id,
        "backup_id": backup.backup_id,
        "name": backup.name,
        "is_absorbed": started.is_absorbed,
    }
    if call.flag("wait"):
        talk.say(f"{backup.name}: {'task ' + number if number else 'a task without a number'}, Ctrl-C leaves it going")
        talk.print_record(StreamRecord("started", item, record_id=number))
    else:
        talk.print_record(StreamRecord("started", item, number or "-", number))
    return _Run(server, talk, backup, started)


def _follow(one: _Run, ends_at: float | None, sleep: Callable[[float], None]) -> int:
    line = ProgressLine(one.talk, one.backup.name)
    timeout_seconds = None if ends_at is None else max(0.0, round(ends_at - time.monotonic(), 1))
    try:
        for item in run.follow(one.server, one.started, timeout_seconds=timeout_seconds):
            if isinstance(item, run.Ended):
                line.clear()
                return _tell_end(one, item)
            _tell(one, line, item)
    except KeyboardInterrupt:
        line.clear()
        _leave(one, sleep)
    finally:
        line.clear()
    raise errors.NotUnderstood("the run was followed to no end")


def _tell(one: _Run, line: ProgressLine, item: Progress | Note | None) -> None:
    name = one.backup.name
    if item is None:
        line.tick()
    elif isinstance(item, run.Progress):
        line.show(item)
        one.talk.print_record(StreamRecord("progress", make_progress_item(item, name)))
    else:
        line.clear()
        tell = one.talk.detail if item.is_detail else one.talk.say
        tell(f"{name}: {item.text}")
        record = {"backup_id": one.backup.backup_id, "name": name, "text": item.text}
        one.talk.print_record(StreamRecord("note", record))


def _tell_end(one: _Run, ended: Ended) -> int:
    verdict = ended.verdict
    took = None
    if ended.started_at is not None and ended.finished_at is not None:
        took = (ended.finished_at - ended.started_at).total_seconds()
    item = {
        "task_id": ended.task_id,
        "backup_id": one.backup.backup_id,
        "name": one.backup.name,
        "outcome": str(verdict.outcome),
        "reason": verdict.reason,
        "detail": verdict.detail,
        "signs": verdict.signs,
        "started_at": ended.started_at,
        "finished_at": ended.finished_at,
        "duration_seconds": took,
    }
    after = f" after {format_duration(took)}" if took is not None else ""
    text = f"{one.backup.name}: {verdict.outcome}{after}. {verdict.reason}"
    text += f" {verdict.detail}" if verdict.detail and verdict.detail not in verdict.reason else ""
    one.talk.print_record(StreamRecord("ended", item, text))
    return exits.status_of_outcome(verdict.outcome)


def _leave(one: _Run, sleep: Callable[[float], None]) -> NoReturn:
    """Leave the run going; a second Ctrl-C while this waits asks the server to stop it."""
    name, task_id = one.backup.name, one.started.task_id
    number = f" (task {task_id})" if task_id is not None else ""
    one.talk.say(f"{name}: the run goes on{number}. Ctrl-C again within two seconds asks the server to stop it.")
    try:
        sleep(_SECOND_CTRL_C_SECONDS)
    except KeyboardInterrupt:
        stop.stop(one.server, name if task_id is None else str(task_id))
        one.talk.say(f"{name}: the server was asked to stop it")
    raise Left
