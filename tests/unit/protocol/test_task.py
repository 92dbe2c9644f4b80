"""What is a task, what is none and why, and that one of them never spoils another."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from duplicati_client.protocol import codec
from duplicati_client.protocol.task import (
    HIDDEN,
    Malformed,
    Resource,
    Task,
    hide_secrets,
    key_of,
    read_kept,
    read_task,
    read_tasks,
)

RUN = {"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}
STATUS = {"ID": 1, "Operation": "status"}
WRONG_IDS = ["7.0", "true", "null", '""', f'"{"a" * 129}"', '".."', '"a/b"', '"a b"', '"é"', "[]", "{}", "1e3"]
MALFORMED = [
    ({"More": 1}, "unknown member 'More'"),
    ({"operation": "status"}, "unknown member 'operation'"),
    ({"Operation": None}, "Operation is not a text of 1 to 64 characters"),
    ({"Operation": 7}, "Operation is not a text of 1 to 64 characters"),
    ({"Server": "a/b"}, "Server is not an alias"),
    ({"Attempt": True}, "Attempt is not a whole number"),
    ({"Attempt": -1}, "Attempt is not a whole number"),
    ({"NotBefore": "yesterday"}, "NotBefore is not an RFC 3339 time"),
    ({"NotBefore": "2027-02-30T00:00:00Z"}, "NotBefore is not an RFC 3339 time"),
    ({"NotBefore": "2027-01-01T00:00:00"}, "NotBefore is not an RFC 3339 time"),
    ({"NotBefore": "٢٠٢٧-01-01T00:00:00Z"}, "NotBefore is not an RFC 3339 time"),
    ({"NotBefore": 1}, "NotBefore is not a text of 1 to 40 characters"),
    ({"NotBefore": "2027-01-02T00:00:00Z", "NotAfter": "2027-01-01T00:00:00Z"}, "NotAfter lies before NotBefore"),
    ({"Resources": {}}, "Resources is not a list of at most 100"),
    ({"Resources": []}, "run needs a resource"),
    ({"Resources": [7]}, "a resource is an object"),
    ({"Resources": [{"ID": 3}]}, "Type of a resource is missing"),
    ({"Resources": [{"Type": "backup"}]}, "the backup has neither ID nor Name"),
    ({"Resources": [{"Type": "setting", "ID": 3}]}, "run is not about a 'setting'"),
    ({"Resources": [{"Type": "backup", "ID": "../3"}]}, "ID of a resource is not a number"),
    ({"Resources": [{"Type": "backup", "ID": -3}]}, "ID of a resource is not a number"),
    ({"Resources": [{"Type": "backup", "ID": 3, "Name": "a"}]}, "a resource has an ID or a Name, not both"),
    ({"Resources": [{"Type": "backup", "ID": 3, "Path": "a"}]}, "unknown member 'Path' of a resource"),
    ({"Parameters": []}, "Parameters is not an object"),
    ({"Parameters": {"url": "a"}}, "run has no parameter 'url'"),
    ({"Parameters": {"wait": 1}}, "the parameter wait is of another type"),
    ({"Parameters": {"timeout": True}}, "the parameter timeout is of another type"),
    ({"x-note": "a" * 200_000}, "larger than 128 KiB"),
]


def body_of(*items) -> bytes:
    return json.dumps(items).encode()


@pytest.mark.parametrize(("members", "reason"), MALFORMED, ids=[reason for _, reason in MALFORMED])
def test_malformed_item_says_why_and_leaves_the_others(members, reason):
    other = {**RUN, "ID": 2}
    found = read_tasks(body_of({**RUN, **members}, other))
    assert [type(item) for item in found] == [Malformed, Task]
    assert (found[0].task_id, found[0].reason, found[0].code) == (1, reason, "malformed")


@pytest.mark.parametrize("text", WRONG_IDS)
def test_item_whose_id_is_wrong_has_none_to_be_answered_by(text):
    found = read_tasks(f'[{{"ID": {text}, "Operation": "status"}}, {json.dumps(STATUS)}]'.encode())
    assert [item.task_id for item in found] == [None, 1]
    assert found[0].reason.startswith("ID")


@pytest.mark.parametrize("task_id", [7, -7, 0, 2**63 - 1, "7", "a.b_c:d-e", "a" * 128, "..a"])
def test_id_keeps_its_type(task_id):
    (task,) = read_tasks(body_of({**RUN, "ID": task_id}))
    assert task.task_id == task_id
    assert type(task.task_id) is type(task_id)


def test_number_and_text_are_two_keys():
    assert (key_of(7), key_of("7")) == ("i:7", "s:7")


def test_list_object_and_single_task_are_read_alike():
    bodies = [body_of(RUN), json.dumps({"Tasks": [RUN]}).encode(), json.dumps(RUN).encode()]
    first, *others = [read_tasks(body) for body in bodies]
    assert all(other == first for other in others)
    assert first[0].resources == (Resource(kind="backup", resource_id="3"),)


@pytest.mark.parametrize(
    "body", [b"7", b"null", b"{}", b'{"error": "no"}', b'{"Tasks": 7}', b'{"Tasks": [], "Tasks": []}']
)
def test_json_that_is_neither_tasks_nor_a_task_is_undecodable(body):
    with pytest.raises(codec.Undecodable):
        read_tasks(body)


def test_item_given_a_member_twice_is_answered_by_its_id():
    (found,) = read_tasks(b'[{"ID": 5, "Operation": "status", "Operation": "run"}]')
    assert (found.task_id, found.reason) == (5, "a member given twice")


def test_id_given_twice_in_one_task_answers_nobody():
    (found,) = read_tasks(b'[{"ID": 5, "ID": 6, "Operation": "status"}]')
    assert found.task_id is None


@pytest.mark.parametrize("again", [STATUS, {**STATUS, "Attempt": 2}, {**STATUS, "x-seen": 1}, {**STATUS, "ID": "1"}])
def test_same_task_twice_in_a_list_is_one(again):
    assert len(read_tasks(body_of(STATUS, again))) == 1


@pytest.mark.parametrize("task_id", [1, "1"])
def test_other_task_with_the_same_id_is_a_conflict_and_the_first_unharmed(task_id):
    first, second = read_tasks(body_of(STATUS, {**RUN, "ID": task_id}))
    assert isinstance(first, Task)
    assert (second.task_id, second.code) == (task_id, "id-conflict")


def test_unknown_operation_is_a_task_for_the_policy_to_refuse():
    (task,) = read_tasks(body_of({"ID": 1, "Operation": "format", "Parameters": {"disk": [1]}}))
    assert (task.operation, task.parameters) == ("format", {"disk": [1]})


def test_what_begins_with_x_is_let_pass():
    (task,) = read_tasks(body_of({**RUN, "x-ticket": {"a": 1}, "Resources": [{"Type": "backup", "ID": 3, "x-a": 1}]}))
    assert isinstance(task, Task)


def test_watch_as_a_task_needs_an_end():
    assert (
        read_task({"ID": 1, "Operation": "watch"}).reason == "watch needs a parameter: until-idle or count or timeout"
    )
    assert isinstance(read_task({"ID": 1, "Operation": "watch", "Parameters": {"count": 3}}), Task)


def test_listing_is_of_a_whole_type():
    assert isinstance(read_task({"ID": 1, "Operation": "list", "Resources": [{"Type": "backup"}]}), Task)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-01T00:00:00Z", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2027-01-01t01:00:00.5+01:00", datetime(2027, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2027-01-01T00:00:00.123456789z", datetime(2027, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_times_are_those_of_rfc_3339(text, moment):
    assert read_task({**STATUS, "NotBefore": text}).not_before == moment


def test_task_that_was_kept_is_read_as_it_was_before():
    task = read_task({**RUN, "NotAfter": "2027-01-02T00:00:00Z", "Attempt": 3, "x-note": "é"})
    assert read_kept(task.raw, task.digest) == task
    assert read_kept({**RUN, "Server": "a/b"}, "digest") == Malformed(1, "Server is not an alias", "digest")
    assert read_kept(None, "digest") == Malformed(None, "a task is an object", "digest")


def test_what_may_hold_secrets_is_not_shown():
    shown = hide_secrets({"ID": 1, "Operation": "set", "Parameters": {"assignments": "passphrase=s3cret"}})
    assert shown["Parameters"] == {"assignments": HIDDEN}
    shown = hide_secrets({"ID": 1, "Operation": "format", "Parameters": {"a": "s3cret"}})
    assert shown["Parameters"] == {"a": HIDDEN}
    assert hide_secrets({**RUN, "Parameters": {"wait": True}})["Parameters"] == {"wait": True}
