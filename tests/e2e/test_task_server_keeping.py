"""Settings and passwords of a task server, as its operators have them, over HTTP and on the command line."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client.taskserver.credentials import Kind, make
from tests.e2e.task_server_process import Answer, TaskServerProcess, Terminal, task_server_process

OLD, NEW = "the password of before", "the password of after"
TASK = {"Operation": "list", "Resources": [{"Type": "backup"}]}


class Scene(NamedTuple):
    """A task server that trusts the proxy at 127.0.0.1, and its administrator's terminal."""

    server: TaskServerProcess
    terminal: Terminal
    database: Path

    def ask(self, token: str | None, method: str, path: str, value: Any = None) -> Answer:
        return self.server.ask_as(token, method, f"/api/v1/{path}", value)

    def log_in(self, user: str, password: str, client: str = "192.0.2.1") -> Answer:
        body = json.dumps({"User": user, "Password": password}).encode()
        headers = {"Content-Type": "application/json", "X-Forwarded-For": client}
        return self.server.ask("POST", "/api/v1/sessions", body, **headers)

    def enrol(self, code: str, client: str) -> Answer:
        body = json.dumps({"Code": code, "Name": f"d-{secrets.token_hex(4)}"}).encode()
        return self.server.ask("POST", "/api/enrol", body, **{"X-Forwarded-For": client})

    def add_user(self, name: str, role: str = "operator") -> str:
        """Make a user and log in; return the token."""
        made = self.ask(self.server.token, "POST", "users", {"Name": name, "Password": OLD, "Role": role})
        assert made.status == 201, made
        return self.log_in(name, OLD).value["Token"]

    def is_in(self, token: str) -> bool:
        return self.ask(token, "GET", "me").status == 200


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("keeping")
    terminal = Terminal(folder / "home")
    with task_server_process(Path(folder) / "data", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1") as server:
        assert server.token is not None
        terminal.log_in(server, "tasks", server.token)
        yield Scene(server, terminal, folder / "data" / "task-server.db")


def test_own_password_is_changed_by_who_knows_it_and_ends_the_other_tokens(scene: Scene) -> None:
    token, other = scene.add_user("alex"), scene.log_in("alex", OLD).value["Token"]
    refusals = [
        scene.ask(token, "PATCH", "users/alex", {"Password": NEW, **old}).value["type"]
        for old in ({}, {"OldPassword": "wrong"}, {"OldPassword": NEW})
    ]
    assert refusals == ["urn:duplicati-task:password-refused"] * 3
    assert (scene.is_in(token), scene.is_in(other)) == (True, True)
    assert scene.ask(token, "PATCH", "users/alex", {"Password": NEW, "OldPassword": OLD}).status == 200
    assert (scene.is_in(token), scene.is_in(other)) == (True, False)
    assert (scene.log_in("alex", OLD).status, scene.log_in("alex", NEW).status) == (401, 201)


def test_guesses_at_an_own_password_have_to_wait_like_logins(scene: Scene) -> None:
    token = scene.add_user("guesser")
    change = {"Password": NEW, "OldPassword": "a guess"}
    statuses = [scene.ask(token, "PATCH", "users/guesser", change).status for _ in range(7)]
    assert statuses[:5] == [403] * 5
    assert 429 in statuses[5:]


def test_password_set_by_an_administrator_ends_all_tokens_of_that_user(scene: Scene) -> None:
    token = scene.add_user("robin")
    assert scene.ask(scene.server.token, "PATCH", "users/robin", {"Password": NEW}).status == 200
    assert (scene.is_in(token), scene.is_in(str(scene.server.token))) == (False, True)


def test_own_password_is_changed_on_the_command_line_with_the_old_one_after_it(scene: Scene) -> None:
    scene.add_user("kim", "administrator")
    kim = Terminal(scene.terminal.home / "kim")
    kim.log_in(scene.server, "tasks", OLD, "--user", "kim")
    words = ("task-server", "users", "change", "kim", "--new-password")
    assert kim.run(*words, stdin=f"{NEW}\nwrong\n").returncode == 77
    kim.tell(*words, stdin=f"{NEW}\n{OLD}\n")
    assert scene.log_in("kim", NEW).status == 201


def test_failures_of_one_client_make_no_other_client_behind_the_proxy_wait(scene: Scene) -> None:
    assert scene.log_in("nobody", OLD, "203.0.113.7").status == 401
    fail_often(scene, "network:203.0.113.7")
    refused = scene.log_in("one more", OLD, "203.0.113.7")
    assert (refused.status, int(refused.headers["retry-after"]) > 1) == (429, True)
    assert scene.log_in("one more", OLD, "203.0.113.8").status == 401


def test_wrong_codes_of_one_client_have_to_wait_in_the_end_and_a_right_one_of_it_never(scene: Scene) -> None:
    wrong = [scene.enrol(make(Kind.ENROLMENT), "203.0.113.9") for _ in range(20)]
    assert {(answer.status, answer.body) for answer in wrong} == {(403, wrong[0].body)}
    more = [scene.enrol(code, "203.0.113.9") for code in (make(Kind.ENROLMENT), "no code") * 4]
    refused = next(answer for answer in more if answer.status == 429)  # the first delay is a second
    assert refused.value["type"] == "urn:duplicati-task:too-many-codes"
    assert int(refused.headers["retry-after"]) >= 1
    assert scene.enrol(make(Kind.ENROLMENT), "203.0.113.10").status == 403
    code = scene.ask(scene.server.token, "POST", "codes", {"Uses": 1}).value["Code"]
    assert scene.enrol(code, "203.0.113.9").value["Token"]


def fail_often(on: Scene, subject: str) -> None:
    """Let there be as many failures more as one failure made rows: twenty-five, each of which would take a while."""
    with closing(sqlite3.connect(on.database, isolation_level=None, timeout=10.0)) as connection:
        (at,) = connection.execute("select failed_at from failures where subject = ?", [subject]).fetchone()
        rows = [(subject, at, f"more-{number}") for number in range(24)]
        connection.executemany("insert into failures (subject, failed_at, failure_id) values (?, ?, ?)", rows)


def test_settings_are_changed_by_administrators_alone_and_by_whoever_read_them_last(scene: Scene) -> None:
    token = str(scene.server.token)
    viewer = scene.ask(token, "POST", "tokens", {"Role": "viewer"}).value["Token"]
    assert [scene.ask(viewer, method, "settings", {}).status for method in ("GET", "PATCH")] == [403, 403]
    read = scene.ask(token, "GET", "settings")
    changed = scene.ask(token, "PATCH", "settings", {"TasksDays": 7})
    assert changed.value == {**read.value, "TasksDays": 7, "Version": read.value["Version"] + 1}
    stale = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "If-Match": read.headers["etag"]}
    assert scene.server.ask("PATCH", "/api/v1/settings", b'{"TasksDays":8}', **stale).status == 412
    for wrong in ({"TasksDays": 0}, {"TasksDays": "x"}, {"Unknown": 1}, {"BodyKibibytes": 10**9}, {"TasksDays": None}):
        assert scene.ask(token, "PATCH", "settings", wrong).status == 400, wrong
    assert scene.ask(token, "GET", "settings").value["TasksDays"] == 7


