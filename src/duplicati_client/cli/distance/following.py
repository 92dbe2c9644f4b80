"""Starts work on backups beside a daemon and follows it: the same talk, and the same end, as for a server near by."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import errors
from ...fleet.performing import LOOK_SECONDS
from ...operations.following import Ending, Note
from ...operations.selection import select_backup
from ...sdk.activity import Progress
from .. import exits
from ..asking import Answer
from ..following import Patience, Work, complain, follow_work
from ..output.pages import StreamRecord
from ..reach import Asked
from .inventory import find_backups
from .rebuilding import rebuild
from .there import There

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ...fleet.models import FleetTask
    from ..call import Call
    from ..talk import Talk


def start_all(call: Call, there: There, talk: Talk, selectors: Sequence[str], parameters: Mapping[str, Any]) -> Answer:
    """Have each started, one task a backup; with --wait follow them to their ends."""
    patience, statuses, works = Patience(call), [], []
    chosen = _choose(there, selectors)
    for one in chosen:
        asked = Asked(call.verb.name, (("backup", one.selector),), parameters)
        try:
            if call.flag("wait"):
                works.append(_give(call, there, talk, one, asked))
            else:
                _tell_started(call, talk, there.fetch(asked))
        except errors.DuplicatiClientError as exc:
            if len(chosen) == 1:
                raise
            statuses.append(complain(talk, one.name, exc))
    statuses += [follow_work(work, patience) for work in works]
    return Answer(status=exits.worst(statuses))


class _Chosen(NamedTuple):
    """A backup as the daemon is asked for it; its id and name as far as they are known."""

    selector: str
    backup_id: str | None
    name: str


def _choose(there: There, selectors: Sequence[str]) -> list[_Chosen]:
    """Of several, all are found before the first is started; one is found by the daemon."""
    if len(selectors) == 1:
        return [_name(there, selectors[0])]
    known = there.perform(Asked("list", (("backup", None),)))
    found = {backup.backup_id: backup.name for backup in [select_backup(known, one) for one in selectors]}
    return [_Chosen(backup_id, backup_id, name) for backup_id, name in found.items()]


def _name(there: There, selector: str) -> _Chosen:
    """Return what the daemon has told last of it; the selector is its name where it has told of no such backup."""
    for backup in find_backups(there.daemon, there.alias) or ():
        if selector in (backup.backup_id, backup.name):
            return _Chosen(selector, backup.backup_id, backup.name)
    return _Chosen(selector, None, selector)


def _tell_started(call: Call, talk: Talk, data: Mapping[str, Any]) -> None:
    """Print the number that the Duplicati server gave it, as when it is asked from near by."""
    number, name = data.get("TaskID"), data.get("Name")
    item = {
        "operation": call.verb.name,
        "task_id": number if isinstance(number, int) else None,
        "backup_id": data.get("BackupID"),
        "name": name,
        "is_absorbed": data.get("IsAbsorbed") is True,
    }
    if item["is_absorbed"]:
        talk.say(f"{name}: something of this backup runs or waits already: the server added no run")
    told = None if item["task_id"] is None else str(item["task_id"])
    talk.print_record(StreamRecord("started", item, told or "-", told))


def _give(call: Call, there: There, talk: Talk, chosen: _Chosen, asked: Asked) -> Work:
    task = there.give(asked._replace(parameters={**asked.parameters, "wait": True}))
    backup_id, name = chosen.backup_id, chosen.name
    talk.say(f"{name}: task {task.name}, Ctrl-C leaves it going")
    item = {"operation": call.verb.name, "task_id": None, "backup_id": backup_id, "name": name, "is_absorbed": False}
    talk.print_record(StreamRecord("started", item, record_id=task.name))

    def stop() -> None:
        there.fleet.cancel_task(task.daemon_id, task.number)

    return Work(talk, backup_id, name, task.name, partial(_follow, there, task, asked), stop)


def _follow(
    there: There, task: FleetTask, asked: Asked, timeout_seconds: float | None
) -> Iterator[Progress | Note | Ending | None]:
    limit = math.inf if timeout_seconds is None else timeout_seconds
    ends_at = there.clock.read() + limit
    told: Mapping[str, Any] | None = None
    for seen in there.follow(task, look_seconds=min(LOOK_SECONDS, limit)):
        if seen is not None and seen.progress != told:
            told = seen.progress
            yield _read_progress(told or {})
        task = seen or task
        if task.is_open and there.clock.read() >= ends_at:
            raise errors.WaitTimedOut(
                f"not over after {limit:g} s; the work goes on (task {task.name})",
                hint=f"duplicati task-server tasks show {task.name}",
            )
        yield None
    yield rebuild(asked.operation, None, there.conclude(task))


def _read_progress(told: Mapping[str, Any]) -> Progress | Note:
    """A heartbeat tells phase, fraction and bytes; how many there are in all follows from these."""
    phase, fraction, done = told.get("Phase"), told.get("Fraction"), told.get("Bytes")
    if not isinstance(phase, str):
        return Note(f"it is {told.get('State') or 'taken'} there", is_detail=True)
    done = done if isinstance(done, int) else 0
    share = float(fraction) if isinstance(fraction, int | float) else 0.0
    return Progress(
        task_id=None,
        backup_id=None,
        phase=phase,
        files_done=0,
        files_total=0,
        bytes_done=done,
        bytes_total=round(done / share) if share > 0 else 0,
        is_counting=False,
        overall_fraction=share,
        speed_bytes_per_second=None,
        current_file=None,
        raw={},
    )
