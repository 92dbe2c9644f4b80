"""Daemons that replay, lie, send nonsense, dawdle or never end: each is told no, and nobody else notices."""

from __future__ import annotations

import gzip
import json
import re
import secrets
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.e2e.task_server_process import TaskServerProcess, task_server_process

RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]}
HALF_OPEN_COUNT = 2000
PATIENCE_SECONDS = 20.0
IDS = (
    "..",
    "%2e%2e",
    "..%2f..%2fv1%2fme",
    "1%00",
    "1%2fresult",
    "-1",
    "01",
    "+1",
    "1e0",
    "1.0",
    "true",
    "9" * 30,
    "x" * 5000,
)
NESTED = b"[" * 60_000
BODIES = (
    b"", b"{", b"null", b"1", b'"x"', b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"{}{}", NESTED,
    b'{"ID":1,"ID":2,"Status":"completed"}', b'{"ID":1,"Status":"completed","Data":{"x":NaN}}',
    b'{"ID":1,"Status":"completed","Data":{"x":1e999}}', b'{"ID":1,"Status":"completed","Data":{"x":"\\ud800"}}',
    b'{"ID":1,"Status":"completed","Data":[]}', b'{"ID":1,"Status":"completed","Attempt":"1"}',
    b'{"ID":1,"Status":"completed","Attempt":1e3}', b'{"ID":1,"Status":"done"}', b'{"ID":1,"Status":["completed"]}',
    b'{"ID":true,"Status":"completed"}', b'{"ID":2,"Status":"completed"}', b'{"ID":1.0,"Status":"completed"}',
    b'{"ID":1,"Status":"completed","Data":' + b'{"x":' * 500 + b"1" + b"}" * 500 + b"}",
    b'{"ID":1,"Status":"completed","Data":{"x":' + b"9" * 5000 + b"}}",
)  # fmt: skip


