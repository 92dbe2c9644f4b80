"""The most memory that a daemon takes, with much to do and with hostile answers: python -m benchmarks.daemon_memory."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import NamedTuple

from benchmarks.daemon_hostile import Case, list_bodies_of_lists, list_cases, make_large_tasks, write
from benchmarks.daemon_journal import fill_journal
from benchmarks.daemon_stage import Setting, daemon_process, has_proc, write_configuration
from benchmarks.measuring import print_table, verdict
from duplicati_client.daemon.config import IN_FLIGHT_COUNT
from tests.hostile import Spoilt, serve
from tests.loopback import Loopback, Peer
from tests.task_server import TaskServer

MEBIBYTES_MAX = 128.0
CASE_SECONDS = 6.0
TIMES = 1
SETTLE_SECONDS = 0.4
AT_A_TIME = 4
TASKS_COUNT = 10_000
TAKEN_COUNT = 2_000
READS_COUNT = 60
NOWHERE = "http://127.0.0.1:9"
PAGED = b"Duplicati-Task-Protocol: 1\r\n"


class Peak(NamedTuple):
    """What one case took; `served_count` is how often the answer was given."""

    name: str
    mebibytes: float
    served_count: int


def main(pattern: str = "") -> int:
    """Print the table; the status is 1 if a limit was missed."""
    if not has_proc():
        print("\nA daemon's memory is measured on Linux only.")
        return 0
    peaks = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for measure in (_measure_work, _measure_hostile_task_server, _measure_hostile_server):
            for peak in measure(pool, pattern):
                peaks.append(peak)
    rows = [_row(peak) for peak in peaks]
    print_table("The most memory of a daemon", ["with", "served", "MiB", "limit", ""], rows)
    return int(any("MISSED" in row for row in rows))


def _row(peak: Peak) -> list[str]:
    limit = [f"{MEBIBYTES_MAX:.0f}", verdict(peak.mebibytes, MEBIBYTES_MAX)]
    return [peak.name, str(peak.served_count), f"{peak.mebibytes:.0f}", *limit]


def _measure_hostile_task_server(pool: ThreadPoolExecutor, pattern: str) -> Iterable[Peak]:
    return pool.map(_measure_case, (case for case in list_cases() if pattern in case.name))


def _measure_work(pool: ThreadPoolExecutor, pattern: str) -> Iterable[Peak]:
    works = {
        "10,000 runs that wait at the task server": _measure_waiting,
        "10,000 tasks in the journal": _measure_journal,
        "endless pages of tasks of 125 KiB": _measure_endless_tasks,
        "reads of 256 KiB, and nobody takes a result": _measure_untaken,
    }
    return pool.map(lambda name: works[name](name), [name for name in works if pattern in name])


def _measure_waiting(name: str) -> Peak:
    """Runs whose time is to come, in pages of 500."""
    with TaskServer(level=1) as tasks:
        run = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 1}], "NotBefore": "2099-01-01T00:00:00Z"}
        tasks.give(*({"ID": number, **run} for number in range(TASKS_COUNT)))
        served = _Served(name, lambda: tasks.counts["result"] >= IN_FLIGHT_COUNT)
        return _measure(Setting(tasks.url, NOWHERE), served)


def _measure_journal(name: str) -> Peak:
    """Tasks that wait, that are to be done, and that have ended, from the start on."""
    with TaskServer(level=1) as tasks, tempfile.TemporaryDirectory() as folder:
        fill_journal(Path(folder) / "state", TASKS_COUNT, kind="mixed")
        served = _Served(name, lambda: tasks.counts["result"] >= TAKEN_COUNT)
        return _measure(Setting(tasks.url, NOWHERE), served, Path(folder) / "state")


def _measure_endless_tasks(name: str) -> Peak:
    """A task server that has ever more large tasks, and takes what comes back."""
    numbers, served = count(1), _Served(name)
    served.times = 100

    def handle(peer: Peer) -> None:
        while (head := peer.read_request()[0]) != "":
            route = _find_route(head)
            if route == "tasks":
                served.note()
                peer.send(write(make_large_tasks(60, numbers), PAGED))
            else:
                peer.send(_answer(route, PAGED))

    with Loopback(handle) as task_server:
        return _measure(Setting(task_server.url, NOWHERE), served)


def _measure_untaken(name: str) -> Peak:
    """A server whose log is longer than a result can be, and a task server whose disk is full."""
    row = {"Timestamp": 1_795_521_605, "Type": "Warning", "Message": "x" * 600, "Exception": None}
    rows = json.dumps([{"ID": number, **row} for number in range(500)]).encode()

    def change(key: str, good: object) -> object:
        spoilt.requests.clear()  # it is not for as many as there are
        if key == "GET logdata/log":
            served.note()
            return rows
        return good

    spoilt, served = Spoilt("2.3.1.0", change), _Served(name)
    served.times, served.seconds = READS_COUNT, 4 * CASE_SECONDS
    with TaskServer(level=1) as tasks, Loopback(serve(spoilt)) as server:
        tasks.give(*({"ID": number, "Operation": "logs", "Parameters": {"count": 500}} for number in range(1_000)))
        tasks.fault("result", times=None, status=507)
        return _measure(Setting(tasks.url, server.url), served)


def _measure_case(case: Case) -> Peak:
    served = _Served(case.name)

    def handle(peer: Peer) -> None:
        while True:
            head, _ = peer.read_request()
            if not head:
                return
            route = _find_route(head)
            if route == case.route:
                served.note()
                _send(peer, case)
            else:
                peer.send(_answer(route))

    with Loopback(handle) as task_server:
        return _measure(Setting(task_server.url, NOWHERE), served)


def _measure_hostile_server(pool: ThreadPoolExecutor, pattern: str) -> Iterable[Peak]:
    bodies = [(f"a list of Duplicati: {name}", body) for name, body in list_bodies_of_lists()]
    return pool.map(_measure_body, [one for one in bodies if pattern in one[0]])


def _measure_body(named: tuple[str, bytes]) -> Peak:
    name, body = named
    served = _Served(name)

    def change(key: str, good: object) -> object:
        if key != "GET backups":
            return good
        served.note()
        return body

    with TaskServer(level=1) as tasks, Loopback(serve(Spoilt("2.3.1.0", change))) as server:
        tasks.give(
            *({"ID": number, "Operation": "list", "Resources": [{"Type": "backup"}]} for number in range(TIMES + 1))
        )
        served.is_over = lambda: all(given.terminal for given in tasks.given)
        return _measure(Setting(tasks.url, server.url), served)


def _measure(setting: Setting, served: _Served, state_folder: Path | None = None) -> Peak:
    with tempfile.TemporaryDirectory() as folder:
        config = write_configuration(Path(folder) / "d", setting)
        if state_folder is not None:
            state_folder.rename(config.parent / "state")
        with daemon_process(config) as daemon:
            served.wait(lambda: daemon.is_alive)
            assert daemon.is_alive, daemon.read_log()
            return Peak(served.name, daemon.read_peak_mebibytes(), served.count)


class _Served:
    """How often the answer of a case was given, and when that is enough."""

    def __init__(self, name: str, is_over: Callable[[], bool] | None = None) -> None:
        self.name = name
        self.count = 0
        self.times, self.seconds = TIMES, CASE_SECONDS
        self.is_over = is_over or (lambda: self.count > self.times)

    def note(self) -> None:
        self.count += 1

    def wait(self, is_alive: Callable[[], bool]) -> None:
        """Wait until it is enough, or for the longest time of a case."""
        ends_at = time.monotonic() + self.seconds
        while not self.is_over() and is_alive() and time.monotonic() < ends_at:
            time.sleep(0.05)
        time.sleep(SETTLE_SECONDS)


def _send(peer: Peer, case: Case) -> None:
    """Send it; a daemon that has had enough hangs up, which ends this by an `OSError`."""
    peer.send(case.begin)
    while case.endless:
        peer.send(case.endless)
        time.sleep(case.pause_seconds)


def _find_route(head: str) -> str:
    path = head.split(" ", 2)[1].partition("?")[0]
    return "result" if path.endswith("/result") else path.rpartition("/")[2]


def _answer(route: str, headers: bytes = b"") -> bytes:
    tasks = json.dumps([{"ID": 1, "Operation": "made-up"}]).encode() if route == "tasks" else b""
    return write(tasks, headers, b"303 See Other" if route == "status" else b"200 OK")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
