"""A task server among thousands of sockets that say nothing, senders that never end, and an order to stop."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.e2e.task_server_process import PATIENCE_SECONDS, TaskServerProcess, read_ready, task_server_process
from tests.sandbox_process import PROGRAM

DESCRIPTORS = 600
SOCKETS_COUNT = int(os.environ.get("TASK_SERVER_SOCKETS", "800"))
TASK = {"Operation": "list", "Resources": [{"Type": "backup"}]}


class Scene(NamedTuple):
    """A task server that may have few files open, with a daemon of level 1 by its token."""

    server: TaskServerProcess
    daemon: str

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.server.url)
        return str(parts.hostname), int(parts.port or 0)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, PATIENCE_SECONDS)

    def ask_raw(self, *pieces: bytes) -> tuple[int, str, dict[str, object]]:
        """Send pieces as they are; return status, kind and problem of the answer, which is the connection's last."""
        with self.connect() as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered and left before the last piece
                for piece in pieces:
                    connection.sendall(piece)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.headers["Connection"] == "close"
            return answer.status, str(answer.headers["Content-Type"]), json.loads(answer.read())

    def hold(self, path: str, *headers: str) -> socket.socket:
        """Ask something that is answered later."""
        connection = self.connect()
        lines = [f"GET {path} HTTP/1.1", "Host: tasks", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        return connection


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while True:
        try:
            more = connection.recv(65536)
        except ConnectionResetError:
            more = b""
        if not more:
            return data
        data += more


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    command = f'ulimit -n {DESCRIPTORS} && exec "$0" "$@"'
    words = ["task-server", "run", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--output", "json"]
    with (
        (tmp_path / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            ["sh", "-c", command, str(PROGRAM), *words], stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            server = read_ready(process)
            made = server.ask_as(server.token, "POST", "/api/v1/daemons", {"Name": "nas"})
            yield Scene(server, made.value["Token"])
        finally:
            process.kill()


def test_sockets_that_say_nothing_or_half_of_something_stop_nobody_from_being_served(scene: Scene) -> None:
    halves = (
        b"",
        b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /api/enrol HTTP/1.1\r\nContent-Length: 9\r\n",
    )
    with ExitStack() as stack:
        for count in range(SOCKETS_COUNT):
            connection = stack.enter_context(scene.connect())
            connection.sendall(halves[count % len(halves)])
            if count % 100 == 99:
                assert scene.server.ask_as(scene.daemon, "GET", "/api/tasks/status").status == 304
                assert scene.server.ask_as(scene.server.token, "GET", "/api/v1/me").status == 200
        assert len(list(Path(f"/proc/{scene.server.process.pid}/fd").iterdir())) < DESCRIPTORS - 100
    metrics = scene.server.ask("GET", "/metrics").body.decode()
    assert 'refusals_total{why="no-room"}' in metrics


def test_errors_before_any_route_are_problems_too(scene: Scene) -> None:
    post = b"POST /api/enrol HTTP/1.1\r\nHost: x\r\n"
    last = b"Connection: close\r\n\r\n"
    endless = [b"x-more: " + b"x" * 8000 + b"\r\n"] * 12
    cases = {
        "no http": ((b"good day\r\n\r\n",), 400, "malformed"),
        "no end of a head": ((b"GET / HTTP/1.1\r\n", *endless), 431, "head-too-large"),
        "long head": ((b"GET /livez HTTP/1.1\r\nx: ", b"x" * 20_000, b"\r\n" + last), 431, "head-too-large"),
        "two lengths": ((post + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",), 400, "malformed"),
        "too large": ((post + b"Content-Length: 99999999\r\n\r\n{",), 413, "too-large"),
        "compressed": (
            (post + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n" + last, b"x"),
            415,
            "encoding-refused",
        ),
        "no path": ((b"GET /nowhere HTTP/1.1\r\nHost: x\r\n" + last,), 404, "not-found"),
    }
    found = {}
    for name, (pieces, _, _) in cases.items():
        status, kind, problem = scene.ask_raw(*pieces)
        found[name] = (status, problem["type"])
        assert (kind, problem["status"], sorted(problem)) == (
            "application/problem+json", status, ["detail", "status", "title", "type"],
        )  # fmt: skip
    assert found == {name: (status, f"urn:duplicati-task:{code}") for name, (_, status, code) in cases.items()}


def test_order_to_stop_answers_who_is_held_ends_what_runs_and_keeps_it(scene: Scene) -> None:
    level_one = ("Duplicati-Task-Protocol: 1", "Duplicati-Instance: one")
    held = scene.hold("/api/tasks/status", f"Authorization: Bearer {scene.daemon}", "Prefer: wait=50", *level_one)
    stream = scene.hold("/api/v1/events", f"Authorization: Bearer {scene.server.token}")
    stream.recv(65536)  # it is open
    half = scene.connect()
    half.sendall(b"GET /livez HTTP/1.1\r\n")
    made: list[int] = []
    is_over = threading.Event()

    def give() -> None:
        while not is_over.is_set():
            try:
                answer = scene.server.ask_as(
                    scene.server.token, "POST", "/api/v1/tasks", {"Daemon": "nas", "Task": TASK}
                )
            except OSError:
                return
            if answer.status == 201:
                made.append(answer.value["Items"][0]["ID"])
            else:
                assert answer.status == 503, answer

    time.sleep(0.3)  # the poll is held by now
    giving = threading.Thread(target=give)
    began_at = time.monotonic()
    giving.start()
    while not made:
        time.sleep(0.01)
    scene.server.process.send_signal(signal.SIGTERM)
    try:
        assert scene.server.process.wait(PATIENCE_SECONDS) == 0
        lasted_seconds = time.monotonic() - began_at
    finally:
        is_over.set()
        giving.join()
    assert lasted_seconds < 10
    assert read_all(held)[:13] in (b"HTTP/1.1 304 ", b"HTTP/1.1 303 ")
    assert read_all(stream).endswith(b"0\r\n\r\n")
    assert read_all(half) == b""
    for connection in (held, stream, half):
        connection.close()
    with task_server_process(Path(scene.server.process.args[-3])) as again:  # type: ignore[index]
        kept = again.ask_as(scene.server.token, "GET", "/api/v1/tasks?limit=500").value["Items"]
    assert set(made[-400:]) <= {task["ID"] for task in kept}
