"""Whatever is typed and whatever backups are called, a shell gets one harmless line a word and no failure."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client.cli.call import Process
from duplicati_client.cli.completion.answering import answer
from duplicati_client.cli.completion.names import choose_words
from duplicati_client.cli.console import Console
from duplicati_client.cli.text import is_harmless
from tests.unit.cli.stage import Terminal

BREAKS = " \t\n\"'><=;|&(:"
WORDS = st.sampled_from(
    [
        *(
            "run",
            "list",
            "backups",
            "versions",
            "config",
            "set",
            "get",
            "setting",
            "stop",
            "task",
            "help",
            "completion",
        ),
        *("--output", "--columns", "--filter", "--sort", "-o", "--", "-", "", "--filter=", "name,", "outcome=", "--on"),
    ]
) | st.text(max_size=8)
NAMES = st.lists(st.text(max_size=12), max_size=6)


@pytest.fixture(scope="module")
def process(tmp_path_factory) -> Process:
    environ = {"HOME": str(tmp_path_factory.mktemp("home"))}
    return Process(environ, Console(Terminal(), Terminal(), Terminal(), environ), str)


def ask(process, shell, sent, names):
    backups = [(name, str(at)) for at, name in enumerate(names)]
    return answer(shell, sent, process, lambda call, kind: choose_words(backups))


@given(words=st.lists(WORDS, min_size=1, max_size=5), names=NAMES, shell=st.sampled_from(["zsh", "fish"]))
def test_each_candidate_is_one_harmless_line(process, words, names, shell):
    mode, *lines = ask(process, shell, words, names).split("\n")[:-1]
    assert mode in ("space", "nospace", "files")
    assert all(is_harmless(line.replace("\t", "", 1)) for line in lines)


@given(line=st.text(max_size=20) | st.lists(WORDS, max_size=5).map(" ".join), names=NAMES)
def test_bash_gets_a_line_a_word_for_any_line(process, line, names):
    mode, *lines = ask(process, "bash", [BREAKS, f"duc {line}"], names).split("\n")[:-1]
    assert mode in ("space", "nospace", "files")
    assert all(map(is_harmless, lines))


@given(names=NAMES.map(lambda names: [name for name in names if not name.isdecimal()]))
def test_every_backup_can_be_named_by_what_is_offered_for_it(names):
    backups = [(name, str(at)) for at, name in enumerate(names)]
    offered = [word.value for word in choose_words(backups)]
    assert len(set(offered)) == len(backups)
    for word, (name, backup_id) in zip(offered, backups, strict=True):
        assert [own for own in backups if word in own] == [(name, backup_id)]


@given(text=st.text(max_size=20))
def test_powershell_gets_ascii_for_any_question(process, text):
    sent = base64.b64encode(f"\0run\0{text}".encode("utf-8", "replace")).decode()
    told = ask(process, "powershell", [sent], ["Ünïcode", "it's"])
    assert told.isascii()
    assert isinstance(json.loads(told), list)