class Scene(NamedTuple):
    """A task server, the file that it complains to, and a daemon with a task."""

    server: TaskServerProcess
    log: Path
    name: str
    token: str

    def report(self, number: Any, status: str, **members: Any) -> str:
        result = {"ID": number, "Status": status, **members}
        answer = self.server.ask_as(self.token, "POST", f"/api/tasks/{number}/result", result)
        assert answer.status == 200, answer
        return str(answer.value["Recorded"])

    def send(self, *pieces: bytes, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Send bytes as they are, and return all that comes until it hangs up or `seconds` pass with nothing."""
        with self.connect(seconds) as sock:
            try:
                for piece in pieces:
                    sock.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):  # it may hang up before it has all of what it refuses
                pass
            return receive(sock)

    def connect(self, seconds: float = PATIENCE_SECONDS) -> socket.socket:
        place = urlsplit(self.server.url)
        return socket.create_connection((str(place.hostname), place.port), timeout=seconds)

    def head(self, method: str, path: str, *lines: str) -> bytes:
        """Return the head of a request of the daemon, which is to be the last of its connection."""
        given = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.token}", "Connection: close"]
        return "\r\n".join([*given, *lines, "", ""]).encode("latin-1")

    def time_poll(self) -> float:
        started = time.monotonic()
        assert self.server.ask_as(self.token, "GET", "/api/tasks/status").status in (303, 304)
        return time.monotonic() - started


def receive(sock: socket.socket) -> bytes:
    told = b""
    try:
        while piece := sock.recv(65536):
            told += piece
    except (TimeoutError, ConnectionResetError):
        pass
    return told


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TaskServerProcess, Path]]:
    folder = tmp_path_factory.mktemp("hostile")
    with task_server_process(folder / "data") as process:
        yield process, folder / "log"


@pytest.fixture
def scene(server: tuple[TaskServerProcess, Path]) -> Iterator[Scene]:
    process, log = server
    name = f"d-{secrets.token_hex(4)}"
    made = process.ask_as(process.token, "POST", "/api/v1/daemons", {"Name": name}).value
    assert process.ask_as(process.token, "POST", "/api/v1/tasks", {"Daemon": name, "Task": RUN}).status == 201
    yield Scene(process, log, name, made["Token"])
    # Whatever was done to it: nobody else is kept waiting, and no mistake of its own is in the log.
    assert Scene(process, log, name, made["Token"]).time_poll() < 2
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_results_that_are_replayed_change_nothing(scene: Scene) -> None:
    told = [scene.report(1, status, Data={"Code": "x"}) for status in ("accepted", "completed") * 5]
    assert Counter(told) == {"recorded": 2, "duplicate": 4, "stale": 4}
    assert scene.report(1, "error", Data={"Code": "x"}) == "conflict"
    task = scene.server.ask_as(scene.server.token, "GET", f"/api/v1/tasks/{scene.name}/1").value
    assert task["State"] == "completed"


def test_results_of_attempts_and_tasks_that_never_were_are_kept_and_not_applied(scene: Scene) -> None:
    assert scene.report(1, "completed", Attempt=2) == "stale"
    assert scene.report(1, "completed", Attempt=-1) == "stale"
    assert [scene.report(number, "completed") for number in (0, 2, 2**62, "1", "nas")] == ["orphan"] * 5
    task = scene.server.ask_as(scene.server.token, "GET", f"/api/v1/tasks/{scene.name}/1").value
    assert task["State"] == "pending"


def test_results_under_ids_that_are_paths_or_nonsense_are_refused(scene: Scene) -> None:
    told = {}
    for text in IDS:
        body = json.dumps({"ID": 1, "Status": "completed"}).encode()
        head = scene.head("POST", f"/api/tasks/{text}/result", f"Content-Length: {len(body)}")
        told[text[:20]] = status_of(scene.send(head, body))
    assert {text: status for text, status in told.items() if not 400 <= status < 500} == {}
    assert scene.report(1, "accepted") == "recorded"


@pytest.mark.parametrize(
    "path", ["/api/tasks/1/result", "/api/daemon/heartbeat", "/api/daemon/inventory", "/api/enrol"]
)
def test_bodies_that_are_no_json_of_ours_are_refused(scene: Scene, path: str) -> None:
    told = {}
    for body in BODIES:
        head = scene.head("PUT" if path.endswith("inventory") else "POST", path, f"Content-Length: {len(body)}")
        told[body[:60]] = status_of(scene.send(head, body))
    # What is no result may still be an inventory, in which anything may be, or a heartbeat that tells of nothing.
    is_lenient = path.startswith("/api/daemon/")
    wrongs = {
        body: status for body, status in told.items() if status not in ((200, 204, 400) if is_lenient else (400, 403))
    }
    assert wrongs == {}


def test_body_beyond_its_cap_is_refused_however_its_length_is_told(scene: Scene) -> None:
    body = b'{"ID":1,"Status":"completed","Data":{"Text":"' + b"x" * (3 << 20) + b'"}}'
    whole = scene.head("POST", "/api/tasks/1/result", f"Content-Length: {len(body)}")
    chunked = scene.head("POST", "/api/tasks/1/result", "Transfer-Encoding: chunked")
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[i : i + 9999] for i in range(0, len(body), 9999))
    )
    for head, sent in ((whole, body), (chunked, chunks + b"0\r\n\r\n")):
        with scene.connect() as sock:
            try:
                sock.sendall(head)
                sock.sendall(sent)
            except (BrokenPipeError, ConnectionResetError):  # it need not read all of what it refuses
                pass
            assert status_of(receive(sock)) in (413, 0)
    task = scene.server.ask_as(scene.server.token, "GET", f"/api/v1/tasks/{scene.name}/1").value
    assert task["State"] == "pending"


def test_data_beyond_what_a_result_may_hold_is_refused(scene: Scene) -> None:
    result = {"ID": 1, "Status": "completed", "Data": {"Text": "x" * (256 << 10)}}
    assert scene.server.ask_as(scene.token, "POST", "/api/tasks/1/result", result).status == 413


def test_compressed_body_is_refused_in_the_same_words_on_every_route(scene: Scene) -> None:
    routes = [*list_routes(scene), ("POST", "/nowhere"), ("PUT", "/api/tasks"), ("GET", "/api/v1/openapi.json")]
    body = gzip.compress(b'{"ID":1,"Status":"accepted"}')
    told = set()
    for method, path in routes:
        head = scene.head(method, path, "Content-Encoding: gzip", f"Content-Length: {len(body)}")
        told.add(without_date(scene.send(head, body)))
    assert len(told) == 1, told
    answer = told.pop()
    assert (status_of(answer), b"urn:duplicati-task:encoding-refused" in answer) == (415, True)


def list_routes(scene: Scene) -> list[tuple[str, str]]:
    document = scene.server.ask("GET", "/api/v1/openapi.json").value
    return [
        (method.upper(), re.sub(r"\{\w+\}", "1", path))
        for path, methods in document["paths"].items()
        for method in methods
    ]


def without_date(answer: bytes) -> bytes:
    return re.sub(rb"(?i)\r\ndate: [^\r]*", b"", answer)


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (("Content-Encoding: br", "Content-Length: 1"), b"x"),
        (("CONTENT-ENCODING:  GZIP ", "Content-Length: 1"), b"x"),
        (("Content-Encoding: identity, gzip", "Content-Length: 1"), b"x"),
        (("Content-Encoding: identity", "Content-Encoding: deflate", "Content-Length: 1"), b"x"),
        (("Content-Encoding: made-up", "Content-Length: 0"), b""),
        (("Content-Encoding: gzip", "Transfer-Encoding: chunked"), b"1\r\nx\r\n0\r\n\r\n"),
        (("Content-Encoding: gzip", "Content-Length: 99999999"), b"x" * 100_000),
        (("Transfer-Encoding: gzip, chunked",), b"1\r\nx\r\n0\r\n\r\n"),
        (("Content-Encoding: gzip", "Expect: 100-continue", "Content-Length: 1"), b"x"),
    ],
)
def test_compression_is_refused_however_it_is_named_and_the_body_sent(
    scene: Scene, lines: tuple[str, ...], body: bytes
) -> None:
    answer = scene.send(scene.head("POST", "/api/tasks/1/result", *lines), body)
    assert (status_of(answer), b"urn:duplicati-task:encoding-refused" in answer) == (415, True)


def test_short_way_of_a_poll_passes_no_encoding_either(scene: Scene) -> None:
    scene.report(1, "refused")
    scene.time_poll()
    poll = f"GET /api/tasks/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {scene.token}\r\n"
    for line in ("", "Content-Encoding: identity\r\n"):
        assert status_of(scene.send(f"{poll}{line}\r\n".encode(), seconds=0.5)) == 304
    answer = scene.send(f"{poll}Content-Encoding: gzip\r\n\r\n".encode(), seconds=0.5)
    assert (status_of(answer), b"urn:duplicati-task:encoding-refused" in answer) == (415, True)


def test_body_that_says_it_is_not_compressed_is_read(scene: Scene) -> None:
    body = b'{"ID":1,"Status":"accepted"}'
    head = scene.head("POST", "/api/tasks/1/result", "Content-Encoding: Identity", f"Content-Length: {len(body)}")
    assert status_of(scene.send(head, body)) == 200


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 50"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: -1",),
        ("Content-Length: 1_0",),
        ("Content-Length: 99999999999999999999",),
        ("X: " + "y" * 200_000,),
        ("X\x00: y",),
        (" folded: y",),
    ],
)
def test_heads_that_two_readers_would_read_otherwise_smuggle_nothing(scene: Scene, lines: tuple[str, ...]) -> None:
    smuggled = f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {scene.server.token}\r\n\r\n".encode()
    told = scene.send(scene.head("POST", "/api/tasks/1/result", *lines), b"0\r\n\r\n", smuggled, seconds=3)
    assert b'"User"' not in told
    assert status_of(told) in (0, 400, 413, 431)


def test_polls_in_one_piece_are_answered_each_and_in_order(scene: Scene) -> None:
    scene.report(1, "refused")
    poll = f"GET /api/tasks/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {scene.token}\r\n\r\n".encode()
    fetch = poll.replace(b"/status", b"")
    told = scene.send(poll * 3 + fetch + poll + scene.head("GET", "/api/tasks"))
    assert re.findall(rb"HTTP/1.1 (\d+)", told) == [b"304", b"304", b"304", b"200", b"304", b"200"]


@pytest.mark.parametrize("count", [1, 3])
def test_nonsense_in_one_piece_with_requests_is_no_mistake_of_the_server(scene: Scene, count: int) -> None:
    """What its log holds is looked at when the scene ends."""
    asked = [b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"] * count
    for _ in range(20):
        scene.send(b"".join([*asked, b"\x00\x01\x02\r\n\r\n"]))
        with scene.connect() as sock:
            sock.sendall(b"".join(asked))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert status_of(scene.send(scene.head("GET", "/readyz"))) == 200


def test_poll_in_crumbs_is_answered_like_one_in_a_piece(scene: Scene) -> None:
    scene.report(1, "refused")
    scene.time_poll()
    head = scene.head("GET", "/api/tasks/status")
    told = scene.send(*(head[i : i + 1] for i in range(len(head))))
    assert status_of(told) == 304


def test_short_way_of_a_poll_tells_the_same_as_the_long_one(scene: Scene) -> None:
    scene.report(1, "refused")
    for lines in ((), ("Duplicati-Task-Protocol: 1", "Duplicati-Instance: a")):
        start = f"GET /api/tasks/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {scene.token}\r\n"
        head = (start + "".join(f"{line}\r\n" for line in lines)).encode()
        scene.send(head + b"Connection: close\r\n\r\n")
        found = []
        for poll in (head + b"\r\n", head + b"Accept: x\r\nAccept: y\r\n\r\n"):
            with scene.connect(0.5) as sock:
                sock.sendall(poll)
                lines_told = receive(sock).split(b"\r\n")
            found.append(sorted(line.lower() for line in lines_told if not line.lower().startswith(b"date:")))
        assert found[0] == found[1]


def test_wait_that_is_nonsense_holds_nobody(scene: Scene) -> None:
    for text in ("wait=-5", "wait=1e9", "wait=", "wait=x", "respond-async", "wait=0"):
        started = time.monotonic()
        head = scene.head("GET", "/api/tasks/status", "Duplicati-Task-Protocol: 1", f"Prefer: {text}")
        assert status_of(scene.send(head)) == 303
        assert time.monotonic() - started < 2


def test_daemons_that_dawdle_hold_nobody_up(scene: Scene) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(scene.connect()) for _ in range(50)]
        for sock in slow:
            sock.sendall(scene.head("POST", "/api/tasks/1/result", "Content-Length: 60") + b'{"ID":1,')
        assert max(scene.time_poll() for _ in range(20)) < 1
        body = b'"Status":"accepted"'.ljust(51) + b"}"
        slow[0].sendall(body[:10])
        assert scene.time_poll() < 1
        slow[0].sendall(body[10:])
        assert status_of(receive(slow[0])) == 200
    assert scene.report(1, "accepted") == "duplicate"


def test_thousands_of_half_open_connections_keep_nobody_out(scene: Scene) -> None:
    before = read_resident_mebibytes(scene.server.process.pid)
    with ExitStack() as stack:
        for number in range(HALF_OPEN_COUNT):
            sock = stack.enter_context(scene.connect())
            if number % 2:
                sock.sendall(b"POST /api/enrol HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1000)
        assert max(scene.time_poll() for _ in range(20)) < 1
        grown = read_resident_mebibytes(scene.server.process.pid) - before
    print(f"{HALF_OPEN_COUNT} half-open connections take {grown:.0f} MiB")
    assert grown < 100


def read_resident_mebibytes(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status")
    if not status.exists():
        pytest.skip("this system does not tell how much memory a process has")
    return int(status.read_text().partition("VmRSS:")[2].split()[0]) / 1024


def test_heartbeat_that_lies_changes_no_task_but_by_its_progress(scene: Scene) -> None:
    scene.report(1, "accepted")
    running = [
        {"ID": 1, "State": "completed", "Phase": "y" * 9999, "Fraction": 1e308, "Bytes": -1, "Extra": "z"},
        {"ID": 99}, {"ID": "1"}, {"ID": True}, None, 5,
    ]  # fmt: skip
    value = {"Running": running * 300, "State": "x" * 9999}
    answer = scene.server.ask_as(scene.token, "POST", "/api/daemon/heartbeat", value)
    assert answer.status in (200, 413), answer
    answer = scene.server.ask_as(scene.token, "POST", "/api/daemon/heartbeat", {**value, "Running": running})
    assert answer.status == 200, answer
    task = scene.server.ask_as(scene.server.token, "GET", f"/api/v1/tasks/{scene.name}/1").value
    assert (task["State"], len(task["Progress"]["Phase"]), "Extra" in task["Progress"]) == ("accepted", 100, False)
