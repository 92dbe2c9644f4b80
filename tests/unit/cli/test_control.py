"""`stop`, `abort`, `pause` and `resume`: what is printed where, and which status says how it went."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.stage import URL, FakeServer, Stage

RUNNING = {"Status": "Running", "ID": 11}
ENDED = {"Status": "Failed", "ID": 11}
ACTIVE = {"ActiveTask": {"Item1": 11, "Item2": "1"}, "SchedulerQueueIds": [{"Item1": 12, "Item2": "2"}]}


@pytest.fixture
def logged_in(stage) -> Stage:
    stage.log_in()
    stage.server.answers |= {
        "GET api/v1/serverstate": {"ProgramState": "Running", **ACTIVE},
        "GET api/v1/task/11": RUNNING,
        "POST api/v1/task/11/stop": {},
        "POST api/v1/task/11/abort": {},
        "POST api/v1/serverstate/pause": lambda: set_state(stage.server, "Paused"),
        "POST api/v1/serverstate/resume": lambda: set_state(stage.server, "Running"),
    }
    return stage


def set_state(server: FakeServer, word: str, end: str | None = None) -> dict:
    server.answers["GET api/v1/serverstate"] = {"ProgramState": word, "EstimatedPauseEnd": end, **ACTIVE}
    return {}


@pytest.mark.parametrize(
    "words", [["stop"], ["stop", "11"], ["stop", "task", "11"], ["stop", "backup", "1"], ["stop", "Documents"]]
)
def test_what_runs_is_stopped_by_number_by_backup_or_at_all(logged_in, words):
    ended = logged_in.run(*words)
    assert (ended.status, ended.stdout) == (0, "task 11 (Documents) was asked to stop and still runs\n")


def test_what_the_task_does_now_is_told(logged_in):
    logged_in.server.answers["GET api/v1/progressstate"] = {"TaskID": 11, "Phase": "Backup_PreBackupVerify"}
    told = logged_in.run("abort", "11").stdout
    assert told == "task 11 (Documents) was aborted and still runs: checking the destination\n"


def test_stop_that_comes_too_late_is_told(logged_in):
    logged_in.server.answers["GET api/v1/progressstate"] = {"TaskID": 11, "Phase": "Backup_WaitForUpload"}
    assert "the stop changes nothing and it ends whole" in logged_in.run("stop").stdout


def test_end_of_a_task_is_told_with_the_way_to_its_outcome(logged_in):
    logged_in.server.answers["GET api/v1/task/11"] = ENDED
    ended = logged_in.run("abort")
    assert ended.stdout == "task 11 (Documents) has ended\n"
    assert ended.stderr == "how it went: duplicati describe backup 1\n"
    item = json.loads(logged_in.run("abort", "-o", "json").stdout)
    assert (item["event"], item["task_id"], item["has_ended"], item["backup_name"]) == ("asked", 11, True, "Documents")


def test_pause_that_may_hold_a_task_up_is_told(logged_in):
    set_state(logged_in.server, "Paused")
    assert "the task ends after duplicati resume" in logged_in.run("stop").stderr


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["stop", "task", "Documents"], 64),
        (["stop", "task", "٧"], 64),
        (["stop", "1", "2"], 64),
        (["stop", "99"], 66),
        (["abort", "backup", "3"], 66),
        (["abort", "Photos"], 75),
        (["stop", "task", "12"], 75),
    ],
)
def test_what_does_not_run_cannot_be_stopped(logged_in, words, status):
    assert logged_in.run(*words).status == status
    assert not any(line.startswith("POST api/v1/task") for line in logged_in.server.requests)


def test_pause_and_resume_say_what_is_true(logged_in):
    assert logged_in.run("pause").stdout == "paused until it is resumed; task 11 goes on\n"
    assert logged_in.run("pause").stdout == "paused until it is resumed, as before; task 11 goes on\n"
    assert logged_in.run("resume").stdout == "running again; task 11 runs; waiting: 12\n"
    assert logged_in.run("resume").stdout == "not paused, as before; task 11 runs; waiting: 12\n"
    assert [line for line in logged_in.server.requests if "serverstate/" in line] == [
        "POST api/v1/serverstate/pause",
        "POST api/v1/serverstate/resume",
    ]


@pytest.mark.parametrize(
    "words", [["1h30m"], ["--for", "1h30m"], ["--until", "tomorrow 07:00"], ["--until", "2090-01-01T00:00Z"]]
)
def test_end_of_a_pause_is_told_in_local_time_and_in_json(logged_in, words):
    end = "2026-12-24T17:00:00Z"
    logged_in.server.answers["POST api/v1/serverstate/pause"] = lambda: set_state(logged_in.server, "Paused", end)
    ended = logged_in.run("pause", *words)
    if "2090" in words[-1]:
        assert (ended.status, "49 days" in ended.stderr) == (65, True)
        return
    assert ended.stdout == "paused until 24 Dec 17:00; task 11 goes on\n"
    assert json.loads(logged_in.run("pause", "-o", "json", *words).stdout) == {
        "event": "state",
        "is_paused": True,
        "pause_ends_at": "2026-12-24T17:00:00+00:00",
        "was_paused": True,
        "was_ending_at": "2026-12-24T17:00:00+00:00",
        "is_pause_kept": True,
        "are_transfers_halted": None,
        "running_task_id": 11,
        "waiting_task_ids": [12],
    }


@pytest.mark.parametrize(
    ("end", "told"), [("2026-12-24T17:00:40Z", ""), ("2026-12-24T18:00:00Z", " (before: until 24 Dec 17:00)")]
)
def test_end_before_is_told_where_it_differs_by_what_is_shown(logged_in, end, told):
    set_state(logged_in.server, "Paused", "2026-12-24T17:00:00Z")
    logged_in.server.answers["POST api/v1/serverstate/pause"] = lambda: set_state(logged_in.server, "Paused", end)
    assert logged_in.run("pause", "1h").stdout == f"paused until 24 Dec {end[11:16]}{told}; task 11 goes on\n"


def test_transfers_that_stand_still_are_told(logged_in):
    logged_in.server.answers["GET api/v1/progressstate"] = {"TaskID": 11, "BackendFileProgress": 7}
    assert logged_in.run("pause", "--transfers").stdout == "paused until it is resumed; task 11 stands still\n"
    steps = iter(range(9))
    moving = lambda: {"TaskID": 11, "BackendFileProgress": next(steps)}  # noqa: E731
    logged_in.server.answers["GET api/v1/progressstate"] = moving
    assert logged_in.run("pause", "--transfers").stdout.endswith("; task 11 still transfers data\n")


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["-5"], 65, "a duration cannot be negative: -5"),
        (["--for", "-5"], 65, "a duration cannot be negative: -5"),
        (["--for=soon"], 65, "this is not a duration: soon"),
        (["tomorrow"], 65, "this is a time and not a duration: tomorrow\n  try: duplicati pause --until 'tomorrow'"),
        (["soon"], 65, "this is not a duration: soon"),
        (["0"], 65, "a pause lasts from a second to 49 days"),
        (["50d"], 65, "a pause lasts from a second to 49 days"),
        (["--until", "soon"], 65, "this is not a time: soon"),
        (["--until", "2020-01-01"], 65, "this time is over already"),
        (["5m", "--for", "5m"], 64, "a pause has one end"),
        (["5m", "6m"], 64, "a pause has one end"),
    ],
)
def test_what_is_no_length_of_a_pause_is_refused_and_nothing_is_sent(logged_in, words, status, told):
    ended = logged_in.run("pause", *words)
    assert (ended.status, ended.stdout) == (status, "")
    assert told in ended.stderr
    assert not any("serverstate" in line for line in logged_in.server.requests)


def test_resume_takes_no_words(logged_in):
    assert logged_in.run("resume", "task", "11").status == 64


def test_server_that_is_resumed_at_the_same_time_is_told(logged_in):
    logged_in.server.answers["POST api/v1/serverstate/pause"] = {}
    ended = logged_in.run("pause", "10m")
    assert (ended.status, ended.stdout) == (75, "")
    assert "the server is not paused" in ended.stderr


def test_several_servers_are_paused_side_by_side(tmp_path):
    servers = [FakeServer(URL), FakeServer("http://attic.test:8200")]
    stage = Stage(tmp_path, *servers)
    for number, server in enumerate(servers):
        stage.log_in("--name", f"s{number}", url=server.base_url)
        server.answers["POST api/v1/serverstate/pause"] = lambda server=server: set_state(server, "Paused")
    ended = stage.run("pause", "--all")
    assert ended.status == 0
    assert sorted(ended.stdout.splitlines()) == [
        f"s{number}: paused until it is resumed; task 11 goes on" for number in (0, 1)
    ]


def test_status_shows_the_queue_by_name(logged_in):
    logged_in.server.answers["GET api/v1/tasks"] = [RUNNING, {"Status": "Running", "ID": 12}]
    set_state(logged_in.server, "Paused", "2026-12-24T17:00:00Z")
    told = " ".join(logged_in.run("status").stdout.split())
    assert "state paused paused until 24 Dec 17:00 running task 11 (Documents) waiting task 12 (Photos)" in told
    item = json.loads(logged_in.run("status", "-o", "json").stdout)["item"]
    assert [(task["task_id"], task["status"], task["backup_name"]) for task in item["queue"]] == [
        (11, "running", "Documents"),
        (12, "waiting", "Photos"),
    ]
