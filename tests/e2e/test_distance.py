"""The verbs through a real task server and real daemons, beside the same verbs asked of the servers themselves."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.distance_stage import Scene, distance_stage
from tests.e2e.task_server_process import PATIENCE_SECONDS

SAME = (
    "list backups --output json",
    "list backups Documents --output csv",
    "list versions Documents",
    "list settings --output json",
    "list notifications",
    "list logs Documents --output json",
    "get backup Photos --output json",
    "get setting update-channel",
    "describe Documents",
    "logs Documents",
    "describe Nothing",
    "stop",
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with distance_stage(tmp_path_factory.mktemp("distance")) as scene:
        yield scene


@pytest.mark.parametrize("name", ["modern", "legacy"])
def test_verbs_say_the_same_through_the_task_server(scene: Scene, name: str) -> None:
    for words in SAME:
        near, far = (scene.terminal.run(*words.split(), "--context", context) for context in (name, f"office/{name}"))
        assert (far.returncode, far.stdout, far.stderr) == (near.returncode, near.stdout, near.stderr), words


@pytest.mark.parametrize("name", ["modern", "legacy"])
@pytest.mark.parametrize(("backup", "status"), [("Documents", 0), ("Photos", 2), ("Mail", 3)])
def test_exit_status_says_how_a_run_went_far_away(scene: Scene, name: str, backup: str, status: int) -> None:
    ran = scene.terminal.run("run", backup, "--wait", "--output", "json", "--context", f"office/{name}")
    assert ran.returncode == status, ran.stderr
    *_, ended = map(json.loads, ran.stdout.splitlines())
    assert (ended["event"], ended["name"]) == ("ended", backup)


def test_definition_is_edited_through_the_task_server(scene: Scene, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/^description:.*/description: changed far away/" "$1"\n', encoding="utf-8")
    editor.chmod(0o700)
    edited = scene.terminal.run("edit", "Photos", "--yes", "--context", "office/modern", EDITOR=str(editor))
    assert edited.returncode == 0, edited.stderr
    assert "changed far away" in scene.terminal.tell("get", "backup", "Photos", "--context", "modern")


def test_secret_is_set_on_the_server_itself_only(scene: Scene, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("new-passphrase", encoding="utf-8")
    words = ("set", "backup", "Photos", f"settings.passphrase=@{secret}", "--context", "office/modern")
    refused = scene.terminal.run(*words)
    assert refused.returncode == 66
    assert "new-passphrase" not in refused.stdout + refused.stderr


def test_viewer_sees_what_the_task_server_knows_and_is_told_which_role_asks_a_daemon(scene: Scene) -> None:
    viewer = scene.add_viewer()
    known = viewer.run("list", "backups", "--max-age", "1h", "--context", "office/modern")
    assert (known.returncode, "Documents" in known.stdout) == (0, True), known.stderr
    for words in (["list", "backups"], ["describe", "Documents"], ["run", "Documents"]):
        refused = viewer.run(*words, "--context", "office/modern")
        assert (refused.returncode, refused.stdout) == (77, "")
        told, hint = refused.stderr.splitlines()[:2]
        assert "modern is asked by a task: this needs the role operator, and this token has the role viewer" in told
        assert ("--max-age" in hint, "--role" in hint) == (words[0] == "list", words[0] != "list"), hint


def test_every_server_with_a_label_is_asked_at_once(scene: Scene) -> None:
    told = json.loads(scene.terminal.tell("list", "backups", "--on", "office/*", "--output", "json"))
    assert {item["server"] for item in told["items"]} == {"office/modern", "office/legacy"}
    one = json.loads(scene.terminal.tell("list", "backups", "--on", "office/kind=legacy", "--output", "json"))
    assert {item["server"] for item in one["items"]} == {"office/legacy"}


def test_daemon_that_is_killed_in_mid_run_is_waited_for_and_the_run_ends_once(scene: Scene) -> None:
    daemon = scene.daemons["modern"]
    with scene.terminal.start("run", "Archive", "--wait", "--context", "office/modern") as running:
        _wait_until_running(scene, "modern")
        daemon.kill()
        time.sleep(0.5)
        daemon.start()
        stdout, stderr = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 0, stderr
    assert "Archive: success" in stdout
    listed = json.loads(scene.terminal.tell("list", "logs", "Archive", "--output", "json", "--context", "modern"))
    assert sum(line["source"] == "Backup" for line in listed["items"]) == 1


def _wait_until_running(scene: Scene, name: str) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while "running" not in scene.terminal.tell("list", "tasks", "--output", "csv", "--context", name):
        assert time.monotonic() < ends_at
        time.sleep(0.1)
