"""Tasks in a database: one piece of work each, the same on every database."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from ...protocol import codec
from ...protocol.result import Recorded, Result, Status
from ..errors import DaemonUnknown, QuotaExceeded
from ..records import Attention, Draft, KeptResult, Key, Page, Task, TaskState
from . import made
from .audit import append
from .columns import known_time, read_json, read_time, write_json, write_span, write_time
from .cursor import read_cursor, write_cursor
from .database import ANNOUNCE, Database, Query, Row, Work, one
from .interface import TaskQuery

OPEN_TASKS_MAX: Final = 10_000
OFFERS_MAX: Final = 10
"""A task handed out so often and never answered is closed: whoever takes it dies of it."""
_SCANNED_ROWS = 2000
_STATE_OF = {Status.COMPLETED: "completed", Status.ERROR: "error", Status.REFUSED: "refused"}
_POISON = {"Code": "poison", "Message": f"handed out {OFFERS_MAX} times and never answered"}
_LAST = 2**62
_NEW: Final[Row] = {
    "state": "pending",
    "attempt": 1,
    "version": 1,
    **dict.fromkeys(("offers_count", "is_cancel_wanted"), 0),
    **dict.fromkeys(("offered_at", "lease_ends_at", "accepted_at", "ended_at", "outcome", "progress", "result")),
}
"""The columns of a task that nobody has looked at yet."""
_ATTEMPT_MAX = 2**31 - 1
"""The most that its column holds; a daemon may say more."""


class Tasks:
    """Implements `TaskStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, drafts: Sequence[Draft], by: str, open_max: int | None = None, key: Key | None = None
    ) -> list[Task]:
        return await self._database.write(partial(_create, drafts, by, open_max or OPEN_TASKS_MAX, key))

    async def hand_out(self, daemon_id: str, after: int, limit: int, lease: timedelta) -> tuple[list[Task], bool]:
        return await self._database.write(partial(_hand_out, daemon_id, after, limit, lease))

    async def attend(self, daemon_id: str) -> Attention:
        return await self._database.read(partial(_attend, daemon_id))

    async def attend_all(self, daemon_ids: Collection[str]) -> set[str]:
        return await self._database.read(partial(_attend_all, daemon_ids))

    async def record(self, daemon_id: str, result: Result) -> Recorded:
        return await self._database.write(partial(_record, daemon_id, result))

    async def note_progress(self, daemon_id: str, running: Mapping[int, Mapping[str, Any]]) -> list[int]:
        return await self._database.write(partial(_note_progress, daemon_id, running))

    async def get(self, daemon_id: str, number: int) -> Task | None:
        return await self._database.read(partial(_get, daemon_id, number))

    async def find(self, query: TaskQuery) -> Page[Task]:
        return await self._database.read(partial(_find, query))

    async def list_results(self, daemon_id: str, number: int) -> list[KeptResult]:
        return await self._database.read(partial(_list_results, daemon_id, number))

    async def cancel(self, daemon_id: str, number: int, by: str) -> Task | None:
        return await self._database.write(partial(_cancel, daemon_id, number, by))

    async def reassign(self, daemon_id: str, number: int, by: str) -> Task | None:
        return await self._database.write(partial(_reassign, daemon_id, number, by))

    async def tidy(self, kept: timedelta, limit: int, results_kept: timedelta | None = None) -> int:
        return await self._database.write(partial(_tidy, kept, limit, results_kept or kept))

    async def cut_results(self, most: int, limit: int) -> int:
        return await self._database.write(partial(_cut_results, most, limit))


# --- given and handed out -------------------------------------------------------------------------------


def _create(drafts: Sequence[Draft], by: str, open_max: int, key: Key | None) -> Work[list[Task]]:
    known = (yield from made.claim(by, key)) if key is not None else None
    if known is not None:
        return (yield from _get_all(known))
    tasks = yield from _create_all(drafts, by, open_max)
    if key is not None:
        yield made.keep(by, key, tasks)
    return tasks


def _create_all(drafts: Sequence[Draft], by: str, open_max: int) -> Work[list[Task]]:
    tasks: list[Task] = []
    by_daemon: dict[str, list[Draft]] = {}
    for draft in drafts:
        by_daemon.setdefault(draft.daemon_id, []).append(draft)
    for daemon_id, group in sorted(by_daemon.items()):
        tasks += yield from _create_for(daemon_id, group, by, open_max)
    subject = next(iter(by_daemon)) if len(by_daemon) == 1 else f"{len(by_daemon)} daemons"
    yield from append(by, "task.create", subject, _tell(tasks))
    return tasks


def _get_all(known: Iterable[tuple[str, int]]) -> Work[list[Task]]:
    found = []
    for daemon_id, number in known:
        rows = yield Query("get_task", {"daemon_id": daemon_id, "number": number})
        found += [_read_task(row) for row in rows]
    return found


def _create_for(daemon_id: str, drafts: Sequence[Draft], by: str, open_max: int) -> Work[list[Task]]:
    found = one((yield Query("take_numbers", {"daemon_id": daemon_id, "count": len(drafts)})))
    if found is None:
        raise DaemonUnknown(f"there is no daemon {daemon_id}")
    ceiling = open_max - len(drafts) + 1
    counted = one((yield Query("count_open_tasks", {"daemon_id": daemon_id, "ceiling": max(ceiling, 0)})))
    if counted is None or counted["found"] >= ceiling:
        raise QuotaExceeded(f"daemon {daemon_id} has {open_max} open tasks at most")
    added = {**_NEW, "daemon_id": daemon_id, "created_by": by, "created_at": found["taken_at"]}
    rows = [
        {**added, "number": number, "content": write_json(draft.content), "expires_at": write_time(draft.expires_at)}
        for number, draft in enumerate(drafts, found["first_number"])
    ]
    yield Query("add_task", many=rows)
    yield _announce(daemon_id)
    return [_read_task(row) for row in rows]


def _tell(tasks: Iterable[Task]) -> dict[str, Any]:
    """Say which tasks, without their parameters: these may hold secrets."""
    named = [f"{task.daemon_id}/{task.number} {task.content.get('Operation')}" for task in tasks]
    return {"Tasks": named[:100], "Count": len(named)}


def _hand_out(daemon_id: str, after: int, limit: int, lease: timedelta) -> Work[tuple[list[Task], bool]]:
    wanted = {"daemon_id": daemon_id, "after": after, "limit": limit, "lease": write_span(lease)}
    rows = yield Query("offer_tasks", wanted, stands_alone=True)
    tasks = sorted((_read_task(row) for row in rows), key=lambda task: task.number)
    if tasks:
        yield _announce(daemon_id)
    return tasks, len(tasks) == limit


def _attend(daemon_id: str) -> Work[Attention]:
    row = one((yield Query("attend", {"daemon_id": daemon_id}, stands_alone=True)))
    if row is None:
        return Attention(has_pending=False, has_offered=False)
    return Attention(bool(row["has_pending"]), bool(row["has_offered"]))


def _attend_all(daemon_ids: Collection[str]) -> Work[set[str]]:
    rows = yield Query("attend_all")
    return {row["daemon_id"] for row in rows} & set(daemon_ids)


# --- what came of them ----------------------------------------------------------------------------------


def _record(daemon_id: str, result: Result) -> Work[Recorded]:
    if not isinstance(result.task_id, int) or not 0 < result.task_id < _LAST:
        return (yield from _keep(daemon_id, result, Recorded.ORPHAN))
    which = {"daemon_id": daemon_id, "number": result.task_id, "attempt": result.attempt or 0}
    if result.status is Status.ACCEPTED:
        applied = yield Query("accept_task", which, stands_alone=True)
    else:
        outcome = result.data.get("Outcome")
        applied = yield Query(
            "end_task",
            {
                **which,
                "state": _STATE_OF[result.status],
                "outcome": outcome[:32] if isinstance(outcome, str) else None,
                "result": write_json(result.data),
                "digest": _digest(result),
            },
            stands_alone=True,
        )
    if applied:
        yield _announce(daemon_id, result.task_id)
        return Recorded.RECORDED
    found = one((yield Query("get_task", which)))
    recorded = _judge(found, result)
    return recorded if recorded is Recorded.DUPLICATE else (yield from _keep(daemon_id, result, recorded))


def _judge(found: Row | None, result: Result) -> Recorded:
    """Say what a result is that was not applied."""
    if found is None:
        return Recorded.ORPHAN
    if result.attempt is not None and result.attempt != found["attempt"]:
        return Recorded.STALE
    state = TaskState(found["state"])
    if state is TaskState.ACCEPTED:
        return Recorded.DUPLICATE
    if state in (TaskState.CANCELLED, TaskState.EXPIRED):
        return Recorded.LATE
    if result.status is Status.ACCEPTED:
        return Recorded.STALE
    is_same = state.value == _STATE_OF[result.status] and found["result_digest"] == _digest(result)
    return Recorded.DUPLICATE if is_same else Recorded.CONFLICT


def _keep(daemon_id: str, result: Result, recorded: Recorded) -> Work[Recorded]:
    yield Query(
        "keep_result",
        {
            "result_id": secrets.token_hex(16),
            "daemon_id": daemon_id,
            "task_id": str(result.task_id),
            "attempt": None if result.attempt is None else min(max(result.attempt, 0), _ATTEMPT_MAX),
            "status": result.status.value,
            "recorded": recorded.value,
            "data": write_json(result.data),
        },
    )
    return recorded


def _digest(result: Result) -> str:
    return codec.digest([result.status.value, result.data])


def _note_progress(daemon_id: str, running: Mapping[int, Mapping[str, Any]]) -> Work[list[int]]:
    if running:
        yield Query(
            "keep_progress",
            many=[
                {"daemon_id": daemon_id, "number": number, "progress": write_json(said)}
                for number, said in sorted(running.items())
            ],
        )
        yield _announce(daemon_id)
    rows = yield Query("list_cancels", {"daemon_id": daemon_id})
    return [row["number"] for row in rows]


# --- what operators see and do --------------------------------------------------------------------------


def _get(daemon_id: str, number: int) -> Work[Task | None]:
    row = one((yield Query("get_task", {"daemon_id": daemon_id, "number": number}, stands_alone=True)))
    return None if row is None else _read_task(row)


def _find(query: TaskQuery) -> Work[Page[Task]]:
    """Return a page without the tasks' results, which may be large."""
    at, daemon_id, number = read_cursor(query.cursor, (_LAST, "\U0010ffff", _LAST))
    is_one = query.daemon_ids is not None and len(query.daemon_ids) == 1
    is_sifted = query.daemon_ids is not None and (query.states is not None or not is_one)
    limit = _SCANNED_ROWS if is_sifted else query.limit + 1
    start = {"created_at": at, "daemon_id": daemon_id, "number": number, "limit": limit}
    if query.daemon_ids is not None and is_one:
        rows = yield Query("list_tasks_of_daemon", {**start, "daemon_id": next(iter(query.daemon_ids))})
    elif query.states is not None:
        rows = yield from _list_in_states(query.states, start)
    else:
        rows = yield Query("list_tasks", start)
    return _select(rows, query, limit)


def _list_in_states(states: Iterable[TaskState], start: Mapping[str, Any]) -> Work[list[Row]]:
    found: list[Row] = []
    for state in states:
        found += yield Query("list_tasks_in_state", {**start, "state": state.value})
    return sorted(found, key=_place, reverse=True)[: start["limit"]]


def _select(rows: Sequence[Row], query: TaskQuery, limit: int) -> Page[Task]:
    """Take a page of those that fit; a page with few of many rows ends early, and its cursor goes on from there."""
    items: list[Task] = []
    for index, row in enumerate(rows):
        if len(items) == query.limit:
            return Page(items, _write_end(rows[index - 1], query))
        is_wanted = query.daemon_ids is None or row["daemon_id"] in query.daemon_ids
        if is_wanted and (query.states is None or row["state"] in query.states):
            items.append(_read_task(row))
    return Page(items, _write_end(rows[-1], query) if len(rows) == limit else None)


def _write_end(row: Row, query: TaskQuery) -> str:
    """Return a cursor behind a row. Of a daemon that is not wanted it names neither the id nor the task's number."""
    at, daemon_id, number = _place(row)
    if query.daemon_ids is not None and daemon_id not in query.daemon_ids:
        daemon_id, number = max((one for one in query.daemon_ids if one < daemon_id), default=""), _LAST
    return write_cursor((at, daemon_id, number))


def _place(row: Row) -> tuple[int, str, int]:
    return row["created_at"], row["daemon_id"], row["number"]


def _list_results(daemon_id: str, number: int) -> Work[list[KeptResult]]:
    rows = yield Query("list_results", {"daemon_id": daemon_id, "task_id": str(number)})
    return [
        KeptResult(
            daemon_id=row["daemon_id"],
            task_id=row["task_id"],
            attempt=row["attempt"],
            status=row["status"],
            recorded=row["recorded"],
            received_at=known_time(row["received_at"]),
            data=read_json(row["data"]) or {},
        )
        for row in rows
    ]


def _cancel(daemon_id: str, number: int, by: str) -> Work[Task | None]:
    which = {"daemon_id": daemon_id, "number": number}
    rows = (yield Query("cancel_waiting_task", which)) or (yield Query("want_cancel", which))
    if rows:
        yield from append(by, "task.cancel", f"{daemon_id}/{number}", {})
        yield _announce(daemon_id, number)
    row = one(rows) or one((yield Query("get_task", which)))
    return None if row is None else _read_task(row)


def _reassign(daemon_id: str, number: int, by: str) -> Work[Task | None]:
    row = one((yield Query("reassign_task", {"daemon_id": daemon_id, "number": number})))
    if row is None:
        return None
    yield from append(by, "task.reassign", f"{daemon_id}/{number}", {"Attempt": row["attempt"]})
    yield _announce(daemon_id, number)
    return _read_task(row)


def _tidy(kept: timedelta, limit: int, results_kept: timedelta) -> Work[int]:
    count, poison = {"limit": limit}, {"ceiling": OFFERS_MAX, "result": json.dumps(_POISON)}
    due = [
        *(yield from _end_due("list_expired", "expire_task", count)),
        *(yield from _end_due("list_poisonous", "poison_task", {**count, **poison})),
        *(yield from _end_due("list_ended_cancels", "end_cancelled_task", count)),
    ]
    for daemon_id in sorted({daemon_id for daemon_id, _ in due}):
        yield _announce(daemon_id)
    gone = [
        *(yield Query("forget_tasks", {**count, "kept": write_span(kept)})),
        *(yield Query("forget_results", {**count, "kept": write_span(results_kept)})),
    ]
    return len(due) + len(gone)


def _cut_results(most: int, limit: int) -> Work[int]:
    gone: list[Row] = []
    for row in (yield Query("list_daemons_of_many_results", {"most": most})):
        gone += yield Query("cut_results", {"daemon_id": row["daemon_id"], "most": most, "limit": limit})
    return len(gone)


def _end_due(find: str, end: str, how: Mapping[str, Any]) -> Work[list[tuple[str, int]]]:
    """End each task that is found, unless it is another's meanwhile; in an order, so that no two block each other."""
    found = sorted((row["daemon_id"], row["number"]) for row in (yield Query(find, how)))
    if found:
        yield Query(end, many=[{**how, "daemon_id": daemon_id, "number": number} for daemon_id, number in found])
    return found


def _announce(daemon_id: str, number: int = 0) -> Query:
    return Query(ANNOUNCE, {"topic": "task", "daemon_id": daemon_id, "number": number})


def _read_task(row: Row) -> Task:
    return Task(
        daemon_id=row["daemon_id"],
        number=row["number"],
        content=read_json(row["content"]) or {},
        state=TaskState(row["state"]),
        attempt=row["attempt"],
        offers_count=row["offers_count"],
        created_at=known_time(row["created_at"]),
        created_by=row["created_by"],
        expires_at=read_time(row["expires_at"]),
        offered_at=read_time(row["offered_at"]),
        lease_ends_at=read_time(row["lease_ends_at"]),
        accepted_at=read_time(row["accepted_at"]),
        ended_at=read_time(row["ended_at"]),
        is_cancel_wanted=bool(row["is_cancel_wanted"]),
        outcome=row["outcome"],
        progress=read_json(row["progress"]),
        result=read_json(row["result"]),
        version=row["version"],
    )