def test_settings_hold_at_once(scene: Scene) -> None:
    token = str(scene.server.token)
    daemon = scene.ask(token, "POST", "daemons", {"Name": "nas"}).value["Token"]
    scene.terminal.tell("task-server", "settings", "open_tasks_max=2", "body_kibibytes=64", "requests_per_minute=1")
    told = json.loads(scene.terminal.tell("task-server", "settings", "-o", "json"))["items"]
    assert {row["name"]: row["value"] for row in told}["open_tasks_max"] == 2
    gave = [scene.ask(token, "POST", "tasks", {"Daemon": "nas", "Task": TASK}) for _ in range(3)]
    assert [answer.status for answer in gave] == [201, 201, 429]
    large = {"Servers": {"main": "x" * 70_000}}
    assert scene.server.ask_as(daemon, "PUT", "/api/daemon/inventory", large).status == 413
    beats = [scene.server.ask_as(daemon, "POST", "/api/daemon/heartbeat", {}) for _ in range(12)]
    assert [beats[0].status, beats[-1].status, "retry-after" in beats[-1].headers] == [200, 429, True]
    scene.terminal.tell("task-server", "settings", "open_tasks_max=10000", "requests_per_minute=0")
    assert scene.server.ask_as(daemon, "POST", "/api/daemon/heartbeat", {}).status == 200


def test_setting_that_there_is_none_or_not_so_is_told_of(scene: Scene) -> None:
    told = [
        scene.terminal.run("task-server", "settings", word) for word in ("taks_days=3", "tasks_days=x", "tasks_days=0")
    ]
    assert [ended.returncode for ended in told] == [65, 65, 65]
    assert "is it tasks_days?" in told[0].stderr
