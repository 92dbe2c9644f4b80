"""A task server whose database goes away and comes back: told as such, no bug, nothing half done."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.contract.store_stage import make_database, postgresql
from tests.e2e.task_server_process import PATIENCE_SECONDS, Answer, TaskServerProcess, read_ready
from tests.sandbox_process import PROGRAM

READY_SECONDS = 10.0
TASK = {"Operation": "list", "Resources": [{"Type": "backup"}]}


class Cable:
    """Leads from a port of this machine to a database's socket until it is cut, and again once it is mended."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._accept()

    def _accept(self) -> None:
        threading.Thread(target=self._take_all, args=[self._listener], daemon=True).start()

    def _take_all(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._path)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._lead, args=[one, other], daemon=True).start()

    def _lead(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._accept()


class Scene(NamedTuple):
    server: TaskServerProcess
    cable: Cable
    daemon: str

    def ask(self, method: str, path: str, value: object = None) -> Answer:
        return self.server.ask_as(self.server.token, method, path, value)

    def report(self, number: int) -> Answer:
        result = {"ID": number, "Status": "completed", "Data": {"Outcome": "success"}}
        return self.server.ask_as(self.daemon, "POST", f"/api/tasks/{number}/result", result)


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture
def scene(database_url: str, tmp_path: Path) -> Iterator[Scene]:
    parts = urlsplit(make_database(database_url, "template1"))
    (folder,) = parse_qs(parts.query)["host"]
    cable = Cable(f"{folder}/.s.PGSQL.5432")
    place = f"postgresql://postgres@127.0.0.1:{cable.port}{parts.path}"
    words = ["task-server", "run", "--listen", "127.0.0.1:0", "--database", place, "--output", "json"]
    with (
        (tmp_path / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen([str(PROGRAM), *words], stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            server = read_ready(process)
            made = server.ask_as(server.token, "POST", "/api/v1/daemons", {"Name": "nas"})
            yield Scene(server, cable, made.value["Token"])
        finally:
            process.kill()
            process.wait(PATIENCE_SECONDS)
            cable.cut()


def test_database_that_is_away_is_told_as_such_and_all_goes_on_once_it_is_back(scene: Scene) -> None:
    give = ("POST", "/api/v1/tasks", {"Daemon": "nas", "Task": TASK})
    assert [scene.ask(*give).status for _ in range(2)] == [201, 201]
    assert scene.server.ask("GET", "/readyz").status == 200
    scene.cable.cut()
    acts: dict[str, Callable[[], Answer]] = {
        "give": lambda: scene.ask(*give),
        "list": lambda: scene.ask("GET", "/api/v1/tasks"),
        "report": lambda: scene.report(1),
        "stranger": lambda: scene.server.ask_as("dco_" + "x" * 49, "GET", "/api/v1/me"),
    }
    answers = {"ready": scene.server.ask("GET", "/readyz")}
    with ThreadPoolExecutor(len(acts)) as threads:
        answers |= dict(zip(acts, threads.map(lambda act: act(), acts.values()), strict=True))
    assert {name: answer.status for name, answer in answers.items()} == {
        "ready": 503, "give": 503, "list": 503, "report": 503, "stranger": 401,
    }  # fmt: skip
    away = [answer for answer in answers.values() if answer.status == 503]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in away)
    assert {answer.value["type"] for answer in away[1:]} == {"urn:duplicati-task:store-unusable"}
    assert scene.server.ask("GET", "/livez").status == 200
    scene.cable.mend()
    ends_at = time.monotonic() + READY_SECONDS
    while scene.server.ask("GET", "/readyz").status != 200:
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    assert scene.report(1).value["Recorded"] == "recorded"
    assert scene.ask(*give).status == 201
    assert len(scene.ask("GET", "/api/v1/tasks").value["Items"]) == 3


def test_order_to_stop_is_followed_within_ten_seconds_while_the_database_is_away(scene: Scene) -> None:
    assert scene.server.ask_as(scene.daemon, "GET", "/api/tasks/status").status == 304
    scene.cable.cut()
    began_at = time.monotonic()
    scene.server.process.send_signal(signal.SIGTERM)
    assert scene.server.process.wait(PATIENCE_SECONDS) == 0
    assert time.monotonic() - began_at < 10
