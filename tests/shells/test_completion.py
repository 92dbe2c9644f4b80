"""Completion in real shells, typed at a terminal, with names that would do harm if a shell took them for more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from duplicati_client.cli.completion.lines import quote_for_bash
from tests.sandbox_process import sandbox_process
from tests.shells.terminal import Shell

PROGRAM = Path(sys.executable).parent / "duplicati"
COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--private"],
}
NAMES = {
    "My Photos": "My",
    "it's mine": "it",
    'say "hi"': "say",
    "$(touch pwned)": "\\$",
    "`touch pwned`": "\\`",
    "a;touch pwned": "a",
    "Ünïcode 写真": "Ün",
    "NAS: photos": "NAS",
    "back\\slash": "back",
    "100% [x]*": "100",
    "~home": "\\~",
    "k=v": "k",
    "{x,y}": "\\{",
}
HARMFUL = ("line\nbreak; touch pwned", "esc\x1b]0;pwned\x07", "-rf", "turned\u202eback")
PLAIN = "Zebra"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Path]:
    """A home that is logged in to a sandbox with these backups."""
    home = tmp_path_factory.mktemp("home")
    names = [PLAIN, *NAMES, *HARMFUL]
    definitions = [
        {"Backup": {"Name": name, "TargetURL": f"file://{home}/{at}", "Sources": [str(home)], "Settings": [_CLEAR]}}
        for at, name in enumerate(names)
    ]
    (home / "definitions.json").write_text(json.dumps(definitions), encoding="utf-8")
    with sandbox_process(home, "--definitions", str(home / "definitions.json")) as server:
        login = [PROGRAM, "login", server.url, "--password-file", server.password_file, "--name", "my nas"]
        subprocess.run(login, env=environment(home), check=True, capture_output=True)
        yield home


_CLEAR = {"Name": "--no-encryption", "Value": "true"}


def environment(home: Path) -> dict[str, str]:
    kept = {"PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    return kept | {"HOME": str(home)}


@pytest.fixture(params=list(COMMANDS))
def shell(request, place) -> Iterator[Shell]:
    name = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed on this machine")
    script = place / f"script.{name}"
    made = subprocess.run([PROGRAM, "completion", name], env=environment(place), check=True, capture_output=True)
    script.write_bytes(made.stdout)
    opened = Shell(name, COMMANDS[name], script, environment(place))
    yield opened
    opened.close()
    assert list(place.rglob("pwned")) == []


def test_every_name_arrives_as_it_is_and_does_nothing(shell):
    for name, beginning in NAMES.items():
        assert shell.complete(f"duplicati run {beginning}") == ["run", name]


def test_name_goes_on_within_quotes_that_are_open(shell):
    for name in ("My Photos", "NAS: photos"):
        assert shell.complete(f'duplicati run "{name[:4]}') == ["run", name]
        assert shell.complete(f"duplicati run '{name[:4]}") == ["run", name]


def test_verbs_options_and_values_are_completed(shell):
    assert shell.complete("duplicati descr") == ["describe"]
    assert shell.complete("duplicati list back") == ["list", "backups"]
    assert shell.complete("duplicati list backups --colum") == ["list", "backups", "--columns"]
    assert shell.complete("duplicati list backups --output ya") == ["list", "backups", "--output", "yaml"]
    assert shell.complete("duplicati list backups --output=ya") == ["list", "backups", "--output=yaml"]
    assert shell.complete("duplicati --context my") == ["--context", "my nas"]


def test_columns_go_on_after_a_comma_and_filters_after_the_sign(shell):
    assert shell.complete("duplicati list backups --columns name,outc") == [
        "list",
        "backups",
        "--columns",
        "name,outcome",
    ]
    words = ["list", "backups", "--filter", "outcome=warning"]
    assert shell.complete("duplicati list backups --filter outcome=war") == words


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_bash_takes_every_quoted_word_as_it_is(quote):
    alphabet = "a '\"\\$`!*?[]{}()<>;&|#~=:,.-%^@+/é写"
    words = [f"{first}{second}b{third}" for first in alphabet for second in alphabet for third in " '$"]
    line = "printf '%s\\0' " + " ".join(quote + quote_for_bash(word, quote) + quote for word in words)
    told = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}).stdout
    assert told.decode().split("\0")[:-1] == words
