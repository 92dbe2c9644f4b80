"""A rename or removal that dies at any step is finished by giving the same command again, and never mixes sessions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there
CONFIG = f"""\
current = "nas"

[groups]
office = ["nas", "attic"]

[contexts.nas]
url = "{NOBODY}"

[contexts.attic]
url = "{NOBODY}/attic"
"""
SESSION = {"url": NOBODY, "generation": "modern", "access_token": "a", "refresh_token": "r", "cookie_name": "c"}
PROGRAM = """
import os, signal, sys
step, count, moment = sys.argv.pop(1), int(sys.argv.pop(1)), sys.argv.pop(1)
inner, seen = getattr(os, step), 0
def killed(*given, **named):
    global seen
    if given[0].endswith((".lock",)) or "pycache" in str(given):
        return inner(*given, **named)
    seen += 1
    if seen == count and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        return inner(*given, **named)
    finally:
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)
setattr(os, step, killed)
from duplicati_client.cli.main import run
run()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / ".config" / "duplicati-client"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG)
    state = tmp_path / ".local" / "state" / "duplicati-client" / "sessions"
    state.mkdir(parents=True)
    (state / "nas.json").write_text(json.dumps(SESSION))
    (state / "attic.json").write_text(json.dumps(SESSION | {"access_token": "of the attic"}))
    return tmp_path


def call(home: Path, words: list[str], *kill: str) -> int:
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", PROGRAM, *(kill or ("replace", "0", "never")), *words]
    ended = subprocess.run(command, env=environ, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode


def look(home: Path) -> tuple[dict[str, object], dict[str, str]]:
    """Return what the configuration says and the token in each session file."""
    folder = home / ".local" / "state" / "duplicati-client" / "sessions"
    sessions = {file.name: json.loads(file.read_text())["access_token"] for file in folder.glob("*.json")}
    text = (home / ".config" / "duplicati-client" / "config.toml").read_text()
    return tomllib.loads(text), sessions


RENAMED = (
    {
        "current": "cellar",
        "groups": {"office": ["cellar", "attic"]},
        "contexts": {"cellar": {"url": NOBODY}, "attic": {"url": f"{NOBODY}/attic"}},
    },
    {"cellar.json": "a", "attic.json": "of the attic"},
)
REMOVED = (
    {"groups": {"office": ["attic"]}, "contexts": {"attic": {"url": f"{NOBODY}/attic"}}},
    {"attic.json": "of the attic"},
)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("step", "count"), [("replace", "1"), ("replace", "2"), ("unlink", "1")])
def test_a_rename_cut_short_is_finished_by_the_same_command(home: Path, step: str, count: str, moment: str) -> None:
    words = ["config", "rename", "nas", "cellar"]
    assert call(home, words, step, count, moment) == -9
    configuration, sessions = look(home)
    assert configuration in (tomllib.loads(CONFIG), RENAMED[0])
    assert sorted(sessions.values()) == ["a", "of the attic"]
    call(home, words)
    assert look(home) == RENAMED


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("step", "count"), [("unlink", "1"), ("replace", "1")])
def test_a_removal_cut_short_is_finished_by_the_same_command(home: Path, step: str, count: str, moment: str) -> None:
    words = ["config", "remove", "nas"]
    assert call(home, words, step, count, moment) == -9
    configuration, sessions = look(home)
    assert configuration in (tomllib.loads(CONFIG), REMOVED[0])
    assert sessions.get("attic.json") == "of the attic"
    call(home, words)
    assert look(home) == REMOVED


def test_an_uninterrupted_rename_is_what_the_others_are_compared_with(home: Path) -> None:
    assert call(home, ["config", "rename", "nas", "cellar"]) == 0
    assert look(home) == RENAMED


def test_a_full_disk_renames_nothing(home: Path) -> None:
    """A folder in the place of the new file fails the write, as a full disk does."""
    (home / ".config" / "duplicati-client" / "config.toml.new").mkdir()
    assert call(home, ["config", "rename", "nas", "cellar"]) == 73
    assert look(home) == (tomllib.loads(CONFIG), {"nas.json": "a", "attic.json": "of the attic"})
