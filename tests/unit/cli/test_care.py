"""Verify, repair, compact and vacuum on the command line: what is started, told and returned."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.stage import Stage
from tests.unit.cli.test_run import BEGAN, ENDED, press_ctrl_c

OPERATIONS = {"verify": "Test", "repair": "Repair", "compact": "Compact", "vacuum": "Vacuum"}


def let_care(server, verb, parsed_result, backup_id="1", **members):
    """Let this verb on a backup end like that."""
    task_id, key = 20 + int(backup_id), f"POST api/v1/backup/{backup_id}/{verb}"
    result = {"MainOperation": OPERATIONS[verb], "ParsedResult": parsed_result, "BeginTime": BEGAN, "EndTime": ENDED}
    result |= members
    row = {"ID": 1, "Timestamp": 1783670405, "Type": "Result", "Message": json.dumps(result)}
    server.answers |= {
        key: {"Status": "OK", "ID": task_id},
        f"GET api/v1/task/{task_id}": {
            "Status": "Completed", "ID": task_id, "TaskStarted": BEGAN, "TaskFinished": ENDED,
        },
        f"GET api/v1/backup/{backup_id}/log": lambda: [row] if key in server.requests else [],
        "GET api/v1/progressstate": {"TaskID": task_id, "BackupID": backup_id, "Phase": "Verify_Running"},
    }  # fmt: skip


@pytest.fixture
def logged_in(stage) -> Stage:
    stage.log_in()
    return stage


@pytest.mark.parametrize("verb", OPERATIONS)
def test_each_prints_its_number_and_returns(logged_in, verb):
    let_care(logged_in.server, verb, "Success")
    ended = logged_in.run(verb, "backup", "Documents")
    assert (ended.status, ended.stdout, ended.stderr) == (0, "21\n", "")


@pytest.mark.parametrize("verb", OPERATIONS)
@pytest.mark.parametrize(("parsed_result", "status"), [("Success", 0), ("Warning", 2), ("Error", 3), ("Fatal", 4)])
def test_the_status_says_how_it_went(logged_in, verb, parsed_result, status):
    let_care(logged_in.server, verb, parsed_result)
    ended = logged_in.run(verb, "1", "--wait")
    assert (ended.status, ended.stdout.split(" after ")[0]) == (status, f"Documents: {parsed_result.lower()}")
    assert ended.stderr == "Documents: task 21, Ctrl-C leaves it going\n"


@pytest.mark.parametrize(("parsed_result", "is_told"), [("Success", True), ("Warning", True), ("Fatal", False)])
def test_what_was_done_is_told_unless_it_was_cut_off(logged_in, parsed_result, is_told):
    let_care(logged_in.server, "compact", parsed_result, DeletedFileCount=4, UploadedFileCount=1)
    ended = logged_in.run("compact", "1", "--wait")
    assert ended.stdout.endswith(" 4 volumes replaced by 1.\n") is is_told


def test_for_a_program_each_line_names_the_operation(logged_in):
    let_care(logged_in.server, "verify", "Success")
    ended = logged_in.run("verify", "1", "--wait", "-o", "json")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(line["event"], line.get("operation")) for line in lines if line["event"] != "progress"] == [
        ("started", "verify"),
        ("ended", "verify"),
    ]


def test_of_several_the_worst_gives_the_status(logged_in):
    let_care(logged_in.server, "repair", "Fatal", "1")
    let_care(logged_in.server, "repair", "Success", "2")
    ended = logged_in.run("repair", "1", "2", "1", "--wait")
    assert ended.status == 4
    assert [line.partition(" after")[0] for line in ended.stdout.splitlines()] == [
        "Documents: fatal",
        "Photos: success",
    ]


@pytest.mark.parametrize("verb", OPERATIONS)
def test_ctrl_c_leaves_the_work_going_and_says_so(logged_in, verb):
    let_care(logged_in.server, verb, "Success")
    logged_in.server.answers["GET api/v1/task/21"] = press_ctrl_c
    ended = logged_in.run(verb, "1", "--wait")
    assert ended.status == 130
    assert ended.stderr.splitlines()[-1].startswith("Documents: the work goes on (task 21)")


def test_a_second_ctrl_c_on_a_task_that_cannot_be_stopped_leaves_all_the_same(logged_in):
    let_care(logged_in.server, "verify", "Success", "1")
    let_care(logged_in.server, "verify", "Success", "2")
    waiting = {"ActiveTask": {"Item1": 9, "Item2": "7"}, "SchedulerQueueIds": [{"Item1": 21, "Item2": "1"}]}
    logged_in.server.answers |= {"GET api/v1/serverstate": waiting, "GET api/v1/task/21": press_ctrl_c}
    logged_in.sleep = press_ctrl_c
    ended = logged_in.run("verify", "1", "2", "--wait")
    assert (ended.status, ended.stdout) == (130, "")
    assert "task 21 has not begun" in ended.stderr


def test_when_the_time_is_up_the_work_goes_on(logged_in):
    let_care(logged_in.server, "vacuum", "Success")
    logged_in.server.answers["GET api/v1/task/21"] = {"Status": "Running", "ID": 21, "TaskStarted": BEGAN}
    ended = logged_in.run("vacuum", "1", "--wait", "--timeout", "0")
    assert ended.status == 124
    assert "the work goes on (task 21)" in ended.stderr


@pytest.mark.parametrize("verb", OPERATIONS)
def test_no_backup_named_is_wrong_usage_and_an_unknown_one_is_told(logged_in, verb):
    assert logged_in.run(verb).status == 64
    assert logged_in.run(verb, "Dokuments").status == 66
    assert not any(request.endswith(f"/{verb}") for request in logged_in.server.requests)


def test_waiting_for_one_verb_does_not_make_another_wait(logged_in):
    let_care(logged_in.server, "verify", "Warning")
    assert logged_in.run("verify", "1", DUPLICATI_CLIENT_RUN_WAIT="1").status == 0
    logged_in.server.requests.clear()
    assert logged_in.run("verify", "1", DUPLICATI_CLIENT_VERIFY_WAIT="1").status == 2
