"""What somebody sees of a fleet who may see a part of it, or whose token ends while they look."""

from __future__ import annotations

import base64
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.e2e.task_server_process import PATIENCE_SECONDS, TaskServerProcess, task_server_process

TASK = {"Operation": "list", "Resources": [{"Type": "backup"}]}
BERLIN = {"site": "berlin"}
_numbers = itertools.count(1)


class Scene(NamedTuple):
    """A task server with daemons and tasks in berlin and elsewhere, their names and ids by where they are."""

    server: TaskServerProcess
    berlin: dict[str, str]
    elsewhere: dict[str, str]

    def make(self, path: str, value: Any) -> Any:
        made = self.server.ask_as(self.server.token, "POST", path, value)
        assert made.status == 201, made
        return made.value

    def add_daemons(self, prefix: str, count: int, labels: dict[str, str]) -> dict[str, str]:
        found = {}
        for number in range(count):
            made = self.make("/api/v1/daemons", {"Name": f"{prefix}{number}", "Labels": labels})["Daemon"]
            found[made["Name"]] = made["ID"]
        return found

    def give(self, name: str) -> int:
        return int(self.make("/api/v1/tasks", {"Daemon": name, "Task": TASK})["Items"][0]["ID"])

    def make_token(self, role: str = "viewer") -> tuple[str, str]:
        made = self.make("/api/v1/tokens", {"Role": role, "Scope": BERLIN})
        return made["ID"], made["Token"]

    def walk(self, token: str, path: str) -> Iterator[Any]:
        """Yield the pages of a listing."""
        cursor = ""
        while True:
            page = self.server.ask_as(token, "GET", f"{path}{cursor and '&cursor='}{cursor}").value
            yield page
            cursor = page["Next"]
            if cursor is None:
                return

    @contextmanager
    def events(self, token: str, query: str = "") -> Iterator[SimpleQueue[str]]:
        """Give the lines of a stream of events as they come, and nothing once it has ended."""
        where = urlsplit(self.server.url)
        lines: SimpleQueue[str] = SimpleQueue()
        with closing(HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE_SECONDS)) as connection:
            connection.request("GET", f"/api/v1/events{query}", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            assert answer.status == 200
            reader = threading.Thread(target=read_lines, args=(answer, lines), daemon=True)
            reader.start()
            assert "ready" in lines.get(timeout=PATIENCE_SECONDS)
            try:
                yield lines
            finally:
                connection.sock.shutdown(socket.SHUT_RDWR)
                reader.join(PATIENCE_SECONDS)


def read_lines(answer: HTTPResponse, lines: SimpleQueue[str]) -> None:
    with suppress(HTTPException, OSError):
        for line in iter(answer.readline, b""):
            lines.put(line.decode())
    lines.put("")


def await_data(lines: SimpleQueue[str]) -> str:
    """Return the data of the next event, nothing if the stream ended; raises `Empty` if neither comes."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    for line in iter(lambda: lines.get(timeout=max(0.0, ends_at - time.monotonic())), ""):
        if line.startswith("data: {"):
            return line
    return ""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with task_server_process(Path(tmp_path_factory.mktemp("sight")) / "data") as server:
        on = Scene(server, {}, {})
        on.elsewhere.update(on.add_daemons("alpha", 3, {"site": "munich"}))
        on.berlin.update(on.add_daemons("middle", 3, BERLIN))
        on.elsewhere.update(on.add_daemons("omega", 3, {}))
        for name in (*on.elsewhere, *on.berlin, *on.elsewhere):
            on.give(name)
        yield on


@pytest.mark.parametrize(
    "path", ["/api/v1/daemons?limit=1", "/api/v1/tasks?limit=1", "/api/v1/tasks?limit=1&state=open"]
)
def test_pages_of_a_part_of_a_fleet_name_nobody_of_the_rest_in_their_cursors_either(scene: Scene, path: str) -> None:
    pages = list(scene.walk(scene.make_token()[1], path))
    assert {item.get("Name", item.get("DaemonName")) for page in pages for item in page["Items"]} == set(scene.berlin)
    cursors = [base64.urlsafe_b64decode(page["Next"] + "==").decode() for page in pages if page["Next"]]
    assert cursors
    strangers = [*scene.elsewhere, *scene.elsewhere.values()]
    assert [name for name in strangers if any(name in cursor for cursor in cursors)] == []


def test_pages_of_daemons_are_full_whoever_stands_between(scene: Scene) -> None:
    pages = list(scene.walk(scene.make_token()[1], "/api/v1/daemons?limit=2"))
    assert [[item["Name"] for item in page["Items"]] for page in pages] == [["middle0", "middle1"], ["middle2"]]


def test_listing_of_daemons_carries_no_inventories(scene: Scene) -> None:
    (page,) = scene.walk(scene.server.token or "", "/api/v1/daemons?label=site=berlin")
    assert [item["Inventory"] for item in page["Items"]] == [None] * 3


def test_events_tell_of_the_own_daemons_alone_also_of_one_that_comes_later(scene: Scene) -> None:
    with scene.events(scene.make_token()[1]) as lines:
        scene.give("alpha0")
        late = scene.add_daemons(f"late{next(_numbers)}-", 1, BERLIN)
        (name,) = late
        scene.give(name)
        assert late[name] in await_data(lines)


def test_events_end_with_the_token(scene: Scene) -> None:
    token_id, token = scene.make_token()
    with scene.events(token) as lines:
        scene.give("middle0")
        assert scene.berlin["middle0"] in await_data(lines)
        assert scene.server.ask_as(scene.server.token, "DELETE", f"/api/v1/tokens/{token_id}").status == 204
        scene.give("middle0")
        assert await_data(lines) == ""


def test_task_that_is_waited_for_is_not_told_once_the_token_has_ended(scene: Scene) -> None:
    token_id, token = scene.make_token()
    number = scene.give("middle1")
    path = f"/api/v1/tasks/middle1/{number}"
    etag = scene.server.ask_as(token, "GET", path).headers["etag"]
    answers: SimpleQueue[int] = SimpleQueue()

    def wait() -> None:
        headers = {"Authorization": f"Bearer {token}", "If_None_Match": etag, "Prefer": "wait=50"}
        answers.put(scene.server.ask("GET", path, **headers).status)

    threading.Thread(target=wait, daemon=True).start()
    while b"held_polls 0" in scene.server.ask("GET", "/metrics").body:
        pass
    scene.server.ask_as(scene.server.token, "DELETE", f"/api/v1/tokens/{token_id}")
    scene.server.ask_as(scene.server.token, "POST", f"{path}/cancel")
    assert answers.get(timeout=PATIENCE_SECONDS) == 401
