"""`completion`: scripts, installation, and what the scripts ask."""

from __future__ import annotations

import base64
import json

import pytest

BREAKS = " \t\n\"'><=;|&(:"


def test_script_is_printed(stage):
    for shell in ("bash", "zsh", "fish", "powershell"):
        assert "completion ask" in stage.run("completion", shell).stdout


def test_shell_that_is_not_known_is_wrong_usage(stage):
    for words in (["tcsh"], ["install", "tcsh"], [], ["bash", "zsh"], ["ask"], ["ask", "tcsh", "--", ""]):
        assert stage.run("completion", *words).status == 64


def test_installation_says_which_files_and_dry_run_writes_none(stage):
    dry = stage.run("completion", "install", "bash", "--dry-run", "--output", "json")
    assert [item["action"] for item in json.loads(dry.stdout)["items"]] == ["would write", "would write"]
    assert list(stage.home.iterdir()) == []
    real = stage.run("completion", "install", "bash")
    assert ".bashrc" in real.stdout
    assert "written" in real.stdout
    assert "bash that is started" in real.stderr
    assert "unchanged" in stage.run("completion", "install", "bash").stdout
    assert "removed" in stage.run("completion", "uninstall", "bash").stdout


def test_bash_gets_quoted_words_behind_what_stays_in_the_line(stage):
    stage.log_in()
    assert stage.run("completion", "ask", "bash", "--", BREAKS, "duc run Doc").stdout == "space\nDocuments\n"
    assert stage.run("completion", "ask", "bash", "--", BREAKS, "duc --output=j").stdout == "space\njson\n"
    assert stage.run("completion", "ask", "bash", "--", BREAKS, "duc status > x").stdout == "files\n"


def test_zsh_and_fish_get_words_and_what_they_are(stage):
    stage.log_in()
    for shell in ("zsh", "fish"):
        assert stage.run("completion", "ask", shell, "--", "run", "Doc").stdout == "space\nDocuments\tbackup 1\n"


def test_powershell_sends_and_gets_ascii(stage):
    stage.server.answers["GET api/v1/backups"][0]["Backup"]["Name"] = "it’s Ünïcode"
    stage.log_in()
    sent = base64.b64encode(b"\0run\0it").decode()
    ended = stage.run("completion", "ask", "powershell", "--", sent)
    assert ended.stdout.isascii()
    assert json.loads(ended.stdout) == [{"text": "'it’’s Ünïcode'", "shown": "it’s Ünïcode", "about": "backup 1"}]


@pytest.mark.parametrize("sent", ["%%%", "/w=="])
def test_damaged_question_of_powershell_breaks_nothing(stage, sent):
    assert stage.run("completion", "ask", "powershell", "--", sent).status in (0, 64)


def test_without_a_server_verbs_are_completed_and_nothing_is_said(stage):
    ended = stage.run("completion", "ask", "fish", "--", "run", "")
    assert (ended.status, ended.stdout, ended.stderr) == (0, "space\n", "")


def test_powershell_asks_for_the_first_word(stage):
    found = json.loads(stage.run("completion", "ask", "powershell", base64.b64encode(b"\0").decode()).stdout)
    assert "list" in [candidate["text"] for candidate in found]
