"""The queue in its order, and what little a server tells of past tasks."""

from __future__ import annotations

from duplicati_client.http import Request
from duplicati_client.operations.queue import list_tasks, read_queue
from duplicati_client.sdk.client import Duplicati
from tests.fakes import FakeTransport, Reply, answer
from tests.unit.operations.one_server import listed, server_of

STATE = {
    "ActiveTask": {"Item1": 5, "Item2": "1"},
    "SchedulerQueueIds": [{"Item1": 8, "Item2": "2"}, {"Item1": 6, "Item2": "1"}],
}
UNKNOWN = answer(404, {"Error": "No such task found"})
QUEUE = [{"Status": "Running", "ID": number} for number in (8, 6, 7, 5)]


class Memory:
    """Answers for these past tasks, and counts who else is asked for."""

    def __init__(self, *numbers: int, status: str = "Completed") -> None:
        self.numbers = numbers
        self.status = status

    def __call__(self, request: Request) -> Reply:
        number = int(request.path.rpartition("/")[2])
        return answer(200, {"ID": number, "Status": self.status}) if number in self.numbers else UNKNOWN


def server_with(
    memory: Memory, *, state: object = STATE, tasks: object = QUEUE, progress: object = UNKNOWN
) -> tuple[Duplicati, FakeTransport]:
    paths = {f"task/{number}": memory for number in range(200)}
    known = {"serverstate": state, "tasks": tasks, "backups": listed("a", "b"), "progressstate": progress}
    return server_of({**known, **paths})


def test_running_task_comes_first_then_the_waiting_in_the_order_of_the_queue_then_the_past() -> None:
    server, _ = server_with(Memory(2, 3, 4))
    assert [(task.task_id, task.status, task.backup_name) for task in list_tasks(server)] == [
        (5, "running", "a"),
        (8, "waiting", "b"),
        (6, "waiting", "a"),
        (7, "waiting", None),  # the state names no command line's task
        (4, "ended", None),
        (3, "ended", None),
        (2, "ended", None),
    ]


def test_last_task_of_an_idle_server_is_named_by_its_progress() -> None:
    server, _ = server_with(Memory(4, 9, status="Failed"), state={}, tasks=[], progress={"TaskID": 9, "BackupID": "2"})
    assert [(task.task_id, task.status, task.backup_name) for task in list_tasks(server)] == [
        (9, "failed", "b"),
        (4, "failed", None),
    ]


def test_server_that_has_done_nothing_yet_lists_nothing() -> None:
    server, transport = server_with(Memory(), state={}, tasks=[])
    assert list_tasks(server) == []
    assert len(transport.requests) == 4


def test_ten_past_tasks_are_enough_and_twenty_numbers_are_tried() -> None:
    progress = {"TaskID": 100}
    server, _ = server_with(Memory(*range(200)), state={}, tasks=[], progress=progress)
    assert [task.task_id for task in list_tasks(server)] == list(range(100, 90, -1))
    server, transport = server_with(Memory(79), state={}, tasks=[], progress=progress)
    assert list_tasks(server) == []
    assert sum("/task/" in line for line in transport.asked) == 20


def test_task_that_began_since_the_state_was_read_runs() -> None:
    began = {"Status": "Running", "ID": 8, "TaskStarted": "2026-11-24T14:15:05+00:00"}
    server, _ = server_with(Memory(), tasks=[began, {"Status": "Running", "ID": 6}])
    queue = read_queue(server, server.state.get(), server.backups.list())
    assert [(task.task_id, task.status) for task in queue] == [(8, "running"), (6, "waiting")]
