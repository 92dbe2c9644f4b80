"""`logs --follow`: what people and programs read, and what is said where the log cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from duplicati_client import errors
from tests.unit.cli.stage import BACKUP_1_LOG, Stage


def line(number: int, message: str, level: str = "Information", backup_id: str | None = None) -> dict[str, object]:
    when = f"2026-11-24T14:00:{number:02}Z"
    return {"ID": number, "When": when, "Type": level, "Message": message, "BackupID": backup_id}


class Following:
    """A person who follows the log of a server while steps happen, and then presses Ctrl-C."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.lines = [line(1, "one"), line(2, "two", backup_id="1")]
        self.steps: list[Callable[[], None]] = []
        stage.log_in()
        stage.server.answers["GET api/v1/logdata/poll"] = lambda: self.lines
        stage.sleep = self._sleep

    def run(self, *words: str):
        return self.stage.run("logs", *words, "--follow")

    def _sleep(self, seconds: float) -> None:
        if not self.steps:
            raise KeyboardInterrupt
        self.steps.pop(0)()


@pytest.fixture
def following(stage: Stage) -> Following:
    return Following(stage)


def test_lines_come_as_they_are_written_until_ctrl_c_which_is_not_complained_about(following: Following) -> None:
    following.steps = [lambda: following.lines.append(line(3, "three"))]
    ended = following.run()
    assert [text.rpartition("  ")[2] for text in ended.stdout.splitlines()] == ["one", "two", "three"]
    assert (ended.status, ended.stderr) == (130, "")


def test_of_what_is_there_only_the_wanted_lines_are_shown(following: Following) -> None:
    assert "one" not in following.run("--lines", "1").stdout
    assert following.run("--lines", "0").stdout == ""
    assert "one" not in following.run("--since", "2026-11-24T14:00:02Z").stdout


def test_log_of_a_backup_begins_with_how_its_runs_went(following: Following) -> None:
    following.stage.server.answers["GET api/v1/backup/1/log"] = BACKUP_1_LOG
    first, second = following.run("Documents").stdout.splitlines()
    assert "success" in first
    assert "two" in second


def test_absence_is_said_to_people_and_does_not_end_it(following: Following) -> None:
    server = following.stage.server

    def leave() -> None:
        server.failure = errors.ConnectionRefused("nothing answers")

    def come_back() -> None:
        server.failure = None
        following.lines = [line(1, "anew")]

    following.steps = [leave, come_back]
    ended = following.run()
    away, back = ended.stderr.splitlines()
    assert away == "nothing answers; trying again"
    assert back.startswith("back after")
    assert back.endswith("the server was restarted; lines may be missing")


def test_programs_read_lines_and_breaks_as_objects(following: Following) -> None:
    def pass_over() -> None:
        following.lines = [line(9, "nine")]

    following.steps = [pass_over]
    told = [json.loads(text) for text in following.run("-o", "json").stdout.splitlines()]
    assert [item["event"] for item in told] == ["line", "line", "gap", "line"]
    assert set(told[0]) == {"event", "logged_at", "level", "message", "exception", "source"}
    assert (told[2]["has_gap"], told[2]["is_restarted"]) == (True, False)


@pytest.mark.parametrize("words", [["--since", "whenever"], ["--lines", "-1"], ["--lines", "501"]])
def test_what_makes_no_sense_is_refused_before_anything_is_asked(stage: Stage, words: list[str]) -> None:
    stage.log_in()
    stage.server.requests.clear()
    assert stage.run("logs", *words).status == 65
    assert stage.server.requests == []
