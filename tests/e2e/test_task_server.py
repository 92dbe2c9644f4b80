"""The task server as its operator has it: a process, commands, plain daemons, a daemon beside a Duplicati server."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import pytest

from duplicati_client.sandbox.app import Options, start_in_thread
from tests.e2e.task_server_process import (
    PATIENCE_SECONDS,
    TaskServerProcess,
    Terminal,
    task_server_process,
)
from tests.sandbox_process import PROGRAM

PASSWORD = "correct-horse"


class Scene(NamedTuple):
    server: TaskServerProcess
    terminal: Terminal


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("task-server")
    terminal = Terminal(folder / "home")
    with task_server_process(folder / "data") as server:
        assert server.token is not None
        terminal.log_in(server, "tasks", server.token)
        yield Scene(server, terminal)


def add_plain(on: Scene, name: str) -> str:
    """Make a daemon of level 0; return its token."""
    return json.loads(on.terminal.tell("task-server", "daemons", "add", name, "--output", "json"))["token"]


def report(server: TaskServerProcess, token: str, number: int, status: str, **data: Any) -> dict[str, Any]:
    answer = server.ask_as(token, "POST", f"/api/tasks/{number}/result", {"ID": number, "Status": status, "Data": data})
    assert answer.status == 200, answer
    return answer.value


def test_plain_daemon_polls_fetches_and_reports_a_task(scene: Scene) -> None:
    token = add_plain(scene, "plain")
    assert scene.server.ask_as(token, "GET", "/api/tasks/status").status == 304
    assert scene.terminal.tell("task-server", "send", "plain", "run", "backup", "1") == "plain/1\n"
    assert scene.server.ask_as(token, "GET", "/api/tasks/status").status == 303
    (task,) = scene.server.ask_as(token, "GET", "/api/tasks").value
    assert task == {"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]}
    report(scene.server, token, 1, "completed", Outcome="warning")
    assert scene.server.ask_as(token, "GET", "/api/tasks/status").status == 304
    (row,) = json.loads(scene.terminal.tell("task-server", "tasks", "--daemon", "plain", "-o", "json"))["items"]
    assert (row["task"], row["state"], row["outcome"]) == ("plain/1", "completed", "warning")


def test_large_tasks_come_page_by_page_and_each_is_sent_when_it_is_offered(scene: Scene) -> None:
    token = add_plain(scene, "large")
    wanted = {"assignments": "description=" + "x" * 120_000}
    content = {"Operation": "set", "Resources": [{"Type": "backup", "ID": 1}], "Parameters": wanted}
    for _ in range(70):
        given = scene.server.ask_as(scene.server.token, "POST", "/api/v1/tasks", {"Daemon": "large", "Task": content})
        assert given.status == 201, given
    level_one = {"Authorization": f"Bearer {token}", "Duplicati_Task_Protocol": "1", "Duplicati_Instance": "one"}
    numbers: list[int] = []
    path: str | None = "/api/tasks"
    while path is not None:
        page = scene.server.ask("GET", path, **level_one)
        numbers += [task["ID"] for task in page.value]
        link = page.headers.get("link")
        path = urljoin(path, link.partition(">")[0].removeprefix("<")) if link else None
    assert numbers == list(range(1, 71))


def test_links_to_next_pages_hold_behind_a_proxy_that_takes_the_beginning_of_the_path_away(scene: Scene) -> None:
    token = add_plain(scene, "paged")
    for _ in range(4):
        scene.terminal.tell("task-server", "send", "paged", "run", "backup", "1")
    daemon = {"Authorization": f"Bearer {token}", "Duplicati_Task_Protocol": "1"}
    operator = {"Authorization": f"Bearer {scene.server.token}"}
    for path, who in (("/api/tasks?limit=1", daemon), ("/api/v1/tasks?limit=1&daemon=paged", operator)):
        assert link_of(scene, path, who).startswith(f"<{path.partition('?')[0]}?")
        there = link_of(scene, path, {**who, "X_Forwarded_For": "192.0.2.1"}).partition(">")[0].removeprefix("<")
        followed = urljoin(f"https://example.org/backups{path}", there)
        assert followed.startswith(f"https://example.org/backups{path.partition('?')[0]}?")
        assert scene.server.ask("GET", followed.removeprefix("https://example.org/backups"), **who).status == 200


def link_of(scene: Scene, path: str, headers: Mapping[str, str]) -> str:
    return scene.server.ask("GET", path, **headers).headers["link"]


def test_task_that_waits_is_cancelled_and_never_handed_out(scene: Scene) -> None:
    token = add_plain(scene, "idle")
    scene.terminal.tell("task-server", "send", "idle", "run", "backup", "1")
    scene.terminal.tell("task-server", "cancel", "idle/1")
    assert scene.server.ask_as(token, "GET", "/api/tasks").value == []
    assert "cancelled" in scene.terminal.tell("task-server", "tasks", "show", "idle/1")


def test_daemon_that_is_revoked_is_shown_so_at_once_and_not_as_here(scene: Scene) -> None:
    token = add_plain(scene, "stolen")
    assert scene.server.ask_as(token, "GET", "/api/tasks/status").status == 304
    assert show_presence(scene, "stolen") == "online"
    scene.terminal.tell("task-server", "daemons", "revoke", "stolen")
    assert show_presence(scene, "stolen") == "revoked"
    assert scene.server.ask_as(token, "GET", "/api/tasks/status").status == 401
    assert show_presence(scene, "stolen") == "revoked"


def test_poll_that_is_held_ends_at_once_when_its_daemon_is_revoked(scene: Scene) -> None:
    token = add_plain(scene, "held")
    level = {"Authorization": f"Bearer {token}", "Duplicati_Task_Protocol": "1", "Prefer": "wait=45"}
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(scene.server.ask, "GET", "/api/tasks/status", None, **level)
        while "held_polls 1" not in scene.server.ask("GET", "/metrics").body.decode():
            time.sleep(0.05)
        scene.terminal.tell("task-server", "daemons", "revoke", "held")
        assert held.result(10).status == 401


def show_presence(on: Scene, name: str) -> str:
    """Return how it is shown, once both ways to look at it have said the same."""
    rows = json.loads(on.terminal.tell("task-server", "daemons", "--output", "json"))["items"]
    (row,) = (row for row in rows if row["name"] == name)
    shown = on.server.ask_as(on.server.token, "GET", f"/api/v1/daemons/{row['daemon_id']}").value
    assert shown["Presence"] == row["presence"]
    return str(row["presence"])


def test_user_with_a_password_from_stdin_logs_in_and_may_do_what_the_role_says(scene: Scene) -> None:
    add_plain(scene, "seen")
    password = "a password of some length"
    scene.terminal.tell("task-server", "users", "add", "alex", "--role", "viewer", stdin=f"{password}\n")
    other = Terminal(scene.terminal.home / "alex")
    other.log_in(scene.server, "tasks", password, "--user", "alex")
    assert "seen" in other.tell("task-server", "daemons", "-o", "ids")
    refused = other.run("task-server", "send", "seen", "run", "backup", "1")
    assert (refused.returncode, refused.stdout) == (77, "")
    wrong = Terminal(scene.terminal.home / "nobody").run(
        "login", scene.server.url, "--user", "alex", "--password-stdin", stdin="another password\n"
    )
    assert wrong.returncode == 77


def test_audit_log_adds_up_and_tells_of_no_secret(scene: Scene) -> None:
    token = add_plain(scene, "audited")
    assert "right" in _say(scene.terminal.run("task-server", "audit", "check"))
    told = scene.terminal.tell("task-server", "audit", "-o", "json")
    assert "audited" in told
    assert token not in told
    assert str(scene.server.token) not in told


def _say(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_daemon_comes_in_by_a_code_and_sending_waits_for_how_its_run_went(scene: Scene, tmp_path: Path) -> None:
    code = scene.terminal.tell("task-server", "code", "--name", "nas").strip()
    folder = tmp_path / "daemon"
    folder.mkdir(mode=0o700)
    with start_in_thread(Options(password=PASSWORD, speed=40.0)) as duplicati:
        config = init_daemon(scene, folder, duplicati.url)
        scene.terminal.tell("daemon", "enrol", code, "--config", config)
        scene.terminal.tell("daemon", "once", "--config", config)
        command = [str(PROGRAM), "daemon", "run", "--config", config]
        with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as daemon:
            try:
                ran = scene.terminal.run("task-server", "send", "nas", "run", "backup", "Documents", "--wait")
                refused = scene.terminal.run("task-server", "send", "nas", "restore", "backup", "Documents", "--wait")
            finally:
                daemon.terminate()
                daemon.wait(PATIENCE_SECONDS)
    assert (ran.returncode, refused.returncode) == (0, 77), (ran, refused)
    assert "success" in _say(ran)


def init_daemon(on: Scene, folder: Path, duplicati_url: str) -> str:
    password = folder / "password"
    password.touch(0o600)
    password.write_text(f"{PASSWORD}\n", encoding="utf-8")
    config = str(folder / "daemon.toml")
    where = ("--task-server", on.server.url, "--server", f"main={duplicati_url}", "--password-file", str(password))
    what = ("--name", "nas", "--policy", "run", "--state", str(folder / "state"))
    on.terminal.tell("daemon", "init", "--config", config, *where, *what)
    return config


def test_sigterm_ends_it_with_0_and_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    terminal, data = Terminal(tmp_path / "home"), tmp_path / "data"
    with task_server_process(data) as first:
        assert first.token is not None
        token = first.token
        terminal.log_in(first, "tasks", token)
        daemon = add_plain(Scene(first, terminal), "plain")
        sent = [terminal.tell("task-server", "send", "plain", "run", "backup", "1") for _ in range(2)]
        assert sent == ["plain/1\n", "plain/2\n"]
        assert len(first.ask_as(daemon, "GET", "/api/tasks").value) == 2
        assert report(first, daemon, 1, "completed", Outcome="success")["Recorded"] == "recorded"
        first.process.kill()
        first.process.wait(PATIENCE_SECONDS)
    with task_server_process(data) as second:
        assert second.token is None
        found = {task["ID"]: task for task in second.ask_as(token, "GET", "/api/v1/tasks").value["Items"]}
        assert {number: task["State"] for number, task in found.items()} == {1: "completed", 2: "offered"}
        assert [task["ID"] for task in second.ask_as(daemon, "GET", "/api/tasks").value] == [2]
        assert report(second, daemon, 1, "completed", Outcome="success")["Recorded"] == "duplicate"
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(PATIENCE_SECONDS) == 0
