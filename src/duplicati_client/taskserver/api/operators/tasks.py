"""Tasks for operators: given to a daemon or to all with some labels, listed, watched, cancelled, given anew."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter

from ....protocol import codec
from ....protocol.exchange import WAIT_SECONDS_MAX
from ....protocol.task import Malformed as MalformedTask
from ....protocol.task import read_task
from ...errors import DaemonUnknown, Malformed, TaskUnknown
from ...operators import Operator
from ...parts import Parts
from ...records import OPEN, Daemon, DaemonState, Draft, Role, Task, TaskState
from ...store.interface import TaskQuery
from .bodies import KeptTold, NewTask, Part, TaskTold
from .conditions import LIMIT_MAX, AnyRequest, make_page, write_etag
from .repeats import read_key
from .writing import tell_kept, tell_task

_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])", re.IGNORECASE)
_DAEMONS_MAX: Final = 5000
_STATES: Final = {
    "open": OPEN,
    "ended": tuple(state for state in TaskState if state not in OPEN),
    **{state.value: (state,) for state in TaskState},
}
Number = Annotated[int, PathParameter(ge=1, le=2**53)]
StateName = Literal[
    "open", "ended", "pending", "offered", "accepted", "completed", "error", "refused", "cancelled", "expired"
]


@post("/api/v1/tasks", status_code=201)
async def create(
    request: AnyRequest, parts: NamedDependency[Parts], operator: NamedDependency[Operator], data: JSONBody[NewTask]
) -> Part[TaskTold]:
    """Give a task to one daemon, or to every one that has some labels. With `Idempotency-Key` a repeat gives none."""
    operator.require(Role.OPERATOR)
    key = await read_key(request)
    made = await parts.store.register.find_made(operator.user, key) if key is not None else None
    if made is not None:
        return await _tell_again(parts, operator, made)
    daemons = await _choose(parts, operator, data)
    content, expires_at = _check(data.task)
    drafts = [Draft(daemon.daemon_id, content, expires_at) for daemon in daemons]
    names = {daemon.daemon_id: daemon.name for daemon in daemons}
    open_max = parts.current.settings.open_tasks_max
    tasks = await parts.store.tasks.create(drafts, operator.user, open_max, key)
    return Part(items=[tell_task(task, names.get(task.daemon_id, "")) for task in tasks])


async def _tell_again(parts: Parts, operator: Operator, made: Sequence[tuple[str, int]]) -> Part[TaskTold]:
    """Tell of tasks as they are now that a request made before; raises `DaemonUnknown` if they are not theirs."""
    told = []
    for daemon_id, number in made:
        daemon = await parts.operators.find_daemon(operator, daemon_id)
        task = await parts.store.tasks.get(daemon_id, number)
        told += [tell_task(task, daemon.name)] if task is not None else []
    return Part(items=told)


async def _choose(parts: Parts, operator: Operator, data: NewTask) -> list[Daemon]:
    if (data.daemon is None) == (data.selector is None):
        raise Malformed("either Daemon or Selector says who gets it")
    if data.daemon is not None:
        daemon = await parts.operators.find_daemon(operator, data.daemon)
        if daemon.state is not DaemonState.ACTIVE:
            raise DaemonUnknown(f"this daemon is {daemon.state.value}")
        return [daemon]
    wanted = data.selector or {}
    if not wanted:
        raise Malformed("an empty Selector would be everybody; name a label")
    known = await _list_daemons(parts, operator.labels | wanted.items())
    found = [daemon for daemon in known if daemon.state is DaemonState.ACTIVE]
    if not found:
        raise DaemonUnknown("no daemon has these labels")
    return found


async def _list_daemons(parts: Parts, labels: Collection[tuple[str, str]]) -> list[Daemon]:
    """Return all daemons that have these labels; raises `Malformed` if they are too many for one request."""
    found: list[Daemon] = []
    cursor = None
    while True:
        page = await parts.store.daemons.find(cursor, LIMIT_MAX, labels)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found
        if len(found) > _DAEMONS_MAX:
            raise Malformed(f"these are more than {_DAEMONS_MAX} daemons")


def _check(content: dict[str, Any]) -> tuple[dict[str, Any], datetime | None]:
    """Read a task by the protocol's own rules, so that no daemon is sent one that cannot be done."""
    reserved = {"ID", "Attempt"} & content.keys()
    if reserved:
        raise Malformed(f"the task server gives {', '.join(sorted(reserved))}")
    plain = codec.decode(codec.encode(content))
    task = read_task({"ID": 1, **plain}) if isinstance(plain, dict) else None
    if task is None or isinstance(task, MalformedTask):
        raise Malformed(f"this is no task: {task.reason}" if task is not None else "this is no task")
    return plain, task.not_after


