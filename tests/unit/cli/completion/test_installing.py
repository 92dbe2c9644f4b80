"""Scripts are put where each shell looks, once, and taken away without a trace."""

from __future__ import annotations

import os
import stat

import pytest

from duplicati_client import errors
from duplicati_client.cli.completion.installing import carry_out, detect_shell, make_plan, make_script
from duplicati_client.cli.completion.suggesting import SHELLS

STARTS = {"bash": ".bashrc", "zsh": ".zshrc", "powershell": "profile.ps1"}
PROGRAM = "/opt/it's here/duplicati"
QUOTED = {
    "bash": "'/opt/it'\\''s here/duplicati'",
    "zsh": "'/opt/it'\\''s here/duplicati'",
    "fish": "'/opt/it\\'s here/duplicati'",
    "powershell": "'/opt/it''s here/duplicati'",
}


def plan(home, shell, *, is_removal=False, **environ):
    told = {"HOME": str(home), **environ}
    profile = str(home / "profile.ps1")
    return make_plan(shell, told, is_removal=is_removal, program=PROGRAM, ask_profile=lambda: profile)


def install(home, shell, **options):
    changes = plan(home, shell, **options)
    for change in changes:
        if change.is_needed:
            carry_out(change)
    return changes


@pytest.mark.parametrize("shell", SHELLS)
def test_second_installation_changes_nothing(tmp_path, shell):
    install(tmp_path, shell)
    assert [change.is_needed for change in plan(tmp_path, shell)] == [False, False]


@pytest.mark.parametrize("shell", SHELLS)
def test_script_is_for_both_names_and_starts_this_program_alone(shell):
    script = make_script(shell, PROGRAM)
    assert "@PROGRAM@" not in script
    assert QUOTED[shell] in script
    assert "duplicati" in script
    assert "duc" in script


@pytest.mark.parametrize("shell", STARTS)
def test_what_a_person_wrote_stays_and_comes_back_byte_for_byte(tmp_path, shell):
    start = tmp_path / STARTS[shell]
    for text in (b"alias ll='ls -l'\n", b"no line end", b"\xff\xfe not UTF-8\r\nsecond\r\n", b""):
        start.write_bytes(text)
        install(tmp_path, shell)
        assert start.read_bytes().startswith(text)
        install(tmp_path, shell, is_removal=True)
        assert start.read_bytes().rstrip(b"\r\n") == text.rstrip(b"\r\n")


@pytest.mark.parametrize("shell", STARTS)
def test_marked_lines_are_renewed_where_they_are(tmp_path, shell):
    start = tmp_path / STARTS[shell]
    start.write_bytes(b"a\n# >>> duplicati completion >>>\nold\n# <<< duplicati completion <<<\nb\n")
    install(tmp_path, shell)
    text = start.read_text(encoding="utf-8")
    assert text.startswith("a\n# >>> duplicati")
    assert text.endswith("<<<\nb\n")
    assert "old" not in text


def test_fish_gets_a_file_for_each_name(tmp_path):
    install(tmp_path, "fish")
    folder = tmp_path / ".config" / "fish" / "completions"
    assert sorted(path.name for path in folder.iterdir()) == ["duc.fish", "duplicati.fish"]
    install(tmp_path, "fish", is_removal=True)
    assert list(folder.iterdir()) == []


def test_nothing_there_is_nothing_to_remove(tmp_path):
    for shell in SHELLS:
        assert [change.is_needed for change in plan(tmp_path, shell, is_removal=True)] == [False, False]


def test_link_to_a_file_kept_elsewhere_stays_a_link_with_its_mode(tmp_path):
    kept = tmp_path / "dotfiles"
    kept.write_text("x\n")
    kept.chmod(0o640)
    (tmp_path / ".bashrc").symlink_to(kept)
    install(tmp_path, "bash")
    assert (tmp_path / ".bashrc").is_symlink()
    assert "completion.sh" in kept.read_text(encoding="utf-8")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640


def test_places_that_the_environment_names_are_used(tmp_path):
    elsewhere = str(tmp_path / "elsewhere")
    assert plan(tmp_path, "zsh", ZDOTDIR=elsewhere)[1].path == os.path.join(elsewhere, ".zshrc")
    assert plan(tmp_path, "fish", XDG_CONFIG_HOME=elsewhere)[0].path.startswith(elsewhere)
    assert plan(tmp_path, "bash", XDG_CONFIG_HOME=elsewhere)[0].path.startswith(elsewhere)


def test_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / ".config").write_text("a file, not a folder")
    with pytest.raises(errors.CannotCreate, match=r"completion\.sh"):
        install(tmp_path, "bash")


@pytest.mark.parametrize(
    ("parent", "login", "expected"),
    [
        ("fish", "/bin/bash", "fish"),
        ("python3", "/usr/bin/zsh", "zsh"),
        ("pwsh", "/bin/sh", "powershell"),
        ("", "/bin/bash", "bash"),
    ],
)
def test_shell_in_use_counts_before_the_login_shell(parent, login, expected):
    assert detect_shell({"SHELL": login}, lambda: parent) == expected


def test_shell_that_cannot_be_told_is_asked_for():
    with pytest.raises(errors.UsageInvalid) as caught:
        detect_shell({"SHELL": "/bin/tcsh"}, lambda: "make")
    assert "zsh" in caught.value.hint
