"""`edit`: nothing is lost, nothing is sent unasked, no secret is written down."""

from __future__ import annotations

import json

import pytest

from duplicati_client import errors
from tests.fakes import answer
from tests.unit.cli.definition_stage import DefinitionStage
from tests.unit.cli.stage import in_zone

CHANGE = 'sed -i "s/^description:.*/description: Mine/" "$1"'
BREAK = 'sed -i "s/^description:/descripton:/" "$1"'


@pytest.fixture
def stage(tmp_path):
    with in_zone("UTC"):
        yield DefinitionStage(tmp_path)


def description(stage):
    return stage.kept.stored["Backup"]["Description"]


def test_a_change_is_shown_sent_and_leaves_no_text_behind(stage):
    ended = stage.edit(CHANGE, "--yes")
    assert (ended.status, ended.stdout) == (0, "“Documents” (3) changed: description\n")
    assert "  description\n    - Letters\n    + Mine\n" in ended.stderr
    assert description(stage) == "Mine"
    assert list(stage.texts.iterdir()) == []


def test_programs_get_what_changed_as_json(stage):
    record = json.loads(stage.edit(CHANGE, "--yes", "-o", "json").stdout)
    assert record == {
        "event": "changed",
        "backup_id": "3",
        "name": "Documents",
        "is_sent": True,
        "changes": [{"field": "description", "before": "Letters", "after": "Mine"}],
        "adjusted": [],
        "is_confirmed": True,
    }


def test_a_text_left_as_it_is_sends_nothing(stage):
    ended = stage.edit("true", "--yes")
    assert (ended.status, ended.stdout, ended.stderr) == (0, "", "nothing was changed, nothing was sent\n")
    assert stage.kept.writes == []
    assert list(stage.texts.iterdir()) == []


@pytest.mark.parametrize("script", [': > "$1"', 'echo "# away" > "$1"'])
def test_a_text_that_was_emptied_means_that_nothing_is_wanted(stage, script):
    ended = stage.edit(script, "--yes")
    assert (ended.status, ended.stdout, ended.stderr) == (0, "", "nothing was changed, nothing was sent\n")
    assert stage.kept.writes == []
    assert list(stage.texts.iterdir()) == []


def test_an_editor_that_comes_back_at_once_may_need_an_option(stage):
    assert "code --wait" in stage.edit("true", is_terminal=True).stderr


def test_the_text_lies_in_a_file_and_a_folder_of_ones_own_without_secrets(stage):
    stage.kept.release, stage.kept.is_masking = "2.2.0.3", False
    script = 'stat -c "%a" "$1" "$(dirname "$1")" > "$HOME/modes"; cp "$1" "$HOME/seen"; env > "$HOME/env"'
    stage.edit(script, "--yes", DUPLICATI_CLIENT_HEADERS="X-Secret=s3cret")
    assert (stage.home / "modes").read_text() == "600\n700\n"
    assert "s3cret" not in (stage.home / "seen").read_text()
    assert "DUPLICATI_CLIENT" not in (stage.home / "env").read_text()


def test_without_a_terminal_and_yes_nothing_is_opened(stage):
    ended = stage.edit('touch "$HOME/opened"')
    assert (ended.status, ended.stdout) == (64, "")
    assert "nobody to ask" in ended.stderr
    assert not (stage.home / "opened").exists()


@pytest.mark.parametrize(("typed", "is_sent"), [("y\n", True), ("n\n", False), ("", False), ("what\ny\n", True)])
def test_at_a_terminal_it_is_asked(stage, typed, is_sent):
    ended = stage.edit(CHANGE, stdin=typed, is_terminal=True)
    assert ended.status == 0
    assert (description(stage) == "Mine") is is_sent
    assert len(stage.kept_texts) == (0 if is_sent else 1)
    assert is_sent or str(stage.kept_texts[0]) in ended.stderr


def test_it_can_be_opened_again_before_it_is_sent(stage):
    stage.edit('sed -i "s/^description: .*/&x/" "$1"', stdin="e\ne\ny\n", is_terminal=True)
    assert description(stage) == "Lettersxxx"


def test_a_wrong_text_can_be_opened_again_at_a_terminal(stage):
    script = (
        'if grep -q descripton "$1"; then sed -i s/descripton:.*/description:\\ Mine/ "$1"; else\n' + BREAK + "\nfi"
    )
    ended = stage.edit(script, stdin="y\ny\n", is_terminal=True)
    assert "line 10: there is no field “descripton”" in ended.stderr
    assert description(stage) == "Mine"


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        (BREAK, 65, "line 10: there is no field “descripton”; your text is kept in"),
        ('echo "[" > "$1"', 65, "line 2, column 1: this is no YAML"),
        ('printf "name: \\377" > "$1"', 65, "line 1: this is no UTF-8 text"),
        ('sed -i "s/keep-versions: .*/keep-versions: many/" "$1"', 65, "keep-versions: “many” is not a whole number"),
        ('sed -i "s/keep-versions: .*/mail: \'****\'/" "$1"', 65, "the server knows no setting “mail”"),
        ('sed -i "s/host.example/evil.example/" "$1"', 65, "destination: ******** stands for a secret, but none"),
        (CHANGE + "; exit 3", 74, "failed (status 3)"),
        ('rm "$1"', 74, "cannot be read"),
    ],
)
def test_what_cannot_be_applied_is_kept_and_its_place_told(stage, script, status, said):
    ended = stage.edit(script, "--yes")
    assert (ended.status, ended.stdout) == (status, "")
    assert said in ended.stderr
    assert stage.kept.writes == []
    assert all(str(text) in ended.stderr for text in stage.kept_texts)
    assert len(stage.kept_texts) == (0 if script.startswith("rm") else 1)


