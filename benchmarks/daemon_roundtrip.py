"""What a task costs beside what cannot be saved, at a task server of level 0: python -m benchmarks.daemon_roundtrip.

The round trip begins when the poll comes that is answered with the news of the task, and ends when its result has
come; a sandbox of Duplicati is asked one question by a task that reads. Its exchanges over HTTP and its syncs of the
journal are measured beside it, in turns with it, by a client and a file that do nothing else, as one chain: with bodies
and lines of the same kind, the task server on a connection that is kept, Duplicati on a new one. `accepted`, which a
task that reads sends too, is not in the chain.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.daemon_server import TaskServerProcess, task_server_process
from benchmarks.daemon_stage import DaemonProcess, Setting, daemon_process, has_proc, write_configuration
from benchmarks.measuring import print_table, verdict
from duplicati_client import Credentials, Duplicati
from duplicati_client.daemon.storage import DiskFolder
from duplicati_client.http import Request, SocketTransport
from tests.sandbox_process import SandboxProcess, sandbox_process

ROUNDS = 25
RATIO_MAX = 2.0
LINE_BYTES = 300
PARTS = STATUS, TASKS, SYNCS, QUESTION, RESULT = "status", "tasks", "syncs", "Duplicati", "result"


class Kind(NamedTuple):
    """A task: its operation, how it ends, and how many steps are durable before its result is sent."""

    name: str
    operation: str
    end: str
    syncs_count: int
    questions_count: int


KINDS = (
    Kind("refused", "made-up", "refused", 3, 0),
    Kind("a read", "logs", "completed", 4, 1),
)


def main() -> int:
    """Print the table; the status is 1 if a limit was missed."""
    if not has_proc():
        print("\nA task's round trip is measured on Linux only.")
        return 0
    trips: dict[Kind, list[float]] = {kind: [] for kind in KINDS}
    chains: dict[Kind, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as name, sandbox_process(Path(name)) as sandbox, task_server_process(0) as tasks:
        config = write_configuration(Path(name) / "d", Setting(tasks.url, sandbox.url, sandbox.password))
        with daemon_process(config) as daemon, task_server_process(0) as other:
            links = _prepare(Path(name), sandbox, other)
            for number in range(ROUNDS + 1):
                for kind in KINDS:
                    milliseconds = _make_trip(daemon, tasks, kind, number + 1)
                    chain = _go_through(kind, links)
                    if number:
                        trips[kind].append(milliseconds)
                        chains[kind].append(chain)
    rows = [_row(kind, trips[kind], chains[kind], choose) for kind in KINDS for choose in (min, statistics.median)]
    head = ["task", "of all", "round trip ms", "chain ms", "ratio", "limit", "", *PARTS]
    print_table(f"A task's round trip at level 0, {ROUNDS} times, and what it cannot do without", head, rows)
    return int(any("MISSED" in row for row in rows))


def _row(
    kind: Kind, trips: list[float], chains: list[dict[str, float]], choose: Callable[[Iterable[float]], float]
) -> list[str]:
    trip, chain = choose(trips), choose([sum(links.values()) for links in chains])
    ratio = trip / chain
    cells = [kind.name, "least" if choose is min else "median", f"{trip:.2f}", f"{chain:.2f}", f"{ratio:.2f}"]
    parts = [f"{choose([links[part] for links in chains]):.2f}" for part in PARTS]
    # The least of few is luck with the disk, once here and once there: the limit is for what usually is.
    limit = ["", ""] if choose is min else [f"{RATIO_MAX:.0f}", verdict(ratio, RATIO_MAX)]
    return [*cells, *limit, *parts]


def _go_through(kind: Kind, links: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Do one after the other what a task cannot do without; return the milliseconds of each part."""
    counts = {STATUS: 1, TASKS: 1, SYNCS: kind.syncs_count, QUESTION: kind.questions_count, RESULT: 1}
    spent = {}
    for part, count in counts.items():
        started = time.perf_counter()
        for _ in range(count):
            links[part]()
        spent[part] = (time.perf_counter() - started) * 1000
    return spent


def _make_trip(daemon: DaemonProcess, tasks: TaskServerProcess, kind: Kind, count: int) -> float:
    tasks.give(1, kind.operation)
    daemon.wait_until(lambda: tasks.read()["Ends"].get(kind.end) == count, f"a task to end as {kind.end}")
    at = tasks.read()["At"]
    return float(at["ended"] - at["asked"]) * 1000


def _prepare(folder: Path, sandbox: SandboxProcess, tasks: TaskServerProcess) -> dict[str, Callable[[], object]]:
    """Return what a round trip is made of, each ready to be done: a task server with one task, a server, a file."""
    tasks.give(1, "made-up")
    transport = SocketTransport(tasks.url)
    server = Duplicati(sandbox.url, credentials=Credentials(password=sandbox.password))
    place = folder / "alone"
    place.mkdir()
    log, line = DiskFolder(str(place)).open_log("task-list.yml"), b"-" * LINE_BYTES + b"\n"
    reason = {"Code": "prohibited", "Reason": "there is no operation made-up"}
    result = json.dumps({"ID": 7, "Status": "refused", "Data": reason}).encode()
    post = Request("POST", "api/tasks/7/result", {"Content-Type": "application/json"}, result)

    def sync() -> None:
        log.append(line)
        log.sync()

    def ask() -> None:
        connection = SocketTransport(sandbox.url)
        question = Request("GET", "api/v1/logdata/log?pagesize=50", server.channel.access.headers())
        assert connection.send(question).status == 200
        connection.close()

    return {
        STATUS: lambda: transport.send(Request("GET", "api/tasks/status")),
        TASKS: lambda: transport.send(Request("GET", "api/tasks")),
        RESULT: lambda: transport.send(post),
        SYNCS: sync,
        QUESTION: ask,
    }


if __name__ == "__main__":
    sys.exit(main())
