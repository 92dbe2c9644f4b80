"""Backup, restore and init of a task server, as whoever looks after it has them."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client.sandbox.app import Options, start_in_thread
from tests.e2e.task_server_process import TaskServerProcess, Terminal, task_server_process

PASSWORD = "correct-horse"
RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]}
DISMISS = {"Operation": "dismiss", "Parameters": {"all": True}}
RULE = '\n[[policy.allow]]\nname = "dismissals"\noperations = ["dismiss"]\n'


class Scene(NamedTuple):
    """A folder for a store, and a terminal beside it."""

    folder: Path
    terminal: Terminal

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    @property
    def copy(self) -> str:
        return str(self.folder / "copy.db")

    def do(self, *words: str) -> str:
        return self.terminal.tell("task-server", *words, "--data", self.data)

    def fail(self, *words: str) -> tuple[int, str]:
        ended = self.terminal.run("task-server", *words, "--data", self.data)
        return ended.returncode, ended.stderr


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, Terminal(tmp_path / "home"))


def ask(path: str, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def create(server: TaskServerProcess, token: str, count: int = 1) -> Iterator[int]:
    for _ in range(count):
        made = server.ask_as(token, "POST", "/api/v1/tasks", {"Daemon": "nas", "Task": RUN})
        assert made.status == 201, made
        yield made.value["Items"][0]["ID"]


def test_copy_made_while_tasks_come_in_holds_all_that_were_acknowledged_before(scene: Scene) -> None:
    with task_server_process(Path(scene.data)) as server:
        token = str(server.token)
        assert server.ask_as(token, "POST", "/api/v1/daemons", {"Name": "nas"}).status == 201
        acknowledged: list[int] = []
        is_over = threading.Event()

        def give() -> None:
            while not is_over.is_set():
                acknowledged.extend(create(server, token))

        giving = threading.Thread(target=give)
        giving.start()
        try:
            while len(acknowledged) < 20:
                is_over.wait(0.01)
            before = list(acknowledged)
            scene.do("backup", scene.copy)
            after = len(acknowledged)
        finally:
            is_over.set()
            giving.join()
        assert after > len(before)
    assert {(number,) for number in before} <= set(ask(scene.copy, "select number from tasks"))
    assert Path(scene.copy).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in scene.folder.iterdir() if "copy" in path.name) == ["copy.db"]


def test_copy_is_put_in_no_place_where_a_server_runs_or_a_store_is_unless_it_is_forced(scene: Scene) -> None:
    with task_server_process(Path(scene.data)) as server:
        scene.do("backup", scene.copy)
        assert scene.fail("backup", scene.copy)[0] == 73
        assert scene.fail("restore", scene.copy, "--force")[0] == 75
        assert scene.fail("init")[0] == 75
        token = str(server.token)
        epoch = server.ask_as(token, "GET", "/api/v1/me").value["Server"]["Epoch"]
        assert server.ask_as(token, "POST", "/api/v1/daemons", {"Name": "later"}).status == 201
    assert scene.fail("restore", scene.copy)[0] == 73
    (Path(scene.folder) / "nonsense").write_bytes(b"no store at all" * 100)
    assert scene.fail("restore", str(scene.folder / "nonsense"), "--force")[0] == 65
    scene.do("restore", scene.copy, "--force")
    with task_server_process(Path(scene.data)) as server:
        assert server.ask_as(token, "GET", "/api/v1/me").value["Server"]["Epoch"] != epoch
        assert server.ask_as(token, "GET", "/api/v1/daemons").value["Items"] == []
        assert server.ask_as(token, "POST", "/api/v1/audit/check").value["Sound"] is True
        told = server.ask_as(token, "GET", "/api/v1/audit").value["Items"]
        assert "epoch.begin" in [entry["Action"] for entry in told]
    (aside,) = Path(scene.data).glob("task-server.db.before-*")
    assert ask(str(aside), "select name from daemons") == [("later",)]


def test_store_made_by_init_lets_its_administrator_in_and_may_be_made_again(scene: Scene) -> None:
    made = json.loads(scene.do("init", "--output", "json"))
    with task_server_process(Path(scene.data)) as server:
        assert server.ask_as(made["AdminToken"], "GET", "/api/v1/me").value["Role"] == "administrator"
    assert json.loads(scene.do("init", "--output", "json")) == {"Store": scene.data}


def test_store_that_is_none_and_a_database_of_another_kind_are_told_of(scene: Scene) -> None:
    assert scene.fail("backup", scene.copy)[0] == 65
    words = ("task-server", "backup", scene.copy, "--database", "postgresql://tasks@127.0.0.1/tasks")
    ended = scene.terminal.run(*words)
    assert (ended.returncode, "pg_dump" in ended.stderr) == (64, True)


def test_daemon_of_a_restored_store_runs_nothing_twice_and_holds_back_what_must_not_be_repeated(scene: Scene) -> None:
    with start_in_thread(Options(password=PASSWORD, speed=40.0)) as duplicati:
        before = count_runs(duplicati)
        with task_server_process(Path(scene.data)) as server:
            token, listen = str(server.token), server.url.removeprefix("http://")
            config = enrol(scene, server, token, duplicati.url)
            assert list(create(server, token)) == [1]
            scene.do("backup", scene.copy)
            scene.terminal.run("daemon", "once", "--config", config)
            assert state_of(server, token, 1) == ("completed", "success")
        scene.do("restore", scene.copy, "--force")
        with task_server_process(Path(scene.data), listen) as server:
            assert state_of(server, token, 1) == ("pending", None)
            made = server.ask_as(token, "POST", "/api/v1/tasks", {"Daemon": "nas", "Task": DISMISS})
            assert made.status == 201, made
            scene.terminal.run("daemon", "once", "--config", config)
            assert state_of(server, token, 1) == ("completed", "success")
            assert state_of(server, token, 2)[0] in ("offered", "accepted")
            told = scene.terminal.run("daemon", "status", "--config", config)
            assert "restored" in told.stdout + told.stderr
        assert count_runs(duplicati) - before == 1


def count_runs(duplicati: Any) -> int:
    rows = duplicati.call(lambda: list(duplicati.engine.database("1").rows))
    return sum('"MainOperation":"Backup"' in str(row["Message"]).replace(" ", "") for row in rows)


def enrol(on: Scene, server: TaskServerProcess, token: str, duplicati_url: str) -> str:
    code = server.ask_as(token, "POST", "/api/v1/codes", {"Name": "nas"}).value["Code"]
    folder = on.folder / "daemon"
    folder.mkdir(mode=0o700)
    password = folder / "password"
    password.touch(0o600)
    password.write_text(f"{PASSWORD}\n", encoding="utf-8")
    config = str(folder / "daemon.toml")
    where = ("--task-server", server.url, "--server", f"main={duplicati_url}", "--password-file", str(password))
    what = ("--name", "nas", "--policy", "full", "--state", str(folder / "state"))
    on.terminal.tell("daemon", "init", "--config", config, *where, *what)
    with Path(config).open("a", encoding="utf-8") as file:
        file.write(RULE)
    on.terminal.tell("daemon", "enrol", f"{code}@{server.url}", "--config", config)
    return config


def state_of(server: TaskServerProcess, token: str, number: int) -> tuple[Any, Any]:
    told = server.ask_as(token, "GET", f"/api/v1/tasks/nas/{number}").value
    return told["State"], told["Outcome"]
