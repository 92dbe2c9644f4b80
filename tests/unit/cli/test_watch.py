"""`watch` where there is no screen: its lines for people and for programs, and when it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from duplicati_client import errors
from duplicati_client.cli.call import Call, Process
from duplicati_client.cli.commands.watch import VERB
from duplicati_client.cli.console import Console
from duplicati_client.cli.main import main
from duplicati_client.cli.output.changes import ChangeTeller, make_item
from duplicati_client.cli.output.plain import make_plain
from duplicati_client.cli.parser import Given
from duplicati_client.cli.watching import Until
from duplicati_client.operations.view import Absence, Change, EndedTask
from tests.fakes import Clock
from tests.unit.cli.stage import Stage, Terminal
from tests.unit.cli.test_panels import AWAY, BUSY, IDLE, NEWS, NOW, PAUSED

ENDED = EndedTask(
    12, "1", "Documents", "Backup", "warning", "It ended with warnings.", NOW, NOW + timedelta(seconds=41)
)
VERIFIED = ENDED._replace(operation="Verify", outcome="success", reason="It succeeded.", finished_at=None)
GONE = Absence(NOW, "nothing answers")


# Times in lines are those of the stage's zone.
pytestmark = pytest.mark.usefixtures("stage")


def lines(*changes: Change, seconds: float = 1.0) -> list[str | None]:
    """Return the line for each change, one so many seconds after the other, without its time."""
    teller, told = ChangeTeller(), []
    for number, change in enumerate(changes):
        text = teller.make_record(change, NOW + timedelta(seconds=number * seconds)).text
        told.append(text and text[21:])
    return told


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (Change("state", BUSY), "running Documents (task 12); waiting: Photos, Mail (verify), backup 4"),
        (Change("state", IDLE), "nothing runs; next: Photos at 24 Nov 16:03"),
        (Change("state", PAUSED), "paused until 24 Nov 14:28; next: Photos at 24 Nov 16:03"),
        (Change("ended", IDLE, ENDED), "Documents: warning after 41s. It ended with warnings."),
        (Change("ended", IDLE, VERIFIED), "Documents (verify): success. It succeeded."),
        (Change("notification", IDLE, NEWS[0]), "error: Error while running Mail: a file could not be stored"),
        (Change("away", AWAY, GONE), "away: nothing answers"),
        (Change("back", IDLE, GONE._replace(away_seconds=75.0, is_restarted=True)), "back after 1m 15s, restarted"),
        (Change("note", IDLE, "no live connection"), None),
    ],
)  # fmt: skip
def test_line_tells_the_change(change: Change, line: str | None) -> None:
    assert lines(change) == [line]


def test_people_get_progress_now_and_then_and_sooner_at_a_new_phase() -> None:
    running = BUSY.running
    assert running is not None
    assert running.progress is not None
    later = running._replace(progress=running.progress._replace(phase="Backup_WaitForUpload"))
    same, new = Change("progress", BUSY, running), Change("progress", BUSY, later)
    told = lines(*[same] * 20, *[new] * 20, seconds=2.0)
    assert [number for number, line in enumerate(told) if line] == [0, 15, 20, 35]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (
            Change("state", BUSY),
            {"url", "version", "is_paused", "pause_ends_at", "running", "waiting", "last_runs", "next_runs",
             "notifications", "notifications_count", "clock_offset_seconds"},
        ),
        (
            Change("progress", BUSY, BUSY.running),
            {"task_id", "backup_id", "backup_name", "operation", "started_at", "phase", "fraction", "files_done",
             "files_total", "bytes_done", "bytes_total", "is_counting", "speed_bytes_per_second", "current_file",
             "left_seconds"},
        ),
        (
            Change("ended", IDLE, ENDED),
            {"task_id", "backup_id", "backup_name", "operation", "outcome", "reason", "started_at", "finished_at"},
        ),
        (
            Change("notification", IDLE, NEWS[0]),
            {"notification_id", "kind", "title", "message", "exception", "backup_id", "created_at"},
        ),
        (Change("away", AWAY, GONE), {"since_at", "reason", "away_seconds", "is_restarted"}),
        (Change("note", IDLE, "why"), {"text"}),
    ],
)  # fmt: skip
def test_object_of_a_change_has_these_names(change: Change, names: set[str]) -> None:
    item = make_item(change)
    assert set(item) == names
    assert "raw" not in json.dumps(make_plain(item))


def until(clock: Clock, **options: object) -> Until:
    console = Console(Terminal(), Terminal(), Terminal(), {})
    return Until(Call(VERB, Given((), options), Process({}, console, lambda prompt: "")), clock=clock)


def test_idle_server_is_watched_to_the_end_of_what_it_does_and_the_worst_outcome_counts() -> None:
    ends = until(Clock(), until_idle=True)
    fatal = ENDED._replace(outcome="fatal")
    told = [Change("state", BUSY), Change("ended", BUSY, fatal), Change("ended", IDLE, ENDED), Change("state", IDLE)]
    assert [ends.is_reached(change) for change in told] == [False, False, False, True]
    assert ends.status == 4


def test_server_that_is_away_is_not_idle() -> None:
    away = IDLE._replace(away_since_at=NOW)
    ends = until(Clock(), until_idle=True)
    assert [ends.is_reached(change) for change in (Change("away", away, GONE), None)] == [False, False]
    assert ends.is_reached(Change("state", IDLE))


def test_count_counts_changes_and_no_notes() -> None:
    ends = until(Clock(), count=2)
    told = [Change("note", IDLE, "x"), Change("state", IDLE), None, Change("state", BUSY)]
    assert [ends.is_reached(change) for change in told] == [False, False, False, True]
    assert ends.status == 0


def test_time_that_is_up_is_an_error_of_its_own() -> None:
    clock = Clock()
    ends = until(clock, timeout=60.0)
    assert not ends.is_reached(None)
    clock.now += 60
    with pytest.raises(errors.WaitTimedOut):
        ends.is_reached(None)


def test_programs_get_an_object_a_line(stage: Stage) -> None:
    stage.log_in()
    ended = stage.run("watch", "--count", "1", "-o", "json")
    (line,) = map(json.loads, ended.stdout.splitlines())
    assert (ended.status, line["event"], line["version"]) == (0, "state", "2.3.1.0")
    assert datetime.fromisoformat(line["at"]).tzinfo == UTC


def test_dumb_terminal_gets_lines(stage: Stage) -> None:
    stage.log_in()
    for terminal in ("dumb", ""):
        ended = stage.run("watch", "--until-idle", is_terminal=True, **({"TERM": terminal} if terminal else {}))
        assert (ended.status, ended.stdout[19:]) == (0, "  nothing runs\n")
        assert "\x1b" not in ended.stdout + ended.stderr


def test_server_that_is_away_from_the_start_is_an_error(stage: Stage) -> None:
    stage.log_in()
    stage.server.failure = errors.ConnectionRefused("nothing answers at nas.test port 8200")
    ended = stage.run("watch")
    assert ended.status == 69
    assert "nothing answers" in ended.stderr


@pytest.mark.parametrize(
    ("words", "status"), [(["Documents"], 64), (["--count", "0"], 65), (["-o", "csv"], 64), (["-o", "ids"], 64)]
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(stage: Stage, words: list[str], status: int) -> None:
    stage.log_in()
    stage.server.requests.clear()
    assert stage.run("watch", *words).status == status
    assert stage.server.requests == []


class BrokenPipe(Terminal):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_reader_that_has_gone_ends_the_watching_of_several_servers(stage: Stage) -> None:
    stage.log_in("--name", "nas")
    told = {**stage.environ, "DUPLICATI_CLIENT_WATCH_TIMEOUT": "30"}
    console = Console(Terminal(), BrokenPipe(), Terminal(), told)
    process = Process(told, console, lambda prompt: "", lambda url, _: stage.servers[url], stage.sleep)
    assert main(["watch", "--all"], process) == 141


def test_server_that_is_away_among_several_is_waited_for(stage: Stage) -> None:
    stage.log_in("--name", "nas")
    stage.server.failure = errors.ConnectionRefused("nothing answers")

    def come_back(seconds: float) -> None:
        stage.server.failure = None

    stage.sleep = come_back
    told = [json.loads(line) for line in stage.run("watch", "--all", "--count", "3", "-o", "json").stdout.splitlines()]
    assert [item["event"] for item in told] == ["away", "back", "state"]
    assert {item["server"] for item in told} == {"nas"}
