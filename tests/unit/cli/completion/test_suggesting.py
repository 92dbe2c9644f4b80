"""What is offered for a line: verbs, types, options, values, columns and names."""

from __future__ import annotations

import pytest

from duplicati_client.cli.call import Process
from duplicati_client.cli.completion.cache import Name
from duplicati_client.cli.completion.suggesting import suggest
from duplicati_client.cli.console import Console
from duplicati_client.cli.verbs import VERBS
from tests.unit.cli.stage import Terminal

NAMES = {
    "backup": [Name("Documents", "backup 1"), Name("My Photos", "backup 12"), Name("3", "called a\nb")],
    "task": [Name("7", "running")],
    "setting": [Name("update-channel")],
    "daemons of fleet": [Name("fleet/attic", "daemon, online"), Name("fleet/nas", "daemon, lost")],
}
CONFIGURATION = """
current = "nas"
[contexts.nas]
url = "http://nas.test:8200"
[contexts."two words"]
url = "http://two.test:8200"
[contexts.fleet]
url = "http://fleet.test"
kind = "task-server"
[groups]
office = ["nas"]
"""


@pytest.fixture
def offer(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    environ = {"HOME": str(tmp_path), "DUPLICATI_CLIENT_CONFIG": str(file)}
    process = Process(environ, Console(Terminal(), Terminal(), Terminal(), environ), str)

    def find(*words):
        found = suggest(process, words[:-1], words[-1], lambda call, kind: NAMES.get(kind, []))
        return found.mode, [candidate.value for candidate in found.candidates]

    return find


def test_first_word_is_a_verb(offer):
    assert offer("")[1] == [*VERBS, "help"]
    assert offer("help", "desc") == ("space", ["describe"])


def test_daemons_of_a_task_server_follow_its_slash(offer):
    assert offer("run", "--context", "fleet/")[1] == ["fleet/attic", "fleet/nas"]
    assert offer("run", "--on=fleet/n")[1] == ["--on=fleet/nas"]
    assert offer("config", "use", "fleet/a")[1] == ["fleet/attic"]
    assert offer("run", "--context", "nas/")[1] == []


def test_type_comes_before_what_is_named(offer):
    assert "versions" in offer("list", "")[1]
    assert offer("list", "versions", "Doc") == ("space", ["Documents"])


def test_backup_is_named_at_once_or_by_its_number_and_each_only_once(offer):
    assert offer("run", "my") == ("space", ["My Photos"])
    assert offer("run", "1") == ("space", ["1", "12"])
    assert offer("run", "Documents", "")[1] == ["My Photos", "3"]


def test_other_things_are_named_by_what_the_server_has(offer):
    assert offer("stop", "task", "") == ("space", ["7"])
    assert offer("get", "setting", "up") == ("space", ["update-channel"])


def test_options_are_those_of_the_verb_and_not_said_twice(offer):
    assert offer("run", "--wa") == ("space", ["--wait"])
    assert offer("run", "--wait", "x", "--wa")[1] == []
    assert offer("list", "--filter", "a=b", "--fil")[1] == ["--filter"]
    assert "--no-quiet" in offer("list", "--no-q")[1]
    assert offer("--pass")[1] == ["--password-stdin", "--password-file"]  # a secret is no option


def test_values_of_options_follow_them_with_a_blank_or_an_equals_sign(offer):
    assert offer("list", "backups", "-o", "y") == ("space", ["yaml"])
    assert offer("list", "backups", "--output=y") == ("space", ["--output=yaml"])
    assert offer("--context", "") == ("space", ["nas", "two words", "fleet"])
    assert offer("--on", "o") == ("space", ["office"])
    assert offer("--server", "http://t")[1] == ["http://two.test:8200"]
    assert offer("--ca-file", "x")[0] == "files"
    assert offer("run", "--timeout", "") == ("space", [])


def test_columns_are_offered_after_each_comma_and_once(offer):
    mode, columns = offer("list", "backups", "--columns", "name,")
    assert mode == "nospace"
    assert "name,outcome" in columns
    assert "name,name" not in columns
    assert offer("list", "tasks", "--sort", "-start") == ("nospace", ["-started_at"])
    assert offer("config", "explain", "--columns", "ori") == ("nospace", ["origin"])


def test_filters_are_offered_with_their_sign_and_then_their_values(offer):
    assert offer("list", "backups", "--filter", "outc") == ("nospace", ["outcome="])
    assert offer("list", "backups", "--filter", "outcome=er") == ("space", ["outcome=error"])
    assert offer("list", "backups", "--filter=outcome=er") == ("space", ["--filter=outcome=error"])
    assert offer("list", "versions", "1", "--filter", "is_full=") == ("space", ["is_full=yes", "is_full=no"])


def test_keys_of_the_configuration_and_their_choices_are_offered(offer):
    assert "output" in offer("config", "set", "out")[1]
    assert offer("config", "set", "output", "cs") == ("space", ["csv"])
    assert offer("config", "use", "two") == ("space", ["two words"])


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["nonsense", ""], {"login", "list"}),
        (["list", "nonsense", ""], set()),
        (["run", "--nonsense", "x"], set()),
        (["list", "--output", "nonsense", "--"], {"--context", "--all"}),
    ],
)
def test_line_that_is_wrong_fails_in_nothing(offer, line, offered):
    kind, words = offer(*line)
    assert kind == "space"
    assert set(words) >= offered
    assert bool(words) == bool(offered)


def test_what_follows_two_dashes_is_no_option(offer):
    assert offer("run", "--", "--wa") == ("space", [])


def test_what_is_said_about_a_word_cannot_reach_the_terminal_as_it_is(tmp_path):
    environ = {"HOME": str(tmp_path)}
    process = Process(environ, Console(Terminal(), Terminal(), Terminal(), environ), str)
    found = suggest(process, ["run"], "", lambda call, kind: [Name("8", "called \x1b[31m\n" + "x" * 200)])
    assert found.candidates[0].about.startswith("called \\x1b[31m\\n")
    assert len(found.candidates[0].about) <= 60


def test_option_of_a_verb_under_a_general_name_is_told_as_that_verb_means_it(tmp_path):
    environ = {"HOME": str(tmp_path)}
    process = Process(environ, Console(Terminal(), Terminal(), Terminal(), environ), str)
    abouts = [
        candidate.about
        for words in (["daemon", "init"], ["daemon", "check"])
        for candidate in suggest(process, words, "--server", lambda call, kind: []).candidates
    ]
    assert abouts == ["a Duplicati server by the name that tasks have for it: its …", "address of the server"]
