"""The line of progress: what it says in each phase, and how often."""

from __future__ import annotations

import pytest

from duplicati_client.cli.console import Console
from duplicati_client.cli.output.printer import Choice, Printer
from duplicati_client.cli.output.progress import ProgressLine, describe, describe_phase, estimate_left
from duplicati_client.cli.talk import Talk
from duplicati_client.sdk.activity import Progress
from tests.unit.cli.stage import Terminal

READING = {
    "TaskID": 3,
    "BackupID": "1",
    "Phase": "Backup_ProcessingFiles",
    "ProcessedFileCount": 30,
    "TotalFileCount": 60,
    "ProcessedFileSize": 1_048_576,
    "TotalFileSize": 2_097_152,
    "BackendSpeed": 524_288,
}


def progress(**changes):
    return Progress.read({**READING, **changes})


def test_reading_shows_percent_files_bytes_speed_and_time_left():
    assert describe(progress(), "Documents", 30.0) == (
        "Documents  [##########..........]  50%  reading files  30 of 60 files  1.0 MiB of 2.0 MiB  512 KiB/s  30s left"
    )


def test_while_the_server_counts_there_is_no_percentage_and_no_total():
    text = describe(progress(StillCounting=True), "Documents", 30.0)
    assert text == "Documents  reading files  30 files  1.0 MiB  512 KiB/s  30s"


def test_a_phase_without_a_measure_shows_the_time_that_has_passed():
    text = describe(Progress.read({"TaskID": 3, "Phase": "Backup_PreBackupVerify"}), "Documents", 75.0)
    assert text == "Documents  checking the destination  1m 15s"


def test_a_name_from_outside_is_neutralised():
    assert "\x1b" not in describe(progress(), "a\x1b[2J", 1.0)


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("Backup_WaitForUpload", "uploading"),
        ("Verify_Running", "testing samples"),
        ("BugReport_Running", "bug report running"),
        ("Backup_SomethingQuiteNew", "something quite new"),
        ("", "waiting"),
        ("\x1b", "\\x1b"),
    ],
)
def test_phases_are_told_in_words(phase, words):
    assert describe_phase(phase) == words


@pytest.mark.parametrize(("elapsed_seconds", "left"), [(1.0, None), (10.0, 10.0)])
def test_no_time_left_is_told_from_too_little(elapsed_seconds, left):
    assert estimate_left(progress(), elapsed_seconds) == left


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def line_on(stderr, clock, *, is_verbose=False, form="table", environ=None):
    console = Console(Terminal(), Terminal(), stderr, environ or {})
    console.adjust(colour="never", is_quiet=False, is_verbose=is_verbose, is_debugging=False)
    return ProgressLine(Talk(console, Printer(console, Choice(form))), "Documents", clock=clock)


def test_on_a_terminal_the_line_draws_itself_again_and_goes_away():
    stderr, clock = Terminal(is_terminal=True), Clock()
    line = line_on(stderr, clock, environ={"COLUMNS": "40"})
    line.show(progress())
    line.show(progress())  # too soon
    clock.now += 1
    line.tick()
    line.clear()
    line.clear()
    drawn = stderr.getvalue().split("\r\x1b[K")
    assert len(drawn) == 4
    assert drawn[1] == "Documents  [##########..........]  50%"
    assert drawn[-1] == ""


def test_what_is_said_meanwhile_takes_the_place_of_the_line():
    stderr, clock = Terminal(is_terminal=True), Clock()
    console = Console(Terminal(), Terminal(), stderr, {"COLUMNS": "40"})
    console.adjust(colour="never", is_quiet=False, is_verbose=True, is_debugging=False)
    line = ProgressLine(Talk(console, Printer(console, Choice("table"))), "Documents", clock=clock)
    for _ in range(2):
        clock.now += 1
        line.show(progress())
        console.detail("GET http://nas:8200 -> 200")
    console.complain("it failed")
    shown = "Documents  [##########..........]  50%"
    said = "\r\x1b[KGET http://nas:8200 -> 200\n"
    assert stderr.getvalue() == f"\r\x1b[K{shown}{said}" * 2 + "duplicati: it failed\n"


def test_elsewhere_a_line_comes_every_thirty_seconds_and_only_with_verbose():
    stderr, silent, clock = Terminal(), Terminal(), Clock()
    verbose, quiet = line_on(stderr, clock, is_verbose=True), line_on(silent, clock)
    for _ in range(100):
        clock.now += 1
        verbose.show(progress())
        quiet.show(progress())
    assert len(stderr.getvalue().splitlines()) == 3
    assert silent.getvalue() == ""


def test_programs_that_read_json_get_no_line():
    stderr, clock = Terminal(is_terminal=True), Clock()
    line_on(stderr, clock, form="json").show(progress())
    assert stderr.getvalue() == ""


def test_narrow_line_leaves_out_the_least_telling_parts_whole() -> None:
    wide = describe(progress(), "Documents", 30.0)
    fitted = describe(progress(), "Documents", 30.0, 79)
    assert len(fitted) <= 79 < len(wide)
    assert "left" in fitted
    assert "files  " not in fitted.replace("reading files", "")
    assert describe(progress(), "Documents", 30.0, 10).startswith("Documents  [")
