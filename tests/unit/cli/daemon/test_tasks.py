"""`daemon tasks`: what is open, how far it is, and what is over, from a daemon's files."""

from __future__ import annotations

from duplicati_client.daemon.control import Control
from tests.shapes.checking import faults_of
from tests.unit.cli.daemon.owner import Owner
from tests.unit.daemon.journal_lines import (
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


def test_no_state_folder_and_no_tasks_are_said_and_nothing_is_made(owner: Owner) -> None:
    ended_at_once = owner.run("tasks")
    assert (ended_at_once.status, ended_at_once.stdout, ended_at_once.stderr) == (0, "", "no daemon tasks\n")
    assert not owner.state.exists()
    owner.keep(*write(received(), decided(), ended(), confirmed()))
    assert owner.run("tasks").stderr == "no daemon tasks\n"
    assert owner.read("tasks") == []


def test_each_step_is_told_in_words(owner: Owner) -> None:
    told = [received(f"i:{number}") for number in range(1, 8)] + [decided(f"i:{number}") for number in range(2, 8)]
    told += [begun("i:3"), begun("i:4"), submitted("i:4"), ended("i:5"), ended("i:6", "error", Code="unreachable")]
    told += [ended("i:7", "refused", Code="prohibited", Reason="no rule allows it")]
    owner.keep(*write(*told))
    states = {row["task_id"]: row["state"] for row in owner.read("tasks")}
    assert states == {
        "1": "to be judged",
        "2": "accepted, not begun",
        "3": "begun",
        "4": "given to the server",
        "5": "completed: success",
        "6": "error: unreachable",
        "7": "refused: prohibited",
    }
    pending = {row["task_id"] for row in owner.read("tasks", "--filter", "is_result_pending=yes")}
    assert pending == {"5", "6", "7"}


def test_a_task_refused_but_not_ended_yet_is_not_said_to_be_accepted(owner: Owner) -> None:
    refused = ("i:7", decided()[1], {"Verdict": "refuse", "Code": "prohibited"})
    owner.keep(*write(received(), refused))
    assert owner.read("tasks")[0]["state"] == "refused, to be ended"


def test_a_row_tells_what_it_is_about_since_when_and_how_often_it_was_begun(owner: Owner) -> None:
    resources = [{"Type": "backup", "ID": 3}, {"Type": "backup", "Name": "Fotos ü"}, {"Type": "backup"}]
    owner.keep(*write(received(Resources=resources), decided(), begun(attempt=2)))
    (row,) = owner.read("tasks")
    assert row == {
        "task_id": "7",
        "id_type": "number",
        "operation": "run",
        "resources": "backup 3, backup Fotos ü, backup",
        "alias": "main",
        "state": "begun",
        "changed_at": "2026-11-24T12:00:00+00:00",
        "is_uncertain": False,
        "is_result_pending": False,
        "attempts_count": 2,
        "reason": None,
        "received_at": "2026-11-24T12:00:00+00:00",
        "step": "intent",
    }


def test_a_number_and_a_text_that_looks_like_it_are_told_apart(owner: Owner) -> None:
    owner.keep(*write(received("i:7"), received("s:7"), received("s:nightly")))
    lines = owner.run("tasks").stdout.splitlines()
    assert lines[0].split()[:2] == ["TASK", "TYPE"]
    assert [line.split()[:2] for line in lines[1:]] == [["7", "number"], ["7", "text"], ["nightly", "text"]]
    owner.keep(*write(received("i:7"), received("s:nightly")))
    assert "TYPE" not in owner.run("tasks").stdout
    assert {row["id_type"] for row in owner.read("tasks")} == {"number", "text"}


def test_doubt_is_shown_where_there_is_any(owner: Owner) -> None:
    told = write(received(), received("s:other"), decided(), begun())
    owner.keep(*told[:3], edit(told[3]))
    drawn = owner.run("tasks").stdout
    assert "DOUBT" in drawn
    assert "accepted, or further" in drawn
    assert [row["task_id"] for row in owner.read("tasks", "--filter", "is_uncertain=yes")] == ["7"]
    owner.keep(*told)
    assert "DOUBT" not in owner.run("tasks").stdout


def test_columns_take_room_only_while_they_say_something(owner: Owner) -> None:
    owner.keep(*write(received(), decided(), begun()))
    assert not {"TO SEND", "TRIES"} & set(owner.run("tasks").stdout.splitlines()[0].split("  "))
    owner.keep(*write(received(), decided(), begun(attempt=2), ended()))
    heading = owner.run("tasks", columns=200).stdout.splitlines()[0]
    assert "TO SEND" in heading
    owner.keep(*write(received(), decided(), begun(attempt=2)))
    assert "TRIES" in owner.run("tasks", columns=200).stdout.splitlines()[0]


def test_history_comes_with_all_the_newest_first_each_task_once(owner: Owner) -> None:
    told = write(received("i:9"), received("i:8"), ended("i:8"), confirmed("i:8"))
    past = write_past("i:2", "i:1", "i:2", "i:8", status="error", Code="expired", Message="too late", BackupID="3")
    owner.keep(*told, past=b"".join(past))
    rows = owner.read("tasks", "--all")
    assert [(row["task_id"], row["step"], row["state"]) for row in rows] == [
        ("9", "received", "to be judged"),
        ("8", "confirmed", "completed: success"),
        ("2", "history", "error: expired"),
        ("1", "history", "error: expired"),
    ]
    assert (rows[2]["operation"], rows[2]["resources"], rows[2]["reason"]) == ("run", "backup 3", "too late")
    assert [row["task_id"] for row in owner.read("tasks")] == ["9"]


def test_it_is_a_listing_like_every_other(owner: Owner) -> None:
    owner.keep(*write(received("i:1"), received("i:2"), decided("i:2"), received("s:c")))
    assert owner.run("tasks", "--output", "ids").stdout == "1\n2\nc\n"
    shown = owner.run("tasks", "--columns", "task,state", "--sort", "-state", "--filter", "id_type=number").stdout
    assert shown.splitlines()[1].split() == ["1", "to", "be", "judged"]
    assert owner.run("tasks", "--output", "csv").stdout.startswith("task_id,id_type,operation")
    assert owner.run("tasks", "--sort", "sice").status == 64
    assert faults_of(owner.run("tasks", "--all", "--output", "json").stdout) == []


def test_it_fits_a_narrow_terminal(owner: Owner) -> None:
    owner.keep(*write(received("s:" + "long-" * 20, Resources=[{"Type": "backup", "Name": "Ä" * 60}])))
    lines = owner.run("tasks", columns=40).stdout.splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 40
    assert lines[0].split()[0] == "TASK"


def test_what_a_task_or_a_result_says_moves_no_cursor_and_shows_no_secret(owner: Owner) -> None:
    name = f"a\x1b[31m\x07\u202e https://user:{SECRET}@nas/"
    content = {"Operation": "set", "Parameters": {"assignments": f"settings.passphrase={SECRET}"}}
    owner.keep(
        *write(received(Resources=[{"Type": "backup", "Name": name}], **content), decided()),
        past=write_past("i:1", status="error", Code="failed", Message=f"no: ssh://u:{SECRET}@host\x1b[2J")[0],
    )
    for form in ("table", "json", "yaml", "csv"):
        ended_so = owner.run("tasks", "--all", "--output", form, columns=200)
        assert ended_so.status == 0
        assert not {"\x1b", "\x07", "\u202e"} & set(ended_so.stdout) or form == "csv"
        assert SECRET not in ended_so.stdout


def test_a_running_daemon_is_asked_what_each_waits_for(owner: Owner) -> None:
    told = [received(key) for key in ("i:1", "s:1", "i:2", "i:3")] + [decided(key) for key in ("i:1", "s:1", "i:2")]
    owner.keep(*write(*told))
    running = [
        {"task_id": 1, "state": "waiting-for-duplicati"},
        {"task_id": "1", "state": "waiting-for-slot"},
        {"task_id": 99, "state": "running"},
    ]
    control = Control(str(owner.state), lambda question: {"running": running, "held": ["i:2"], "asked": question})
    try:
        rows = owner.read("tasks")
    finally:
        control.close()
    assert [(row["task_id"], row["state"]) for row in rows] == [
        ("1", "waits for the server"),
        ("1", "waits for the backup"),
        ("2", "held back"),
        ("3", "to be judged"),
    ]


def test_it_takes_no_words(owner: Owner) -> None:
    ended_so = owner.run("tasks", "7")
    assert ended_so.status == 64
    assert "duplicati daemon journal show" in ended_so.stderr


def test_two_thousand_tasks_are_listed_whole(owner: Owner) -> None:
    owner.keep(*write(*(received(f"i:{number}") for number in range(1, 2001))))
    assert len(owner.run("tasks").stdout.splitlines()) == 2001
