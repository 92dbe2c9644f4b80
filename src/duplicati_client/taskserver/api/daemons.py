"""What daemons speak: the task protocol, level 0 and level 1, exactly as `docs/reference/protocol.md` says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from litestar import Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from ...protocol import codec
from ...protocol.exchange import (
    EPOCH_HEADER,
    LEVEL_HEADER,
    PAGE_TASKS_MAX,
    POLL_AFTER_HEADER,
    TASKS_BYTES_MAX,
    WAIT_SECONDS_MAX,
)
from ...protocol.result import DATA_BYTES, Recorded, Result, Status
from ...protocol.task import TASK_BYTES_MAX, TaskID
from ..enrolment import enrol, renew
from ..errors import CodeRefused, InstanceConflict, Malformed, NotAllowed, TooLarge
from ..identity import Caller
from ..parts import Parts
from ..records import Attention, Task
from .gate import read_client
from .paging import write_next

IDLE_ETAG: Final = '"idle"'
"""Of the answer that says that nothing waits, so that a 304 to whoever has it is a lawful one."""
_SMALL_BYTES = 64 * 1024
_PAGE_TASKS = (TASKS_BYTES_MAX - _SMALL_BYTES) // TASK_BYTES_MAX
_RESULT_BYTES = 2 * DATA_BYTES
_LATE_RESULTS: Final = timedelta(days=30)
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])", re.IGNORECASE)
_STATUSES = {**{status.value: status for status in Status}, "rejected": Status.REFUSED}
_RUNNING_COUNT = 500
_PHASE_CHARACTERS = 100

AnyRequest = Request[Any, Any, Any]


async def _identify(request: AnyRequest, parts: Parts, *, may_be_expired: bool = False) -> Caller:
    """Return who asks, and note that it was here; who asks too often, or as one of two, is sent away."""
    caller = await parts.identities.identify(request.headers, request.path_params.get("segment"))
    if caller.is_expired and not may_be_expired:
        raise NotAllowed("this token is past its life; enrol again")
    parts.allowances.take(caller.daemon.daemon_id)
    if not await parts.presence.note(caller.daemon.daemon_id, caller.instance, caller.level):
        raise InstanceConflict("two machines come by turns with this identity; an operator has to choose")
    return caller


@get(["/api/tasks/status", "/d/{segment:str}/api/tasks/status"], status_code=303)
async def poll(request: AnyRequest, parts: NamedDependency[Parts]) -> Response[bytes]:
    """Say by 303 that there is something to fetch, by 304 that there is not; holds the answer if asked to."""
    caller = await _identify(request, parts)
    seconds = min(_read_wait(request), WAIT_SECONDS_MAX) if caller.level else 0

    def is_enough(attention: Attention) -> bool:
        return has_tasks(attention, caller.level)

    attention = await parts.attentions.wait(caller.daemon.daemon_id, is_enough, seconds)
    if is_enough(attention):
        parts.allowances.give_back(caller.daemon.daemon_id)
        return Response(b"", status_code=303, headers=_head(parts, caller.level))
    if seconds and not parts.attentions.is_ending:  # meanwhile it may have been revoked; its next poll believes this
        await parts.identities.identify(request.headers, request.path_params.get("segment"))
    headers = {**_head(parts, caller.level), "ETag": IDLE_ETAG, "Vary": "Prefer"}
    if caller.level:
        headers[POLL_AFTER_HEADER] = str(parts.pace.seconds)
    return Response(b"", status_code=304, headers=headers)


def has_tasks(attention: Attention, level: int) -> bool:
    """Say whether there is something to fetch; at level 0 there is no lease that would keep a task back."""
    return attention.has_pending or (level == 0 and attention.has_offered)


def _read_wait(request: AnyRequest) -> int:
    found = _WAIT.search(request.headers.get("prefer", ""))
    return int(found[1]) if found else 0


def _head(parts: Parts, level: int) -> dict[str, str]:
    head = {"Cache-Control": "no-store"}
    return {**head, LEVEL_HEADER: "1", EPOCH_HEADER: parts.epoch} if level else head


@get(["/api/tasks", "/d/{segment:str}/api/tasks"])
async def hand_out(request: AnyRequest, parts: NamedDependency[Parts]) -> Response[bytes]:
    """Offer what waits, the oldest first, and no more than an answer may hold: what is offered has to be sent."""
    caller = await _identify(request, parts)
    after = _read_number(request, "after", 0, 2**62)
    limit = min(_read_number(request, "limit", PAGE_TASKS_MAX, PAGE_TASKS_MAX) or 1, _PAGE_TASKS)
    lease = timedelta(seconds=parts.current.settings.lease_seconds if caller.level else 0)
    tasks, has_more = await parts.store.tasks.hand_out(caller.daemon.daemon_id, after, limit, lease)
    if tasks:
        parts.allowances.give_back(caller.daemon.daemon_id)
    headers = _head(parts, caller.level)
    if has_more and caller.level:
        headers |= write_next(request, f"after={tasks[-1].number}&limit={limit}")
    body = codec.encode([_write_task(task, caller.level) for task in tasks])
    return Response(body, media_type="application/json", headers=headers)


def _write_task(task: Task, level: int) -> dict[str, Any]:
    fencing = {"Attempt": task.attempt} if level else {}
    return {"ID": task.number, **task.content, **fencing}


def _read_number(request: AnyRequest, name: str, default: int, ceiling: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 19:
        raise Malformed(f"{name} is a number")
    return min(int(text), ceiling)


@post(["/api/tasks/{task_id:str}/result", "/d/{segment:str}/api/tasks/{task_id:str}/result"], status_code=200)
async def take_result(request: AnyRequest, parts: NamedDependency[Parts], task_id: FromPath[str]) -> Response[bytes]:
    """Keep what a daemon says of a task; whatever is well-formed and authentic is answered 200."""
    caller = await _identify(request, parts, may_be_expired=True)
    result = _read_result(await _read_object(request, _RESULT_BYTES), task_id)
    if caller.is_expired and not await _may_report(parts, caller, result):
        raise NotAllowed("this token is past its life; enrol again")
    recorded = await parts.store.tasks.record(caller.daemon.daemon_id, result)
    parts.counts.results[recorded.value] += 1
    if recorded is Recorded.RECORDED:
        parts.allowances.give_back(caller.daemon.daemon_id)
    receipt = {"ID": result.task_id, "Status": result.status.value, "Recorded": recorded.value}
    return Response(codec.encode(receipt), media_type="application/json", headers=_head(parts, caller.level))


def _read_result(members: dict[str, Any], task_id: str) -> Result:
    named, status, data, attempt = (members.get(name) for name in ("ID", "Status", "Data", "Attempt"))
    if not isinstance(named, str | int) or isinstance(named, bool) or str(named) != task_id:
        raise Malformed("ID is not the one of the address")
    if not isinstance(status, str) or status not in _STATUSES:
        raise Malformed("Status is none")
    if data is not None and not isinstance(data, dict):
        raise Malformed("Data is an object")
    if attempt is not None and (not isinstance(attempt, int) or isinstance(attempt, bool)):
        raise Malformed("Attempt is a number")
    if data is not None and len(codec.encode(data)) > DATA_BYTES:
        raise TooLarge(f"Data has {DATA_BYTES // 1024} KiB at most")
    return Result(named, _STATUSES[status], data or {}, attempt)


async def _may_report(parts: Parts, caller: Caller, result: Result) -> bool:
    """Say whether a token past its life may still report: what it had accepted, for thirty days."""
    if not isinstance(result.task_id, int):
        return False
    task = await parts.store.tasks.get(caller.daemon.daemon_id, result.task_id)
    return task is not None and task.accepted_at is not None and datetime.now(UTC) - task.accepted_at < _LATE_RESULTS


@post("/api/enrol", status_code=200)
async def take_code(request: AnyRequest, parts: NamedDependency[Parts]) -> Response[bytes]:
    """Make a daemon of whoever has a code; 202 while an operator has to approve."""
    members = await _read_object(request, _SMALL_BYTES)
    try:
        enrolled = await enrol(parts.store, members)
    except CodeRefused:
        parts.guesses.note(read_client(request.scope))
        raise
    if enrolled is None:
        return _answer(parts, {"Pending": True}, status=202)
    return _answer(parts, {"DaemonID": enrolled.daemon_id, "Token": enrolled.token, "Epoch": parts.epoch})


@post("/api/daemon/token", status_code=200)
async def renew_token(request: AnyRequest, parts: NamedDependency[Parts]) -> Response[bytes]:
    """Give a daemon the successor of its token."""
    caller = await _identify(request, parts)
    return _answer(parts, {"Token": await renew(parts.store, caller)})


@post("/api/daemon/heartbeat", status_code=200)
async def beat(request: AnyRequest, parts: NamedDependency[Parts]) -> Response[bytes]:
    """Note what runs, and say what shall be stopped."""
    caller = await _identify(request, parts)
    members = await _read_object(request, _SMALL_BYTES)
    running, state = members.get("Running", []), members.get("State")
    if not isinstance(running, list):
        raise Malformed("Running is a list")
    said = dict(found for found in map(_read_running, running[:_RUNNING_COUNT]) if found is not None)
    daemon_id = caller.daemon.daemon_id
    if isinstance(state, str) and state != caller.daemon.health:
        await parts.store.daemons.keep_health(daemon_id, state[:_PHASE_CHARACTERS])
    cancel = await parts.store.tasks.note_progress(daemon_id, said)
    return _answer(parts, {"Cancel": cancel, "PollAfter": parts.pace.seconds})


def _read_running(item: Any) -> tuple[int, dict[str, Any]] | None:
    """Read one task of a heartbeat; what does not fit is left out, for it is only a report."""
    task_id: TaskID | None = item.get("ID") if isinstance(item, dict) else None
    if not isinstance(task_id, int) or isinstance(task_id, bool):
        return None
    said: dict[str, Any] = {}
    for name in ("State", "Phase"):
        if isinstance(item.get(name), str):
            said[name] = item[name][:_PHASE_CHARACTERS]
    for name in ("Fraction", "Bytes"):
        if isinstance(item.get(name), int | float) and not isinstance(item[name], bool):
            said[name] = item[name]
    return task_id, said


@put("/api/daemon/inventory", status_code=204)
async def take_inventory(request: AnyRequest, parts: NamedDependency[Parts]) -> Response[None]:
    """Keep what a daemon's servers have."""
    caller = await _identify(request, parts)
    inventory = await _read_object(request, parts.current.settings.body_kibibytes * 1024)
    await parts.store.daemons.keep_inventory(caller.daemon.daemon_id, inventory)
    return Response(None, status_code=204, headers=_head(parts, 1))


def _answer(parts: Parts, members: dict[str, Any], status: int = 200) -> Response[bytes]:
    return Response(codec.encode(members), status_code=status, media_type="application/json", headers=_head(parts, 1))


async def _read_object(request: AnyRequest, ceiling: int) -> dict[str, Any]:
    """Read a body strictly; raises `TooLarge`, `Malformed`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > ceiling:
            raise TooLarge(f"the body has {ceiling // 1024} KiB at most")
    try:
        value = codec.decode(bytes(body))
    except codec.Undecodable as exc:
        raise Malformed("the body is no JSON that can be read") from exc
    reason = codec.find_refused(value)
    if reason is not None or not isinstance(value, dict):
        raise Malformed(reason or "the body is no object")
    return value


ROUTES: Final[list[BaseRouteHandler]] = [poll, hand_out, take_result, take_code, renew_token, beat, take_inventory]
