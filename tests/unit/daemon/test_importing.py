"""Lists of tasks that a person wrote: nothing in them can mean something else, and bad ones are refused by line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duplicati_client import errors
from duplicati_client.daemon import importing
from duplicati_client.daemon.entries import Step
from duplicati_client.daemon.history import History
from duplicati_client.daemon.journal import Journal
from duplicati_client.protocol.task import Malformed, Task
from tests.model_folder import ModelDisk
from tests.unit.daemon.journal_lines import NOW, confirmed, ended, received, write, write_past

STATUS = b"- {ID: 1, Operation: status}\n"


def read(text: str) -> list[tuple[int, object]]:
    """Return line and id of each item, or why it is none."""
    items = importing.read_list(text.encode())
    return [(line, task.reason if isinstance(task, Malformed) else task.task_id) for line, task in items]


def test_items_know_the_line_on_which_they_begin() -> None:
    text = (
        "# of mine\n- ID: 1\n  Operation: status\n\n-\n  ID: two\n  Operation: status\n- {ID: '3', Operation: status}\n"
    )
    assert read(text) == [(2, 1), (6, "two"), (8, "3")]


def test_what_is_written_plainly_is_what_it_is_in_json() -> None:
    text = (
        "- ID: 7\n  Operation: watch\n  Parameters: {until-idle: true, timeout: 1.5, count: 3}\n  x-none: null\n"
        "  x-text: |\n    two\n    lines\n  NotAfter: '2027-01-31T03:00:00Z'\n"
    )
    (item,) = importing.read_list(text.encode())
    assert isinstance(item.task, Task)
    assert item.task.parameters == {"until-idle": True, "timeout": 1.5, "count": 3}
    assert (item.task.raw["x-none"], item.task.raw["x-text"]) == (None, "two\nlines\n")


@pytest.mark.parametrize(
    "word",
    [
        "010",
        "0x1F",
        "1_000",
        "12:30:45",
        "2026-01-01",
        "yes",
        "No",
        "True",
        "~",
        ".5",
        "1e3",
        "+1",
        "<<",
        "=",
        ".nan",
        "9" * 30,
    ],
)
def test_what_yaml_reads_in_its_own_way_has_to_stand_in_quotes(word: str) -> None:
    with pytest.raises(errors.InvalidValue, match=r"^line 2, column 8: .* put quotes around it"):
        read(f"- ID: 1\n  x-a: {word}\n  Operation: status\n")
    assert read(f"- ID: 1\n  x-a: '{word}'\n  Operation: status\n") == [(1, 1)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ID: 1\n", "line 1, column 1: this is no list"),
        ("word\n", "line 1, column 1: this is no list"),
        ("- &a {ID: 1}\n", "anchors and aliases"),
        ("- {ID: 1}\n- *a\n", "line 2, column 3: anchors and aliases"),
        ("- !!str 1\n", "tags are not taken"),
        ("- !x {}\n", "tags are not taken"),
        ("- ID: 1\n  ID: 2\n", "line 2, column 3: “ID” stands here a second time"),
        ("- [1]: 2\n", "a name is a text"),
        ("- 1: 2\n", "a name is a text"),
        ("- ID:\n", "a value is missing"),
        ("- x-a: 1.0e+999\n", "out of range"),
        ("- 1\n---\n- 2\n", "a second document"),
        ("- [\n", "this is no YAML"),
        ("- \x00\n", "this is no YAML"),
        ("- " + "[" * 40, "more than 32 levels"),
    ],
)
def test_what_is_no_plain_list_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(errors.InvalidValue) as caught:
        read(text)
    assert told in caught.value.message


def test_what_is_too_much_is_refused_and_soon() -> None:
    for data, told in (
        (b"- x\n" * 10_001, "more than 10000 tasks"),
        (b"- [" + b"1," * 200_000 + b"]\n", "more than 200000 values"),
        (b" " * (10 * 2**20 + 1), "larger than 10 MiB"),
        (b"- \xff\n", "no UTF-8"),
    ):
        with pytest.raises(errors.InvalidValue, match=told):
            importing.read_list(data)


def test_a_list_of_nothing_is_a_list() -> None:
    assert (
        importing.read_list(b"") == importing.read_list(b"[]\n") == importing.read_list(b"\xef\xbb\xbf# none\n") == []
    )


def find_faults(data: bytes, tasks: list[bytes], past: list[bytes] = [], room_count: int = 5) -> list[tuple[int, str]]:  # noqa: B006
    folder = ModelDisk({"task-list.yml": b"".join(tasks), "task-history.yml": b"".join(past)}).mount()
    kept = Journal(folder, lambda: NOW)
    history = History(folder, lambda: NOW + timedelta(hours=1))
    faults = importing.find_faults(importing.read_list(data), kept.entries, history, room_count)
    return [(fault.line, fault.reason) for fault in faults]


def test_a_list_whose_ids_are_free_has_no_fault() -> None:
    assert find_faults(STATUS + b"- {ID: one, Operation: status}\n", write(received("i:7"))) == []


@pytest.mark.parametrize("key", ["i:1", "s:1"])
def test_an_id_that_is_open_in_either_type_is_not_taken(key: str) -> None:
    assert find_faults(STATUS, write(received(key))) == [(1, "another task with the ID 1 is open")]


@pytest.mark.parametrize("key", ["i:1", "s:1"])
def test_an_id_that_is_over_is_not_taken(key: str) -> None:
    over = [(1, "a task with the ID 1 is over already; give it another ID")]
    assert find_faults(STATUS, [], write_past(key)) == over
    assert find_faults(STATUS, write(received(key), ended(key), confirmed(key))) == over


def test_an_id_given_twice_is_a_fault_of_the_second() -> None:
    twice = STATUS + b"- {ID: '1', Operation: status}\n"
    assert find_faults(twice, []) == [(2, "the task of line 1 has the same ID")]


def test_more_than_there_is_room_for_is_a_fault_of_the_list() -> None:
    assert find_faults(STATUS, [], room_count=0) == [
        (1, "there is room for 0 more open tasks, and these are 1"),
    ]


def test_entered_tasks_are_durable_received_and_not_entered_twice() -> None:
    disk = ModelDisk()
    kept = Journal(disk.mount(), lambda: NOW)
    items = importing.read_list(STATUS + b"- {ID: two, Operation: status, Server: other}\n")
    assert importing.enter(items, kept, ["main"]) == items
    again = Journal(ModelDisk(disk.files()).mount(), lambda: NOW)
    assert [(entry.step, entry.steps[Step.RECEIVED]["Server"]) for entry in again.entries.values()] == [
        (Step.RECEIVED, "main"),
        (Step.RECEIVED, "other"),
    ]
    assert importing.enter(items, again, ["main"]) == []
    assert find_faults(STATUS, [disk.files()["task-list.yml"]]) == []