@get("/api/v1/tasks")
async def find(  # noqa: PLR0913, PLR0917 - what may be asked for
    request: AnyRequest,
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    daemon: Annotated[str | None, QueryParameter(max_length=64)] = None,
    wanted: Annotated[StateName | None, QueryParameter(name="state")] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = 100,
) -> Response[Part[TaskTold]]:
    """List tasks, newest first, without their data."""
    daemon_ids = await _find_ids(parts, operator, daemon)
    states = _STATES[wanted] if wanted is not None else None
    page = await parts.store.tasks.find(TaskQuery(daemon_ids, states, cursor, limit))
    names = await _name(parts, {task.daemon_id for task in page.items})
    return make_page(request, page, [tell_task(task, names.get(task.daemon_id, "")) for task in page.items])


async def _find_ids(parts: Parts, operator: Operator, selector: str | None) -> Collection[str] | None:
    if selector is not None:
        return [(await parts.operators.find_daemon(operator, selector)).daemon_id]
    if not operator.is_scoped:
        return None
    return {daemon.daemon_id for daemon in await _list_daemons(parts, operator.labels)}


async def _name(parts: Parts, daemon_ids: Collection[str]) -> dict[str, str]:
    found = [await parts.store.daemons.get(daemon_id) for daemon_id in sorted(daemon_ids)]
    return {daemon.daemon_id: daemon.name for daemon in found if daemon is not None}


@get("/api/v1/tasks/{daemon:str}/{number:int}")
async def read(
    request: AnyRequest,
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    daemon: FromPath[str],
    number: Number,
) -> Response[TaskTold | None]:
    """Show a task with its data. With `If-None-Match`, `Prefer: wait=N` waits for a change; 304 if there was none."""
    found = await parts.operators.find_daemon(operator, daemon)
    known = request.headers.get("if-none-match")
    wait = _WAIT.search(request.headers.get("prefer", ""))
    seconds = min(int(wait[1]), WAIT_SECONDS_MAX) if wait and known else 0

    async def look() -> Task | None:
        task = await parts.store.tasks.get(found.daemon_id, number)
        if task is None:
            raise TaskUnknown("there is no such task")
        return task if write_etag(task.version) != known else None

    task = await parts.attentions.watch(found.daemon_id, look, seconds)
    if seconds:  # meanwhile the token may have ended, or the daemon be another's
        await parts.operators.find_daemon(await parts.operators.identify(request.headers), found.daemon_id)
    if task is None:
        return Response(None, status_code=304, headers={"ETag": str(known), "Cache-Control": "no-store"})
    return Response(
        tell_task(task, found.name), headers={"ETag": write_etag(task.version), "Cache-Control": "no-store"}
    )


@get("/api/v1/tasks/{daemon:str}/{number:int}/results")
async def list_results(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], daemon: FromPath[str], number: Number
) -> Part[KeptTold]:
    """List what came for a task and was not applied: late, conflicting, stale."""
    found = await parts.operators.find_daemon(operator, daemon)
    return Part(items=[tell_kept(kept) for kept in await parts.store.tasks.list_results(found.daemon_id, number)])


@post("/api/v1/tasks/{daemon:str}/{number:int}/cancel", status_code=200)
async def cancel(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], daemon: FromPath[str], number: Number
) -> TaskTold:
    """End a waiting task, or ask the daemon that has it to stop; the answer says what is true now."""
    operator.require(Role.OPERATOR)
    found = await parts.operators.find_daemon(operator, daemon)
    return _told(await parts.store.tasks.cancel(found.daemon_id, number, operator.user), found)


@post("/api/v1/tasks/{daemon:str}/{number:int}/reassign", status_code=200)
async def reassign(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], daemon: FromPath[str], number: Number
) -> TaskTold:
    """Offer an open task again under a new attempt; what still comes of the one before is kept and not applied."""
    operator.require(Role.OPERATOR)
    found = await parts.operators.find_daemon(operator, daemon)
    return _told(await parts.store.tasks.reassign(found.daemon_id, number, operator.user), found)


def _told(task: Task | None, daemon: Daemon) -> TaskTold:
    if task is None:
        raise TaskUnknown("there is no such open task")
    return tell_task(task, daemon.name)


ROUTES: Final = [create, find, read, list_results, cancel, reassign]