def test_an_unknown_setting_is_told_with_its_line(stage):
    ended = stage.edit('sed -i "s/dblock-size:/dblock-sice:/" "$1"', "--yes")
    assert "the server knows no setting “dblock-sice”" in ended.stderr
    line = stage.kept_texts[0].read_text().splitlines().index("  dblock-sice: 50mb") + 1
    assert f"line {line}: " in ended.stderr
    assert stage.edit('sed -i "s/dblock-size:/dblock-sice:/" "$1"', "--yes", "--unchecked").status == 0


def test_a_kept_text_can_be_taken_up_again(stage):
    stage.edit(BREAK, "--yes")
    ended = stage.edit('sed -i s/descripton:.*/description:\\ Mine/ "$1"', "--yes", "--from", str(stage.kept_texts[0]))
    assert ended.status == 0
    assert description(stage) == "Mine"


@pytest.mark.parametrize("editor", ["no-such-editor", "'"])
def test_an_editor_that_is_missing_is_told_and_what_to_do(stage, editor):
    ended = stage.run("edit", "Documents", "--yes", EDITOR=editor)
    assert ended.status == 78
    assert "set VISUAL or EDITOR" in ended.stderr
    assert list(stage.texts.iterdir()) == []


def test_no_editor_is_guessed_where_nobody_could_use_it(stage):
    ended = stage.run("edit", "Documents", "--yes")
    assert (ended.status, "there is no editor" in ended.stderr) == (78, True)


def test_visual_comes_before_editor_and_may_have_options(stage):
    visual = stage.editor('sed -i "s/^description:.*/description: $1/" "$2"')
    assert stage.run("edit", "Documents", "-y", VISUAL=f"{visual} 'two words'", EDITOR="false").status == 0
    assert description(stage) == "two words"


def test_an_edit_that_the_server_refuses_is_kept(stage):
    stage.kept.before_write = lambda: answer(409, {"Error": "There already exists a backup", "Code": 409})
    ended = stage.edit(CHANGE, "--yes")
    assert ended.status == 65
    assert "There already exists a backup; your text is kept in" in ended.stderr
    assert "description: Mine" in stage.kept_texts[0].read_text()


def test_an_edit_that_the_server_never_answers_is_kept(stage):
    stage.kept.before_write = lambda: errors.ConnectionLost("the connection ended")
    assert stage.edit(CHANGE, "--yes").status == 69
    assert "description: Mine" in stage.kept_texts[0].read_text()


def test_at_a_terminal_it_can_be_sent_again_when_the_server_is_back(stage):
    replies = [errors.ConnectionLost("the connection ended"), None]
    stage.kept.before_write = lambda: replies.pop(0)
    ended = stage.edit(CHANGE, stdin="y\ny\ny\n", is_terminal=True)
    assert ended.status == 0
    assert "the connection ended" in ended.stderr
    assert description(stage) == "Mine"


def test_a_change_that_arrived_although_its_answer_was_lost_is_not_sent_twice(stage):
    def lose_the_answer():
        stage.kept.before_write = lambda: None
        stage.kept.stored["Backup"]["Description"] = "Mine"
        return errors.ConnectionLost("the connection ended")

    stage.kept.before_write = lose_the_answer
    ended = stage.edit(CHANGE, stdin="y\ny\ny\ny\n", is_terminal=True)
    assert ended.stderr.endswith("nothing was changed, nothing was sent\n")
    assert (ended.status, stage.kept.writes) == (0, [])


def let_somebody_change_the_tags(stage):
    """Let the server's copy differ from the second time on that it is read."""
    reads = []

    def change() -> None:
        if reads:
            stage.kept.stored["Backup"]["Tags"] = ["theirs"]
        reads.append(1)

    stage.kept.before_read = change


def test_a_copy_changed_meanwhile_is_not_overwritten_and_both_changes_are_shown(stage):
    let_somebody_change_the_tags(stage)
    ended = stage.edit(CHANGE, "--yes")
    assert ended.status == 75
    assert "changed on the server meanwhile:\n  tags\n    + theirs\nchanged by you:\n  description" in ended.stderr
    assert stage.kept.writes == []
    text = stage.kept_texts[0].read_text()
    assert "description: Mine" in text
    assert "- theirs" in text
    assert f"--from {stage.kept_texts[0]}" in ended.stderr


def test_after_somebody_elses_change_it_can_be_opened_again_with_both(stage):
    let_somebody_change_the_tags(stage)
    ended = stage.edit(CHANGE, stdin="y\ny\ny\n", is_terminal=True)
    assert ended.status == 0
    assert (description(stage), stage.kept.stored["Backup"]["Tags"]) == ("Mine", ["theirs"])


def test_a_new_secret_is_nowhere_in_the_output(stage):
    ended = stage.edit('sed -i "s/passphrase: .*/passphrase: n3w/" "$1"', "--yes", "--verbose")
    assert ended.status == 0
    assert "n3w" not in ended.stdout + ended.stderr
    assert "(a new secret)" in ended.stderr
    assert stage.kept.stored["Backup"]["Settings"][1]["Value"] == "n3w"


def test_colours_are_for_terminals_that_want_them(stage):
    assert "\x1b[31m- Letters" in stage.edit(CHANGE, stdin="n\n", is_terminal=True).stderr
    assert "\x1b" not in stage.edit(CHANGE, stdin="n\n", is_terminal=True, NO_COLOR="1").stderr


@pytest.mark.parametrize("words", [("--on", "*"), ("--all",)])
def test_several_servers_are_refused_before_anything_is_opened(stage, words):
    ended = stage.edit('touch "$HOME/opened"', "--yes", *words)
    assert (ended.status, "edit opens one definition" in ended.stderr) == (64, True)
    assert not (stage.home / "opened").exists()
