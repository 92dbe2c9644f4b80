"""How watched servers look on screens of all sizes: pictures of them, and that nothing ever leaves its screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from duplicati_client.cli.output.panels import Panel, lay_out
from duplicati_client.cli.output.table import Look
from duplicati_client.cli.text import measure
from duplicati_client.operations.list import BackupSummary
from duplicati_client.operations.view import NextRun, Queued, Running, View
from duplicati_client.sdk.activity import Progress
from duplicati_client.sdk.models import Notification
from tests.unit.cli.picturing import compare
from tests.unit.cli.stage import in_zone

NOW = datetime(2026, 11, 24, 14, 3, 9, tzinfo=UTC)
_SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def _in_utc() -> Iterator[None]:
    with in_zone("UTC"):
        yield


def before(**spans: int) -> datetime:
    return NOW - timedelta(**spans)


def ran(backup_id: str, name: str, outcome: str, reason: str, hours: int, *, seconds: float) -> BackupSummary:
    at = before(hours=hours)
    return BackupSummary(backup_id, name, outcome, reason, at, at, seconds, 7, 10**9, 10**8, None)


def notice(number: int, kind: str, title: str, message: str) -> Notification:
    return Notification(number, kind, title, message, None, "3", before(hours=number), {})


READING = Progress.read(
    {
        "TaskID": 12,
        "BackupID": "1",
        "Phase": "Backup_ProcessingFiles",
        "ProcessedFileCount": 312,
        "TotalFileCount": 900,
        "ProcessedFileSize": 1_100_000_000,
        "TotalFileSize": 2_600_000_000,
        "BackendSpeed": 12_500_000,
        "CurrentFilename": "/home/anna/pictures/2026/summer/a long name of a folder/IMG_20260724_170512.jpg",
    }
)
RUNS = (
    ran("3", "Mail", "error", "It ended with errors.", 2, seconds=95),
    ran("2", "Photos", "warning", "It ended with warnings.", 5, seconds=41),
    ran("1", "Documents", "success", "It succeeded.", 26, seconds=4),
)
NEWS = (
    notice(
        2, "Error", "Error while running Mail", "2026-11-24 12:03:09 +00 - [Error-A.B-C]: a file could not be stored"
    ),
    notice(5, "Warning", "Warning while running Photos", "a file could not be read"),
)
IDLE = View(
    url="http://nas:8200",
    version="2.3.1.0",
    last_runs=RUNS,
    next_runs=(NextRun("2", "Photos", NOW + timedelta(hours=2)), NextRun("1", "Documents", NOW + timedelta(hours=13))),
    notifications=NEWS,
    notifications_count=2,
    clock_offset_seconds=0.4,
)
BUSY = IDLE._replace(
    running=Running(12, "1", "Documents", "Backup", before(minutes=3), READING, 200.0),
    waiting=(Queued(13, "2", "Photos", "Backup"), Queued(14, "3", "Mail", "Verify"), Queued(15, "4", None, None)),
)
PAUSED = IDLE._replace(is_paused=True, pause_ends_at=NOW + timedelta(minutes=25), clock_offset_seconds=-300.0)
AWAY = BUSY._replace(away_since_at=before(seconds=80), away_reason="nothing answers at nas port 8200")
HOSTILE = BUSY._replace(
    version="\x1b[2J" * 30,
    running=Running(
        12, "1", "\x1b]0;x\x07名前" * 40, "\n\n", before(minutes=3), READING._replace(phase="\x1b" * 99), 1.0
    ),
    last_runs=(ran("1", "a\nb\u202e" * 30, "\x1b[31m" * 20, "\r" * 300, 2, seconds=1e9),) * 40,
    notifications=(notice(1, "\x1b" * 50, "\x1b[9999B" * 50, "x" * 5000),) * 40,
    away_reason="\x1b[H" * 400,
)
NAS = "nas"
MANY = [Panel(f"server-{number:02}", view) for number, view in enumerate([BUSY, IDLE, PAUSED, AWAY, BUSY, IDLE])]
SCREENS = {
    "busy": [Panel(NAS, BUSY)],
    "idle": [Panel(NAS, IDLE)],
    "paused": [Panel(NAS, PAUSED)],
    "away": [Panel(NAS, AWAY)],
    "asking": [Panel(NAS)],
    "given-up": [Panel(NAS, IDLE, "http://nas:8200 wants a login; duplicati login http://nas:8200")],
    "two": [Panel(NAS, BUSY), Panel("office", IDLE)],
    "many": MANY,
}


def draw(panels: list[Panel], columns: int, rows: int, *, is_coloured: bool = False) -> list[str]:
    return lay_out(panels, columns, rows, Look(columns, is_coloured, is_terminal=True, now=NOW))


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 24), (20, 10)], ids=["80", "40", "20"])
def test_screen_looks_as_pictured(name: str, columns: int, rows: int) -> None:
    compare("\n".join(draw(SCREENS[name], columns, rows)) + "\n", f"watch-{name}-{columns}.txt")


@pytest.mark.parametrize("name", ["busy", "away"])
@pytest.mark.parametrize("columns", [80, 40])
def test_coloured_screen_looks_as_pictured(name: str, columns: int) -> None:
    drawn = draw(SCREENS[name], columns, 24, is_coloured=True)
    compare("\n".join(drawn) + "\n", f"watch-{name}-{columns}-coloured.txt")


@pytest.mark.parametrize("name", SCREENS)
def test_colours_change_nothing_but_colours(name: str) -> None:
    for columns, rows in product((80, 40, 20), (24, 6)):
        coloured = draw(SCREENS[name], columns, rows, is_coloured=True)
        assert [_SGR.sub("", line).rstrip() for line in coloured] == [
            line.rstrip() for line in draw(SCREENS[name], columns, rows)
        ]


def test_no_screen_is_left_whatever_its_size_and_whatever_a_server_says() -> None:
    for columns, rows in product((1, 2, 5, 12, 20, 33, 40, 79, 80, 300), (1, 2, 3, 5, 16, 17, 24, 100)):
        for panels in (*SCREENS.values(), [Panel("\x1b[2J" * 9, HOSTILE)] * 3):
            lines = draw(panels, columns, rows)
            assert len(lines) == rows
            assert all(line.isprintable() for line in lines)
            assert max(map(measure, lines)) <= max(1, columns - 1), (columns, rows)


def test_servers_that_find_no_room_are_counted() -> None:
    assert draw(MANY * 5, 80, 10)[-2:] == ["and 22 more", "q leaves"]


def test_what_runs_is_seen_also_where_a_server_has_one_line() -> None:
    assert draw(MANY, 80, 7)[0] == "server-00  2.3.1.0  running  Documents 42%, 3 waiting"
