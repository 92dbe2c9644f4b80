"""`daemon journal`: show, check, repair and import, as the daemon's owner types them."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from duplicati_client.daemon.guard import Lock
from duplicati_client.daemon.storage import open_folder
from tests.shapes.checking import faults_of
from tests.unit.cli.daemon.owner import Owner
from tests.unit.daemon.journal_lines import (
    NOW,
    begun,
    confirmed,
    decided,
    edit,
    ended,
    received,
    submitted,
    write,
    write_past,
)

SECRET = "correct-horse-battery"
TOLD = write(received(), decided(), begun(), submitted(), ended(), confirmed())


@pytest.fixture
def damaged(owner: Owner) -> Owner:
    """Give an owner whose journal was edited, cut and torn."""
    told = write(received(), received("s:7"), decided(), begun(), submitted(), decided("s:7"), ended("s:7"))
    owner.keep(*told[:3], edit(told[3]), told[5], told[6][:-20], past=b"x\n" + write_past("i:1")[0])
    return owner


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


# --- words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "what is to be done"),
        (("destroy",), "cannot be told to destroy"),
        (("show", "1", "2"), "what is 2?"),
        (("check", "1"), "what is 1?"),
        (("repair", "--yes", "now"), "what is now?"),
        (("import",), "file is missing"),
        (("repair",), "nobody to ask"),
    ],
)
def test_what_is_not_understood_is_wrong_usage(owner: Owner, words: tuple[str, ...], told: str) -> None:
    ended_so = owner.run("journal", *words)
    assert ended_so.status == 64
    assert told in ended_so.stderr
    assert not owner.state.exists()


def test_help_has_examples_and_says_what_each_word_does(owner: Owner) -> None:
    shown = owner.run("journal", "--help").stdout
    for text in ("show [TASK]", "check", "repair", "import FILE", "duplicati daemon journal show 7", "65"):
        assert text in shown


# --- show -----------------------------------------------------------------------------------------------


def test_show_tells_every_record_of_a_task_in_order_with_times(owner: Owner) -> None:
    owner.keep(*TOLD)
    shown = lines_of(owner.run("journal", "show", "7").stdout)
    assert shown[:4] == ["task 7", "operation run", "about backup 3", "state completed: success"]
    titles = [line for line in shown if line in ("received", "decided", "intent", "submitted", "outcome", "confirmed")]
    assert titles == ["received", "decided", "intent", "submitted", "outcome", "confirmed"]
    assert shown.count("when 2026-11-24 12:00:00") == 6
    assert "where task-list.yml, line 3, number 3" in shown
    assert "there before 1 in the log, 0 notifications, event 45" in shown


def test_show_without_a_task_lists_the_records_of_all(owner: Owner) -> None:
    owner.keep(*write(received(), decided(), received("s:7"), ended(Code="expired", Reason="too late")))
    rows = owner.read("journal", "show")
    assert [(row["line"], row["number"], row["task_id"], row["id_type"], row["step"]) for row in rows] == [
        (1, 1, "7", "number", "received"),
        (2, 2, "7", "number", "decided"),
        (3, 3, "7", "text", "received"),
        (4, 4, "7", "number", "outcome"),
    ]
    assert rows[3]["text"] == "completed; too late"
    drawn = owner.run("journal", "show", columns=40)
    assert max(map(len, drawn.stdout.splitlines())) <= 40
    assert "TYPE" in drawn.stdout
    assert owner.run("journal", "show", "--filter", "step=received", "--output", "ids").stdout == "7\n7\n"


def test_show_knows_a_task_of_the_history_alone(owner: Owner) -> None:
    owner.keep(past=b"".join(write_past("i:1", "s:1", status="error", Code="expired", Message="too late")))
    item = owner.read("journal", "show", "s:1")
    assert (item["state"], item["id_type"]) == ("error: expired", "text")
    assert [(one["file"], one["line"], one["step"]) for one in item["records"]] == [("task-history.yml", 2, "history")]
    assert item["records"][0]["fields"]["Data"] == {"Code": "expired", "Message": "too late"}


def test_show_wants_to_know_which_of_two_tasks_is_meant(owner: Owner) -> None:
    owner.keep(*write(received("i:7"), received("s:7"), received("s:i:7"), received("s:i:9")))
    two = owner.run("journal", "show", "7")
    assert two.status == 64
    assert "i:7 and s:7" in two.stderr
    assert owner.read("journal", "show", "s:7")["id_type"] == "text"
    assert owner.read("journal", "show", "i:7")["id_type"] == "number"
    assert owner.read("journal", "show", "i:9")["task_id"] == "i:9"


def test_show_says_that_there_is_no_such_task(owner: Owner) -> None:
    ended_so = owner.run("journal", "show", "9")
    assert ended_so.status == 66
    assert "duplicati daemon tasks --all" in ended_so.stderr


def test_show_puts_what_is_damaged_in_its_place_and_shows_none_of_it(damaged: Owner) -> None:
    ended_so = damaged.run("journal", "show", "i:7")
    assert ended_so.status == 0
    assert "duplicati daemon journal check" in ended_so.stderr
    shown = lines_of(ended_so.stdout)
    assert "in doubt yes: more may have happened than is known" in shown
    assert "state accepted, or further" in shown
    assert shown.index("decided") < shown.index("damaged")
    assert "there before" not in ended_so.stdout
    assert [row["step"] for row in damaged.read("journal", "show")][3:] == ["damaged", "decided", "torn"]


def test_show_hides_secrets_and_moves_no_cursor(owner: Owner) -> None:
    content: dict[str, Any] = {
        "Operation": "set",
        "Parameters": {"assignments": f"settings.passphrase={SECRET}\x1b[2J"},
        "Resources": [{"Type": "backup", "Name": f"\x1b]0;x\x07 ftp://u:{SECRET}@nas/ \u202e"}],
        "x-token": SECRET,
    }
    data = {"Message": f"s3://key:{SECRET}@host\x1b[31m", "Items": [{"Name": "passphrase", "Value": SECRET}]}
    told = write(received(**content), decided(), ended(status="error", **data))
    for lines in (told, [told[0][:-30], told[1]], [edit(told[0]), told[1], told[2][:-3]]):
        owner.keep(*lines)
        for words in (("show",), ("show", "7"), ("check",)):
            for form in ("table", "json", "yaml"):
                ended_so = owner.run("journal", *words, "--output", form, columns=300)
                assert ended_so.status in (0, 65), ended_so.stderr
                assert SECRET not in ended_so.stdout + ended_so.stderr
                assert not {"\x1b", "\x07", "\u202e"} & set(ended_so.stdout + ended_so.stderr)


# --- check ----------------------------------------------------------------------------------------------


def test_check_finds_sound_files_sound(owner: Owner) -> None:
    owner.keep(*TOLD, past=write_past("i:1")[0])
    ended_so = owner.run("journal", "check")
    assert (ended_so.status, ended_so.stderr) == (0, "")
    assert lines_of(ended_so.stdout)[0] == "ok journal sound"
    assert owner.read("journal", "check")["is_sound"] is True


def test_check_tells_what_is_wrong_where_and_whose_it_was_and_writes_nothing(damaged: Owner) -> None:
    before = {path.name: path.read_bytes() for path in damaged.state.iterdir()}
    ended_so = damaged.run("journal", "check")
    assert ended_so.status == 65
    assert "journal repair" in ended_so.stderr
    shown = lines_of(ended_so.stdout)
    assert shown[0] == "x journal damaged"
    assert shown[1].startswith("! lost perhaps: tasks of which nothing is left")
    assert any(line.startswith("4 7 ") for line in shown)
    assert any(line.startswith("5 ? number 6 after 3: 1 missing") for line in shown)
    assert any(line.startswith("torn tail ") for line in shown)
    assert "means a task that was in it counts as a new one if it is offered again" in shown
    assert {path.name: path.read_bytes() for path in damaged.state.iterdir()} == before


def test_check_tells_programs_the_same(damaged: Owner) -> None:
    item = damaged.read("journal", "check")
    tasks, past = item["files"]
    assert (item["is_sound"], item["open_count"], item["has_lost"]) == (False, 2, True)
    assert [(line["line"], line["task_id"], line["id_type"]) for line in tasks["damaged"]] == [(4, "7", "number")]
    assert tasks["gaps"] == [{"line": 5, "after": 3, "number": 6, "missing_count": 1}]
    assert tasks["torn_bytes"] > 0
    assert (past["damaged_count"], past["damaged"][0]["task_id"]) == (1, None)
    assert item["doubts"][0] == {"task_id": "7", "id_type": "number", "step": "decided"}


def test_check_shows_a_part_of_much_damage_and_counts_all(owner: Owner) -> None:
    owner.keep(*map(edit, write(*(received(f"i:{number}") for number in range(1030)))))
    shown = lines_of(owner.run("journal", "check").stdout)
    assert len(shown) < 60
    assert "more 1010 that are not shown" in shown
    damage = owner.read("journal", "check")["files"][0]
    assert (damage["damaged_count"], len(damage["damaged"])) == (1030, 1000)


@pytest.mark.parametrize("words", [("show",), ("show", "7"), ("check",)])
def test_json_is_as_documented(damaged: Owner, words: tuple[str, ...]) -> None:
    word = ("i:7" if words == ("show", "7") else words[-1],)
    assert faults_of(damaged.run("journal", *words[:-1], *word, "--output", "json").stdout) == []


# --- repair ---------------------------------------------------------------------------------------------


def test_repair_shows_what_it_will_do_asks_and_does_nothing_if_not_wanted(damaged: Owner) -> None:
    before = damaged.task_list.read_bytes()
    ended_so = damaged.run("journal", "repair", typed="n\n", is_terminal=True)
    assert ended_so.status == 0
    told = lines_of(ended_so.stderr)
    assert "task-list.yml, line 4" in told
    assert any("of task 7 that are no record" in line for line in told)
    assert "- accepted, not begun" in told
    assert "+ accepted, or further: in doubt" in told
    assert told[-1].endswith("nothing was written")
    assert damaged.task_list.read_bytes() == before


@pytest.mark.parametrize("is_asked", [True, False])
def test_repair_writes_sound_files_and_keeps_what_was_there(damaged: Owner, is_asked: bool) -> None:
    before = damaged.task_list.read_bytes()
    if is_asked:
        ended_so = damaged.run("journal", "repair", typed="y\n", is_terminal=True)
    else:
        ended_so = damaged.run("journal", "repair", "--yes")
    assert ended_so.status == 0
    assert "repaired; what was there is kept as task-list.damaged-" in ended_so.stdout
    kept = next(damaged.state.glob("task-list.damaged-*"))
    assert kept.read_bytes() == before
    assert kept.stat().st_mode & 0o777 == 0o600
    assert damaged.run("journal", "check").status == 0
    assert [row["task_id"] for row in damaged.read("tasks", "--filter", "is_uncertain=yes")][:1] == ["7"]
    again = damaged.run("journal", "repair", "--yes")
    assert (again.status, again.stdout) == (0, "sound, nothing to repair\n")


def test_repair_tells_programs_what_it_did(damaged: Owner) -> None:
    ended_so = damaged.run("journal", "repair", "--yes", "--output", "json", "--quiet")
    assert faults_of(ended_so.stdout) == []
    assert '"event": "repaired"' in ended_so.stdout
    assert ended_so.stderr == ""
    assert '"event": "sound"' in damaged.run("journal", "repair", "--yes", "--output", "json").stdout


def test_repair_of_nothing_makes_nothing(owner: Owner) -> None:
    assert owner.run("journal", "repair", "--yes").stdout == "sound, nothing to repair\n"
    assert not owner.state.exists()


@pytest.mark.parametrize("words", [("repair", "--yes"), ("import", "tasks.yml")])
def test_what_writes_keeps_off_while_a_daemon_runs_and_names_it(damaged: Owner, words: tuple[str, ...]) -> None:
    before = damaged.task_list.read_bytes()
    lock = Lock(open_folder(str(damaged.state)), f"process {os.getpid()}, daemon.toml")
    tasks = damaged.config.parent / "tasks.yml"
    tasks.write_text("- {ID: 9, Operation: status}\n")
    try:
        ended_so = damaged.run("journal", *[str(tasks) if word == tasks.name else word for word in words])
        assert damaged.run("journal", "check").status == 65
    finally:
        lock.close()
    assert ended_so.status == 75
    assert f"process {os.getpid()}" in ended_so.stderr
    assert "stop that one first" in ended_so.stderr
    assert damaged.task_list.read_bytes() == before


def test_a_link_in_the_place_of_the_journal_is_not_followed(owner: Owner, tmp_path: Any) -> None:
    owner.keep()
    owner.task_list.unlink()
    owner.task_list.symlink_to(tmp_path / "elsewhere")
    for words in (("tasks",), ("journal", "check"), ("journal", "show"), ("journal", "repair", "--yes")):
        ended_so = owner.run(*words)
        assert ended_so.status == 78, words
        assert "link" in ended_so.stderr


# --- import ---------------------------------------------------------------------------------------------


def import_text(owner: Owner, text: str, *options: str) -> Any:
    path = owner.config.parent / "tasks.yml"
    path.write_text(text, encoding="utf-8")
    return owner.run("journal", "import", str(path), *options)


def test_import_takes_a_plain_list_as_received(owner: Owner) -> None:
    ended_so = import_text(
        owner,
        '- ID: 1\n  Operation: run\n  Resources:\n    - {Type: backup, ID: 3}\n- ID: "010"\n  Operation: status\n',
    )
    assert ended_so.status == 0
    assert ended_so.stdout == 'task 1: run backup 3\ntask "010": status\n'
    assert "judges them by its policy" in ended_so.stderr
    rows = owner.read("tasks")
    assert [(row["task_id"], row["id_type"], row["state"], row["alias"]) for row in rows] == [
        ("1", "number", "to be judged", "main"),
        ("010", "text", "to be judged", "main"),
    ]


def test_import_of_the_same_list_again_enters_what_is_missing(owner: Owner) -> None:
    import_text(owner, "- {ID: 1, Operation: status}\n")
    again = import_text(owner, "- {ID: 1, Operation: status}\n- {ID: 2, Operation: status}\n", "--output", "json")
    assert '"task_id": "2"' in again.stdout
    assert again.stdout.count("\n") == 1
    assert faults_of(again.stdout) == []
    assert "1 were open already" in again.stderr


def test_import_names_each_bad_item_by_its_line_and_takes_none(owner: Owner) -> None:
    ended_so = import_text(owner, "- {ID: 1, Operation: status}\n- {ID: 2}\n\n- just words\n")
    assert ended_so.status == 65
    told = lines_of(ended_so.stderr)
    assert "duplicati: line 2: Operation is missing" in told
    assert "duplicati: line 4: a task is an object" in told
    assert "duplicati: nothing was imported: 2 of 3 cannot be taken" in told
    assert owner.read("tasks") == []


def test_import_wants_a_sound_journal(damaged: Owner) -> None:
    before = damaged.task_list.read_bytes()
    ended_so = import_text(damaged, "- {ID: 1, Operation: status}\n")
    assert (ended_so.status, damaged.task_list.read_bytes()) == (65, before)
    assert "journal repair" in ended_so.stderr


def test_import_takes_no_more_than_may_be_open(owner: Owner) -> None:
    ended_so = import_text(owner, "".join(f"- {{ID: {number}, Operation: status}}\n" for number in range(1, 7)))
    assert ended_so.status == 65
    assert "there is room for 5 more open tasks, and these are 6" in ended_so.stderr
    owner.keep(*write(received("i:7"), received("i:8"), received("i:9"), ended("i:9"), confirmed("i:9")))
    ended_so = import_text(owner, "".join(f"- {{ID: {number}, Operation: status}}\n" for number in range(1, 5)))
    assert "there is room for 3 more open tasks, and these are 4" in ended_so.stderr


def test_import_does_not_do_again_what_the_history_knows(owner: Owner) -> None:
    owner.keep(past=write_past("i:1", at=NOW + timedelta(days=10_000))[0])
    ended_so = import_text(owner, "- {ID: 1, Operation: status}\n")
    assert ended_so.status == 65
    assert "line 1: a task with the ID 1 is over already" in ended_so.stderr


def test_import_of_a_file_that_is_not_there_says_so(owner: Owner) -> None:
    assert owner.run("journal", "import", "nowhere.yml").status == 74
