"""Dismissing on the command line: words, lines and statuses."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.stage import Stage

NOTICES = [
    {"ID": 2, "Type": "Error", "Title": "Error while running \x1b[31mPhotos", "Message": "no", "BackupID": "2"},
    {"ID": 3, "Type": "Warning", "Title": "Unencrypted database", "Message": "yes", "BackupID": None},
]


@pytest.fixture
def logged_in(stage) -> Stage:
    stage.log_in()
    notices = [dict(found) for found in NOTICES]
    stage.server.answers |= {
        "GET api/v1/notifications": lambda: list(notices),
        "GET api/v1/serverstate": lambda: {
            f"Has{kind}": any(found["Type"] == kind for found in notices) for kind in ("Error", "Warning")
        },
    }
    for found in list(notices):
        stage.server.answers[f"DELETE api/v1/notification/{found['ID']}"] = lambda gone=found: notices.remove(gone)
    return stage


def test_one_is_dismissed_by_its_number_and_the_rest_is_told(logged_in):
    ended = logged_in.run("dismiss", "2")
    assert ended.status == 0
    assert ended.stdout.splitlines() == [
        "dismissed 2: Error while running \\x1b[31mPhotos",
        "1 dismissed, 1 left; the server still shows warnings",
    ]
    assert ended.stderr == ""


def test_one_that_is_gone_is_told_and_no_failure(logged_in):
    ended = logged_in.run("dismiss", "notification", "2", "9")
    assert (ended.status, ended.stderr) == (0, "notification 9 is not there: dismissed already, or never was\n")


def test_all_and_those_of_a_backup_go(logged_in):
    assert logged_in.run("dismiss", "backup", "Photos").stdout.splitlines()[-1].startswith("1 dismissed, 1 left")
    assert logged_in.run("dismiss", "all").stdout.splitlines()[-1] == "1 dismissed, none left"


def test_for_a_program_there_is_an_object_for_each_and_one_for_the_rest(logged_in):
    lines = [json.loads(line) for line in logged_in.run("dismiss", "all", "-o", "json").stdout.splitlines()]
    assert [line["event"] for line in lines] == ["dismissed", "dismissed", "left"]
    assert lines[-1] == {
        "event": "left", "gone_ids": [], "left_count": 0, "has_warning": False, "has_error": False,
        "dismissed_count": 2,
    }  # fmt: skip


def test_ids_are_those_that_went(logged_in):
    assert logged_in.run("dismiss", "2", "9", "-o", "ids").stdout == "2\n"


@pytest.mark.parametrize(
    "words", [(), ("Photos",), ("backup",), ("-1",), ("2", "all"), ("9" * 30,), ("notification", "x")]
)
def test_what_is_no_number_is_wrong_usage_with_the_right_words(logged_in, words):
    ended = logged_in.run("dismiss", *words)
    assert ended.status == 64
    assert "duplicati " in ended.stderr.splitlines()[-1]
    assert not any(request.startswith("DELETE") for request in logged_in.server.requests)
