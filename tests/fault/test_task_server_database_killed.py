"""PostgreSQL is killed under two task servers that are at work: what they acknowledged holds, and they come back.

`TASK_SERVER_DATABASE_KILLS` is how often, half of them all of it, the others one of the processes that serve the task
servers; `TASK_SERVER_DATABASE_AWAY` is how many seconds it is away after the first kind.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest

from tests.contract.store_stage import postgresql_process, rename
from tests.task_server_ledger import FleetDaemon, Ledger, Operator, Wire
from tests.task_server_nursery import TaskServerNursery

KILLS_COUNT = int(os.environ.get("TASK_SERVER_DATABASE_KILLS", "2"))
AWAY_SECONDS = float(os.environ.get("TASK_SERVER_DATABASE_AWAY", "0"))
DAEMONS_COUNT = 4
READY_SECONDS_MAX, BACK_SECONDS_MAX = 10.0, 30.0
SEED = 20261130


class Postgres:
    """A PostgreSQL that is a child of this process, so that it is gone as soon as it was killed and waited for."""

    def __init__(self, made: Any) -> None:
        self.url = made.get_uri()
        self._folder, self._user = str(made.pgdata), made.system_user
        self._program = str(made.bin_path / "postgres")
        made.stop()
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers; it refuses to while what a killed one left behind has not ended."""
        self._process, ends_at = self._launch(), time.monotonic() + BACK_SECONDS_MAX
        while not is_answering(self.url):
            assert time.monotonic() < ends_at, "PostgreSQL does not come back"
            if self._process.poll() is not None:
                self._process = self._launch()
            time.sleep(0.05)

    def kill_all(self) -> float:
        """Kill the postmaster and start anew; return when the database answers."""
        self._process.kill()
        self._process.wait(20)
        time.sleep(AWAY_SECONDS)
        self.start()
        return time.monotonic()

    def kill_one(self) -> float:
        """Kill one of the processes that serve the task servers; all others then end, and PostgreSQL mends itself."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "select pid from pg_stat_activity where datname = 'kill_one' and state is not null order by pid"
            ).fetchall()
        os.kill(random.Random(SEED).choice(rows)[0], signal.SIGKILL)
        return find_answer(self.url)

    def end(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)

    def _launch(self) -> subprocess.Popen[bytes]:
        command, nowhere = [self._program, "-D", self._folder, "-h", "", "-k", self._folder], subprocess.DEVNULL
        return subprocess.Popen(command, user=self._user, cwd=self._folder, stdout=nowhere, stderr=nowhere)


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgresql_process() as made:
        server = Postgres(made)
        try:
            yield server
        finally:
            server.end()


class Work:
    """Daemons and their operators at work in threads, until they are told to end."""

    def __init__(self, urls: list[str], token: str) -> None:
        self.ledger = Ledger(has_mortal_database=True)
        self.done_count = 0
        self._urls, self._token = urls, token
        self._is_over = threading.Event()
        self._lock = threading.Lock()

    def operator(self, number: int = 0) -> Operator:
        return Operator(self._wire(number), self._token, self.ledger)

    def run(self, number: int) -> None:
        """Give tasks to one daemon and be that daemon, over and over."""
        wire, operator = self._wire(number), self.operator(number)
        made = operator.ask("POST", "daemons", {"Name": f"d-{number}"}).value
        daemon_id, daemon = made["Daemon"]["ID"], FleetDaemon(wire, made["Token"], self.ledger)
        accepted: set[int] = set()
        while not self._is_over.is_set():
            given = operator.give(daemon_id)[1]
            handed = {task["ID"]: task for task in daemon.fetch()}
            if again := accepted & handed.keys():
                self.ledger.note(f"{again} were handed out again")
            # The answer that held it may have been lost: then it stays leased, and is reported all the same.
            task = handed.get(given, {"ID": given, "Attempt": 1})
            daemon.report(daemon_id, task, "accepted")
            accepted.add(given)
            daemon.report(daemon_id, task, "completed", Outcome="success", Number=given)
            with self._lock:
                self.done_count += 1

    def end(self) -> None:
        self._is_over.set()

    def wait_until_done(self, count: int) -> None:
        ends_at = time.monotonic() + 60
        while self.done_count < count:
            assert time.monotonic() < ends_at, "nothing gets done any more"
            time.sleep(0.02)

    def _wire(self, number: int) -> Wire:
        return Wire(lambda: self._urls[number % len(self._urls)], lambda: time.sleep(0.05))


def is_answering(url: str) -> bool:
    with suppress(psycopg.Error), psycopg.connect(url, connect_timeout=2) as connection:
        connection.execute("select 1")
        return True
    return False


def find_answer(url: str) -> float:
    """Wait until the database answers; return when that was."""
    ends_at = time.monotonic() + BACK_SECONDS_MAX
    while not is_answering(url):
        assert time.monotonic() < ends_at, "PostgreSQL does not come back"
        time.sleep(0.05)
    return time.monotonic()


def wait_until_ready(url: str) -> None:
    ends_at = time.monotonic() + 60
    while True:
        with suppress(OSError), urlopen(f"{url}/readyz", timeout=40) as answer:
            if answer.status == 200:
                return
        assert time.monotonic() < ends_at, "the task server does not come back"
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["kill_all", "kill_one"])
def test_kill_of_the_database_loses_nothing_that_was_acknowledged_and_doubles_nothing(
    database: Postgres, kind: str
) -> None:
    url = rename(database.url, kind)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"create database {kind}")
    with tempfile.TemporaryDirectory() as folder, TaskServerNursery() as nursery:
        births = [nursery.start(Path(folder) / name / "data", words=("--database", url)) for name in "ab"]
        assert births[0].token is not None
        urls = [birth.url for birth in births]
        work, waits = Work(urls, births[0].token), []
        with ThreadPoolExecutor(DAEMONS_COUNT) as pool:
            workers = [pool.submit(work.run, number) for number in range(DAEMONS_COUNT)]
            try:
                for _ in range(max(KILLS_COUNT // 2, 1)):
                    work.wait_until_done(work.done_count + 10)
                    back_at = database.kill_all() if kind == "kill_all" else database.kill_one()
                    for one in urls:
                        wait_until_ready(one)
                        waits.append(time.monotonic() - back_at)
                work.wait_until_done(work.done_count + 10)
            finally:
                work.end()
            for worker in workers:
                worker.result(120)
        wrongs = work.ledger.find_wrongs(work.operator())
    print(f"{len(waits) // 2} kills, {work.done_count} tasks done, ready {max(waits):.1f} s after the database at most")
    assert wrongs == []
    assert max(waits) < READY_SECONDS_MAX
