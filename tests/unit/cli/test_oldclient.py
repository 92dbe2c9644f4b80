"""Whoever types a command of an older program is told what it is called here, and what is told of exists."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from duplicati_client.cli.main import split_verb
from duplicati_client.cli.oldclient import OLD_CLIENT, SERVER_UTIL, Row, find_hint, make_table
from duplicati_client.cli.oldparams import FIELDS
from duplicati_client.cli.options import GLOBAL, HELP
from duplicati_client.cli.parser import parse
from duplicati_client.cli.verbs import PLURALS, VERBS

ROWS = (*OLD_CLIENT, *SERVER_UTIL)
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "coming-from-the-old-client.md"
VALUES = {"DURATION": "5m", "N": "20", "TYPE": "backups", "SHA256": "ab" * 32}

# Each verb of duplicati_client 0.6.5 with its types and options, as its argument parser has them.
OF_OLD_CLIENT = {
    "list": "backups databases restores notifications serversettings systeminfo --output",
    "get": "backup notification",
    "describe": "backup notification",
    "set": "password --disable",
    "run": "",
    "abort": "",
    "create": "backup",
    "update": "backup --strip-metadata",
    "delete": "backup notification database",
    "export": "",
    "repair": "",
    "vacuum": "",
    "verify": "",
    "compact": "",
    "dismiss": "all",
    "logs": "backup stored profiling information warning error --id --remote --follow --lines --all",
    "login": "--password --basic-user --basic-pass --insecure --certfile --script",
    "logout": "",
    "status": "",
    "version": "",
    "daemon": "",
    "config": "--overwrite",
    "verbose": "enable disable",
    "precise": "enable disable",
    "params": "--disable --show",
    "pause": "--duration",
    "resume": "",
}
OF_SERVER_UTIL = {
    *("pause", "resume", "list-backups", "run", "login", "logout", "change-password", "import", "export", "health"),
    *("issue-forever-token", "status", "delete", "--hosturl", "--password", "--insecure", "--host-cert", "--json"),
}


def words_of(row: Row) -> list[str]:
    return [VALUES.get(word, "x" if word.isupper() else word) for word in (row.ours or "").split()]


@pytest.mark.parametrize("row", [row for row in ROWS if row.ours], ids=lambda row: row.old)
def test_each_of_our_commands_is_one_that_the_parser_takes(row):
    name, rest = split_verb(words_of(row))
    if name is None:
        assert rest == ["--version"]
        return
    verb = import_module(f"duplicati_client.cli.commands.{name}").VERB
    given = parse(name, (*GLOBAL, HELP, *verb.options), rest)
    if name in ("list", "get"):
        assert given.words[0] in {*PLURALS, *PLURALS.values()}
    if name == "config" and given.words:
        assert f"{given.words[0]} " in verb.usage


@pytest.mark.parametrize("row", [row for row in ROWS if not row.ours], ids=lambda row: row.old)
def test_what_is_not_here_is_told_with_what_to_do_instead(row):
    assert row.remark


@pytest.mark.parametrize("verb", OF_OLD_CLIENT)
def test_each_command_type_and_option_of_the_old_client_is_told_of(verb):
    told = [row.literals for row in OLD_CLIENT if verb in row.literals]
    assert told
    for word in OF_OLD_CLIENT[verb].split():
        assert any(word in literals for literals in told), word


def test_each_command_of_the_server_util_is_told_of():
    assert {next(iter(row.old.split())) for row in SERVER_UTIL} >= OF_SERVER_UTIL


def test_no_command_of_the_old_client_is_told_of_twice():
    assert len({row.old for row in OLD_CLIENT}) == len(OLD_CLIENT)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("params old.yml", "duplicati login --params old.yml"),
        ("verbose", "duplicati config set verbose true"),
        ("set precise", "duplicati list backups --output json"),
        ("set password", "duplicati-server-util change-password"),
        ("list databases", "duplicati get backup BACKUP --output json"),
        ("list systeminfo", "duplicati status"),
        ("logs backup --id 7", "duplicati logs 7"),
        ("describe notification 7", "duplicati get notification 7"),
        ("pause --duration 5m", "duplicati pause 5m"),
        ("login nas --password hush", "duplicati login URL --password-file FILE"),
        ("login --password=hush", "duplicati login URL --password-file FILE"),
        ("export 1", "web page"),
        ("delete notification 4", "duplicati dismiss 4"),
        ("update backup 'my file' a.yml", "duplicati edit"),
        ("list-backups", "duplicati list backups"),
        ("list backups --json", "try: --output json"),
        ("version", "duplicati --version"),
    ],
)
def test_a_command_of_an_older_program_gets_ours_as_its_hint(stage, typed, hint):
    ended = stage.run(*typed.split())
    assert ended.status == 64
    assert hint in ended.stderr
    assert "hush" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 2


def test_a_name_that_no_backup_has_and_an_older_program_knew_gets_the_hint_too(stage):
    stage.log_in()
    ended = stage.run("logs", "stored")
    assert (ended.status, "duplicati logs" in ended.stderr) == (66, True)


@pytest.mark.parametrize("typed", ["run 7", "list backups nosuch", "get backup 9", "rnu 1", "run 1 --wiat", "status x"])
def test_what_was_never_a_command_of_theirs_keeps_its_own_hint(typed):
    assert find_hint(typed.split()) is None


def test_the_page_shows_the_same_tables():
    text = PAGE.read_text(encoding="utf-8")
    for table in (make_table(OLD_CLIENT, "old client"), make_table(SERVER_UTIL, "duplicati-server-util")):
        assert table in text, table
    for name, meaning in FIELDS.items():
        assert f"| `{name}` | {meaning} |" in text


def test_every_verb_of_the_hints_is_still_there():
    assert {row.ours.split()[0] for row in ROWS if row.ours} - {"--version"} <= set(VERBS)
