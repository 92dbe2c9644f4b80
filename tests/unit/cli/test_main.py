"""The front door: which verb is meant, what help says, and how each failure ends."""

from __future__ import annotations

import inspect
import io

import pytest

from duplicati_client import errors
from duplicati_client.cli import exits
from duplicati_client.cli.call import Process
from duplicati_client.cli.console import Console
from duplicati_client.cli.main import main, split_verb
from duplicati_client.cli.verbs import VERBS
from tests.unit.cli.stage import Terminal


@pytest.mark.parametrize(
    ("arguments", "verb", "rest"),
    [
        (["list", "backups"], "list", ["backups"]),
        (["--output", "json", "list", "backups"], "list", ["--output", "json", "backups"]),
        (["--output=json", "list", "backups"], "list", ["--output=json", "backups"]),
        (["-o", "json", "-v", "list", "backups"], "list", ["-o", "json", "-v", "backups"]),
        (["--verbose", "run", "run"], "run", ["--verbose", "run"]),
        (["--help"], None, ["--help"]),
        ([], None, []),
    ],
)
def test_the_verb_is_the_first_word_that_is_neither_option_nor_its_value(arguments, verb, rest):
    assert split_verb(arguments) == (verb, rest)


def test_global_options_work_before_and_after_the_verb(stage):
    stage.log_in()
    before = stage.run("--output", "ids", "list", "backups")
    after = stage.run("list", "backups", "--output", "ids")
    assert before == after
    assert before.stdout == "1\n2\n"


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_usage_and_an_example(stage, verb):
    ended = stage.run(verb, "--help")
    assert (ended.status, ended.stderr) == (0, "")
    assert f"  duplicati {verb}" in ended.stdout
    assert "Examples\n" in ended.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_lists_each_verb(stage, verb):
    assert f"\n  {verb} " in stage.run("--help").stdout


def test_help_before_the_verb_is_the_verbs(stage):
    assert stage.run("--help", "run") == stage.run("run", "--help") == stage.run("help", "run")


def test_the_bare_command_shows_the_first_steps(stage):
    ended = stage.run()
    assert ended.status == 0
    assert "duplicati login" in ended.stdout
    assert len(ended.stdout.splitlines()) < 15


def test_the_version_is_told(stage):
    assert stage.run("--version").stdout.startswith("duplicati-client ")


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        (["lisst"], "there is no verb lisst", "duplicati list"),
        (["frobnicate"], "there is no verb frobnicate", "duplicati --help"),
        (["--frobnicate"], "a verb is missing before --frobnicate", "duplicati --help"),
        (["list", "backups", "--frobnicate"], "duplicati list has no option --frobnicate", "duplicati list --help"),
        (["list", "backpus"], "backpus is no type that fits here", "did you mean backups?"),
        (["list"], "what kind of thing is meant?", "duplicati list TYPE"),
        (["list", "backups", "--fitler", "a=b"], "has no option --fitler", "did you mean --filter?"),
        (["list", "backups", "--verbose=1"], "--verbose takes no value", "duplicati list --help"),
        (["list", "backups", "--output", "xml"], "--output cannot be 'xml'", "table, json"),
        (["list", "backups", "--server"], "--server needs a value", "duplicati list --help"),
        (["list", "backups", "--server", "a", "--all"], "exclude each other", None),
        (["run"], "which backup?", "duplicati run [backup] SELECTOR"),
        (["describe", "a", "b"], "only one backup can be named", "duplicati describe"),
    ],
)
def test_wrong_usage_is_told_in_one_line_with_the_next_step(stage, words, told, hint):
    ended = stage.run(*words)
    assert (ended.status, ended.stdout) == (64, "")
    first, *more = ended.stderr.splitlines()
    assert told in first
    assert [hint in line for line in more] == ([True] if hint else [])


def error_classes():
    return [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.DuplicatiClientError) and kind is not errors.DuplicatiClientError
    ]


@pytest.mark.parametrize("kind", error_classes())
def test_every_error_has_a_status_of_its_own_that_the_help_explains(kind):
    status = exits.status_of_error(kind("what happened"))
    assert status not in (0, exits.BUG)
    assert status in exits.MEANINGS


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("success", 0), ("warning", 2), ("error", 3), ("fatal", 4), ("interrupted", 5), ("unknown", 6), ("odd", 6)],
)
def test_outcomes_become_statuses(outcome, status):
    assert exits.status_of_outcome(outcome) == status


def test_several_servers_agree_or_the_status_is_one():
    assert exits.merge([4, 4]) == 4
    assert exits.merge([0, 69]) == 1


def test_an_error_from_the_server_cannot_act_on_the_terminal(stage):
    stage.log_in()
    stage.server.failure = errors.ServerFailed("it said \x1b[2J\nand \u202emore", hint="look\x07")
    ended = stage.run("list", "backups")
    assert ended.stderr == "duplicati: it said \\x1b[2J\\nand \\u202emore\n  try: look\\x07\n"
    assert ended.status == 76


def test_a_bug_is_one_sentence_and_a_private_file_with_the_trace(stage):
    stage.log_in()
    stage.server.failure = ZeroDivisionError("division by zero")
    ended = stage.run("list", "backups")
    assert ended.status == 70
    path = next((stage.home / ".local" / "state" / "duplicati-client").glob("duplicati-client-bug-*"))
    assert str(path) in ended.stderr
    assert "ZeroDivisionError: division by zero" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert len(ended.stderr.splitlines()) == 2


def test_debug_shows_the_trace_of_an_error(stage):
    stage.log_in()
    stage.server.failure = errors.ConnectionRefused("nothing answers")
    ended = stage.run("list", "backups", "--debug")
    assert "Traceback" in ended.stderr
    assert ended.stderr.splitlines()[-2] == "duplicati: nothing answers"


def test_ctrl_c_is_told_and_has_its_status(stage):
    stage.log_in()
    stage.server.failure = KeyboardInterrupt()
    ended = stage.run("list", "backups")
    assert (ended.status, ended.stderr) == (130, "duplicati: interrupted\n")


class Full(Terminal):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class Closed(Terminal):
    """A reader that has gone, found out when the buffer is emptied."""

    def flush(self) -> None:
        raise BrokenPipeError


def help_with_stdout(stdout: io.StringIO) -> tuple[int, str]:
    stderr = Terminal()
    console = Console(Terminal(), stdout, stderr, {})
    return main(["--help"], Process({}, console, lambda prompt: "")), stderr.getvalue()


def test_an_answer_that_cannot_be_written_is_an_error():
    status, stderr = help_with_stdout(Full())
    assert (status, stderr) == (74, "duplicati: cannot write the answer: No space left on device\n")


def test_a_reader_that_has_gone_is_no_error_worth_a_word():
    assert help_with_stdout(Closed()) == (141, "")


def test_quiet_holds_back_talk_but_no_error(stage):
    assert stage.log_in("--quiet").stderr == ""
    assert stage.run("get", "backup", "nine", "--quiet").stderr != ""
