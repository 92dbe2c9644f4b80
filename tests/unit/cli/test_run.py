"""`run`: what is printed where, and which status says how it went."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.stage import FakeServer, Stage

BEGAN, ENDED = "2026-07-10T08:00:00Z", "2026-07-10T08:00:05Z"


def let_run(server: FakeServer, parsed_result: str, backup_id: str = "1") -> None:
    """Let a run of the backup end at once with a result row."""
    task_id = 10 + int(backup_id)
    task = {"Status": "Completed", "ID": task_id, "TaskStarted": BEGAN, "TaskFinished": ENDED}
    result = {"MainOperation": "Backup", "ParsedResult": parsed_result, "BeginTime": BEGAN, "EndTime": ENDED}
    row = {"ID": 1, "Timestamp": 1783670405, "Type": "Result", "Message": json.dumps(result)}
    run_key = f"POST api/v1/backup/{backup_id}/run"
    server.answers |= {
        f"GET api/v1/task/{task_id}": task,
        f"GET api/v1/backup/{backup_id}/log": lambda: [row] if run_key.partition("?")[0] in server.requests else [],
        "GET api/v1/progressstate": {"TaskID": task_id, "BackupID": backup_id, "Phase": "Backup_Complete"},
    }


@pytest.fixture
def logged_in(stage) -> Stage:
    stage.log_in()
    return stage


def test_a_run_prints_its_number_and_returns(logged_in):
    ended = logged_in.run("run", "Documents")
    assert (ended.status, ended.stdout, ended.stderr) == (0, "11\n", "")


def test_several_runs_print_a_number_each(logged_in):
    assert logged_in.run("run", "1", "Photos").stdout == "11\n12\n"
    assert logged_in.run("run", "1", "2", "-o", "ids").stdout == "11\n12\n"


@pytest.mark.parametrize(("parsed_result", "status"), [("Success", 0), ("Warning", 2), ("Error", 3), ("Fatal", 4)])
def test_the_status_of_a_run_that_is_waited_for_says_how_it_went(logged_in, parsed_result, status):
    let_run(logged_in.server, parsed_result)
    ended = logged_in.run("run", "1", "--wait")
    assert ended.status == status
    assert ended.stdout.startswith(f"Documents: {parsed_result.lower()} after 5s.")
    assert "task 11" in ended.stderr


def test_for_a_program_each_step_is_an_object_and_the_last_one_the_outcome(logged_in):
    let_run(logged_in.server, "Success")
    ended = logged_in.run("run", "1", "--wait", "-o", "json")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["started", "ended"]
    assert lines[0]["task_id"] == 11
    assert lines[-1]["outcome"] == "success"
    assert lines[-1]["finished_at"] == "2026-07-10T08:00:05+00:00"


def test_of_several_runs_the_worst_gives_the_status(logged_in):
    let_run(logged_in.server, "Warning", "1")
    let_run(logged_in.server, "Success", "2")
    ended = logged_in.run("run", "1", "2", "--wait")
    assert ended.status == 2
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [
        ["Documents:", "warning"],
        ["Photos:", "success"],
    ]


def test_a_run_that_cannot_start_leaves_the_others_theirs(logged_in):
    del logged_in.server.answers["POST api/v1/backup/1/run"]
    ended = logged_in.run("run", "1", "2")
    assert (ended.status, ended.stdout) == (66, "12\n")
    assert ended.stderr.startswith("duplicati: Documents: ")


def test_nothing_runs_if_one_name_fits_nothing(logged_in):
    assert logged_in.run("run", "1", "nothing").status == 66
    assert not any(request.endswith("/run") for request in logged_in.server.requests)


def test_a_pattern_that_fits_several_runs_nothing_and_lists_them(logged_in):
    ended = logged_in.run("run", "*o*")
    assert ended.status == 64
    assert "Documents" in ended.stderr
    assert "Photos" in ended.stderr


def test_when_the_time_is_up_the_work_goes_on(logged_in):
    let_run(logged_in.server, "Success")
    logged_in.server.answers["GET api/v1/task/11"] = {"Status": "Running", "ID": 11, "TaskStarted": BEGAN}
    ended = logged_in.run("run", "1", "--wait", "--timeout", "0")
    assert ended.status == 124
    assert "goes on" in ended.stderr


def test_an_absorbed_run_is_told(logged_in):
    active = {"ProgramState": "Running", "LastEventID": 4, "ActiveTask": {"Item1": 11, "Item2": "1"}}
    logged_in.server.answers["GET api/v1/serverstate"] = active
    ended = logged_in.run("run", "1")
    assert ended.stdout == "11\n"
    assert "added no run" in ended.stderr


def press_ctrl_c(*_):
    raise KeyboardInterrupt


def test_ctrl_c_leaves_the_run_going_and_says_so(logged_in):
    logged_in.server.answers["GET api/v1/task/11"] = press_ctrl_c
    ended = logged_in.run("run", "1", "--wait")
    assert ended.status == 130
    assert ended.stderr.splitlines()[-1].startswith("Documents: the work goes on (task 11)")
    assert "POST api/v1/task/11/stop" not in logged_in.server.requests


def test_a_second_ctrl_c_asks_the_server_to_stop_the_run(logged_in):
    logged_in.server.answers["GET api/v1/task/11"] = press_ctrl_c
    logged_in.sleep = press_ctrl_c
    running = {"Status": "Running", "ID": 11}
    logged_in.server.answers |= {
        "POST api/v1/task/11/stop": lambda: logged_in.server.answers.update({"GET api/v1/task/11": running}) or {},
        "POST api/v1/backup/1/run": lambda: run_on(logged_in.server),
    }
    ended = logged_in.run("run", "1", "--wait")
    assert ended.status == 130
    assert ended.stderr.splitlines()[-1] == "Documents: the server was asked to stop it"
    assert "POST api/v1/task/11/stop" in logged_in.server.requests


def run_on(server):
    active = {"ProgramState": "Running", "LastEventID": 5, "ActiveTask": {"Item1": 11, "Item2": "1"}}
    server.answers["GET api/v1/serverstate"] = active
    return {"Status": "OK", "ID": 11}
