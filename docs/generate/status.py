"""What `daemon status --output json` says, as records: the program makes it of plain values, in daemon/snapshot.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple


class DaemonWeaker(NamedTuple):
    """A promise that is weaker at level 0."""

    promise: str
    text: str


class DaemonTaskServer(NamedTuple):
    """The contact to the task server."""

    state: str
    url: str
    level: int | None
    weaker: Sequence[DaemonWeaker]
    since: datetime | None
    polled_at: datetime | None
    answered_at: datetime | None
    beat_at: datetime | None
    message: str | None
    hint: str | None


class DaemonTasks(NamedTuple):
    """How many tasks there are."""

    open_count: int
    ended_count: int


class DaemonRunning(NamedTuple):
    """A task in progress."""

    task_id: Any
    state: str
    phase: str | None
    fraction: float | None
    bytes_count: int | None


class DaemonResults(NamedTuple):
    """What is to be said to the task server."""

    pending_count: int
    slow_count: int


class DaemonPolicy(NamedTuple):
    """The policy in force."""

    digest: str
    preset: str
    error: str | None


class DaemonStorage(NamedTuple):
    """The state folder and its disk."""

    folder: str
    free_bytes: int
    total_bytes: int
    floor_bytes: int
    is_below_floor: bool
    failure: str | None
    damage: str | None


class DaemonServer(NamedTuple):
    """A Duplicati server."""

    alias: str
    state: str
    tasks_count: int
    code: str | None
    message: str | None


class DaemonEvent(NamedTuple):
    """Something that happened."""

    at: datetime
    level: str
    code: str
    text: str
    task: str | None


class DaemonProblem(NamedTuple):
    """Something that is wrong."""

    code: str
    text: str


class DaemonStatus(NamedTuple):
    """The whole."""

    state: str
    name: str
    version: str | None
    pid: int | None
    config: str
    started_at: datetime | None
    at: datetime | None
    task_server: DaemonTaskServer | None
    tasks: DaemonTasks
    running: Sequence[DaemonRunning]
    results: DaemonResults | None
    held: Sequence[str]
    policy: DaemonPolicy | None
    storage: DaemonStorage | None
    clock_offset_seconds: float | None
    servers: Sequence[DaemonServer]
    plain_count: int
    events: Sequence[DaemonEvent]
    problems: Sequence[DaemonProblem]


MEANINGS = {
    "DaemonStatus.at": "when this was so",
    "DaemonStatus.clock_offset_seconds": "the task server's clock minus this machine's",
    "DaemonStatus.config": "its configuration",
    "DaemonStatus.events": "the last twenty, as in [events](daemon-states.md#events)",
    "DaemonStatus.held": "tasks that wait for `daemon resume`, `i:` before a number and `s:` before a text",
    "DaemonStatus.name": "name of the daemon",
    "DaemonStatus.pid": "number of its process",
    "DaemonStatus.plain_count": "how many addresses are spoken to without encryption over a network",
    "DaemonStatus.policy": "the policy in force",
    "DaemonStatus.problems": "what is wrong, as in [conditions](daemon-states.md#conditions), the worst first",
    "DaemonStatus.results": "what is to be said to the task server",
    "DaemonStatus.running": "the tasks that its workers have, the first fifty",
    "DaemonStatus.servers": "the Duplicati servers",
    "DaemonStatus.started_at": "when the process began",
    "DaemonStatus.state": "`running`, `stopped` or `not-running`",
    "DaemonStatus.storage": "the state folder and its disk",
    "DaemonStatus.task_server": "the contact to it",
    "DaemonStatus.tasks": "how many tasks there are",
    "DaemonStatus.version": "release of this program",
    "DaemonTaskServer.answered_at": "when a poll was answered last",
    "DaemonTaskServer.beat_at": "when a heartbeat was answered last",
    "DaemonTaskServer.hint": "what to do next",
    "DaemonTaskServer.level": "0 or 1; null before the first answer",
    "DaemonTaskServer.message": "why it cannot be asked",
    "DaemonTaskServer.polled_at": "when it was asked last",
    "DaemonTaskServer.since": "since when that is so",
    "DaemonTaskServer.state": "`connected`, `unknown`, `away`, `refused`, `conflict` or `not-understood`",
    "DaemonTaskServer.url": "its address, without its path",
    "DaemonTaskServer.weaker": "the [promises](promises.md#at-level-0) that are weaker, at level 0",
    "DaemonWeaker.promise": "its number, such as `G5`",
    "DaemonWeaker.text": "what holds instead",
    "DaemonTasks.ended_count": "how many have ended and are not confirmed",
    "DaemonTasks.open_count": "how many are not confirmed",
    "DaemonRunning.bytes_count": "bytes read so far",
    "DaemonRunning.state": "one of the [states](daemon-states.md#states-of-a-task-in-progress)",
    "DaemonRunning.task_id": "the task server's id of it, a number or a text",
    "DaemonResults.pending_count": "how many results are to be sent",
    "DaemonResults.slow_count": "how many of them the task server does not take",
    "DaemonPolicy.digest": "what stands for its meaning; results name it as `Policy`",
    "DaemonPolicy.error": "why the one on the disk is not in force; null if it is",
    "DaemonPolicy.preset": "its preset",
    "DaemonStorage.failure": "why nothing can be made durable; null if it can",
    "DaemonStorage.damage": "what was wrong with the journal at the start; null if nothing was",
    "DaemonStorage.floor_bytes": "how much has to be free for new tasks",
    "DaemonStorage.folder": "the state folder",
    "DaemonStorage.free_bytes": "how much is free",
    "DaemonStorage.is_below_floor": "whether no new tasks are taken for want of room",
    "DaemonStorage.total_bytes": "size of the disk",
    "DaemonServer.alias": "its alias in the configuration",
    "DaemonServer.code": "code of the error, where it cannot be worked with",
    "DaemonServer.message": "why it cannot be worked with",
    "DaemonServer.state": "`idle`, `failing`, or the state of its first task",
    "DaemonServer.tasks_count": "how many tasks it has",
    "DaemonEvent.at": "when it happened",
    "DaemonEvent.code": "its code",
    "DaemonEvent.level": "info, warning or error",
    "DaemonEvent.task": "the task it is about, as in `held`",
    "DaemonEvent.text": "what happened",
    "DaemonProblem.code": "its code",
    "DaemonProblem.text": "what is wrong",
    "service.is_active": "whether it runs",
    "service.is_installed": "whether it is installed",
    "service.path": "the file that the service manager reads",
}
