"""The task server keeps to the page on the protocol at both levels, by the kit that others are to check theirs with."""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from tests.conformance.exchange import Peer, Tally
from tests.conformance.server import Give, check_level_0, check_level_1
from tests.e2e.task_server_process import PATIENCE_SECONDS, TaskServerProcess, task_server_process

LEVEL_1 = {"Duplicati-Task-Protocol": "1", "Duplicati-Instance": "one"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskServerProcess]:
    with task_server_process(tmp_path_factory.mktemp("conformance") / "data") as process:
        yield process


def make(server: TaskServerProcess, path: str, value: Any) -> Any:
    made = server.ask_as(server.token, "POST", f"/api/v1/{path}", value)
    assert made.status == 201, made
    return made.value


def give_to(server: TaskServerProcess, name: str) -> Give:
    def give(task: dict[str, Any]) -> Any:
        content = {member: value for member, value in task.items() if member != "ID"}
        return make(server, "tasks", {"Daemon": name, "Task": content})["Items"][0]["ID"]

    return give


@pytest.mark.parametrize("how", ["a token", "Basic", "an address of its own"])
def test_task_server_conforms_to_level_0_however_a_daemon_says_who_it_is(server: TaskServerProcess, how: str) -> None:
    name, tally = f"d-{secrets.token_hex(4)}", Tally()
    made = make(server, "daemons", {"Name": name})
    if how == "a token":
        peer = Peer(server.url, {"Authorization": f"Bearer {made['Token']}"})
    elif how == "Basic":
        told = base64.b64encode(f"{name}:{made['Token']}".encode()).decode()
        peer = Peer(server.url, {"Authorization": f"Basic {told}"})
    else:
        peer = Peer(server.url + made["Path"])
    check_level_0(peer, give_to(server, name), tally)
    assert tally.failed == []
    assert tally.passed_count >= 22


def test_task_server_conforms_to_level_1(server: TaskServerProcess) -> None:
    name, tally = f"d-{secrets.token_hex(4)}", Tally()
    codes = [make(server, "codes", {"Uses": 1})["Code"] for _ in range(2)]
    enrolled = server.ask_as(None, "POST", "/api/enrol", {"Code": codes[0], "Name": name}).value
    peer = Peer(server.url, {**LEVEL_1, "Authorization": f"Bearer {enrolled['Token']}"})
    give = give_to(server, name)
    check_level_0(peer, give, tally, has_leases=True)
    check_level_1(peer, give, tally, codes[1])
    assert tally.failed == []
    assert tally.passed_count >= 55


def test_kit_learns_the_ids_of_a_server_that_gives_its_own_from_the_command(
    server: TaskServerProcess, tmp_path: Path
) -> None:
    name = f"d-{secrets.token_hex(4)}"
    made = make(server, "daemons", {"Name": name})
    token, key = tmp_path / "token", tmp_path / "key"
    token.write_text(made["Token"])
    key.write_text(str(server.token))
    give = f"{sys.executable} -m tests.e2e.giving {server.url} {key} {name}"
    kit = [sys.executable, "-m", "tests.conformance.server", server.url, "--give", give, "--token-file", str(token)]
    ended = run(kit, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    assert "skip   a task whose ID is a text" in ended.stdout
