"""`set`: fields on the command line, shown as they change; no secret among the words."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.definition_stage import DefinitionStage
from tests.unit.cli.stage import in_zone


@pytest.fixture
def stage(tmp_path):
    with in_zone("UTC"):
        yield DefinitionStage(tmp_path)


def test_what_changed_is_shown(stage):
    ended = stage.run("set", "backup", "Documents", "settings.keep-versions=9", "sources+=/a/")
    assert (ended.status, ended.stderr) == (0, "")
    assert ended.stdout == (
        "“Documents” (3) changed:\n  sources\n    + /a/\n  settings.keep-versions\n    - 7\n    + 9\n"
    )
    assert stage.kept.stored["Backup"]["Sources"][-1] == "/a/"


def test_a_dry_run_shows_the_same_and_sends_nothing(stage):
    ended = stage.run("set", "backup", "3", "description=", "--dry-run")
    assert ended.stdout == "“Documents” (3) would change:\n  description\n    - Letters\n    + (empty)\n"
    record = json.loads(stage.run("set", "backup", "3", "description=", "-n", "-o", "json").stdout)
    assert (record["event"], record["is_sent"]) == ("would-change", False)
    assert record["changes"] == [{"field": "description", "before": "Letters", "after": ""}]
    assert stage.kept.writes == []


def test_nothing_to_change_is_said_and_sends_nothing(stage):
    ended = stage.run("set", "backup", "3", "name=Documents")
    assert (ended.status, ended.stdout) == (0, "“Documents” (3): nothing to change\n")
    assert stage.kept.writes == []


def test_ids_are_those_of_what_changed(stage):
    assert stage.run("set", "backup", "3", "name=Papers", "-o", "ids").stdout == "3\n"
    assert stage.run("set", "backup", "3", "name=Papers", "-o", "ids").stdout == ""


def test_things_are_taken_away_by_option_too(stage):
    assert stage.run("set", "backup", "3", "--unset", "settings.keep-versions", "--unset", "schedule").status == 0
    assert stage.kept.stored["Schedule"] is None


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["backup"], 64, "which backup?"),
        (["backup", "3"], 64, "what is to change?"),
        (["backup", "3", "name=a", "4"], 64, "4 says no change"),
        (["settings"], 64, "what is to change?"),
        (["settings", "x", "a=b"], 64, "x says no change"),
        (["tasks", "1", "a=b"], 64, "tasks is no type that fits here"),
        (["backup", "nobody", "name=x"], 66, "there is no backup “nobody”"),
        (["backup", "3", "settings.keep-versions=x"], 65, "keep-versions: “x” is not a whole number"),
        (["backup", "3", "settings.passphrase=x"], 64, "can be seen by others"),
        (["settings", "passphrase=x"], 64, "can be seen by others"),
        (["backup", "3", "settings.passphrase=@/no/such/file"], 74, "/no/such/file cannot be read"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_sent(stage, words, status, said):
    ended = stage.run("set", *words)
    assert (ended.status, ended.stdout) == (status, "")
    assert said in ended.stderr
    assert stage.kept.writes == []


def test_a_typed_secret_reaches_no_server_and_no_output(stage):
    ended = stage.run("set", "backup", "3", "destination=ftp://me:s3cret@host/x", "--verbose")
    assert ended.status == 64
    assert "s3cret" not in ended.stdout + ended.stderr
    assert not any("backup" in request for request in stage.server.requests)


def secret(stage):
    return stage.kept.stored["Backup"]["Settings"][1]["Value"]


def test_a_secret_comes_from_a_file_from_stdin_or_is_asked_for(stage):
    file = stage.home / "secret"
    file.write_text("from a file\n", encoding="utf-8")
    assert stage.run("set", "backup", "3", f"settings.passphrase=@{file}").status == 0
    assert secret(stage) == "from a file"
    stage.run("set", "backup", "3", "settings.passphrase=@-", stdin="from stdin\nmore\n")
    assert secret(stage) == "from stdin"
    stage.typed_password = "typed"
    ended = stage.run("set", "backup", "3", "settings.passphrase=@-", is_terminal=True)
    assert secret(stage) == "typed"
    assert "typed" not in ended.stdout + ended.stderr


def test_two_signs_stand_for_one_and_a_list_takes_them_as_they_are(stage):
    stage.run("set", "backup", "3", "description=@@home", "sources+=@/m|ftp://host/x")
    assert stage.kept.stored["Backup"]["Description"] == "@home"
    assert stage.kept.stored["Backup"]["Sources"][-1] == "@/m|ftp://host/x"


def test_settings_of_the_server_are_changed_and_shown(stage):
    ended = stage.run("set", "settings", "max-upload-speed=1MB", "keep-versions=7")
    assert ended.stdout == "settings changed:\n  max-upload-speed\n    + 1MB\n  --keep-versions\n    + 7\n"
    assert stage.run("set", "setting", "max-upload-speed-", "--dry-run").stdout.startswith("settings would change:")
    assert stage.kept.settings["max-upload-speed"] == "1MB"


def test_a_setting_that_the_server_did_not_keep_is_said(stage):
    stage.kept.drops_settings = True
    ended = stage.run("set", "settings", "max-upload-speed=1MB")
    assert "the server keeps max-upload-speed as empty, not as it was sent" in ended.stderr


def test_colours_are_for_terminals(stage):
    assert "\x1b[32m+ 9" in stage.run("set", "backup", "3", "settings.keep-versions=9", is_terminal=True).stdout
