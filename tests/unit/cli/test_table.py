"""Tables and pages as people see them, at the widths they have."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client.cli.listings import list_backups, list_notifications
from duplicati_client.cli.output.cells import format_duration, format_size, format_times
from duplicati_client.cli.output.layout import render_page
from duplicati_client.cli.output.pages import Field, Page, Section
from duplicati_client.cli.output.table import Look, render_listing
from duplicati_client.operations.list import BackupSummary
from duplicati_client.sdk.models import Notification
from tests.unit.cli.stage import in_zone

NOW = datetime(2026, 7, 10, 8, 0, tzinfo=UTC)


def summary(backup_id, name, outcome, days_ago=None, **known):
    started_at = None if days_ago is None else NOW - timedelta(days=days_ago)
    unknown = dict.fromkeys(BackupSummary._fields)
    return BackupSummary(
        **{**unknown, **known, "backup_id": backup_id, "name": name, "outcome": outcome, "last_started_at": started_at}
    )


BACKUPS = list_backups(
    [
        summary(
            *("1", "Documents", "success", 1),
            duration_seconds=75.4,
            versions_count=12,
            destination_bytes=5_368_709_120,
            next_run_at=NOW + timedelta(hours=18),
        ),
        summary(
            *("2", "Photos of the whole family since 1998", "warning", 300),
            duration_seconds=90_061,
            versions_count=3,
            destination_bytes=900,
        ),
        summary("12", "日本語のバックアップ", "running"),
    ]
).shown()

AT_100 = """\
ID  NAME                                 OUTCOME  WHEN            TOOK  VERS.     SIZE  NEXT RUN
1   Documents                            success   9 Jul 08:00  1m 15s     12  5.0 GiB  11 Jul 02:00
2   Photos of the whole family since 1…  warning  13 Sep 2025    1d 1h      3    900 B
12  日本語のバックアップ                 running
"""
AT_80 = """\
ID  NAME                            OUTCOME  WHEN             SIZE  NEXT RUN
1   Documents                       success   9 Jul 08:00  5.0 GiB  11 Jul 02:00
2   Photos of the whole family si…  warning  13 Sep 2025     900 B
12  日本語のバックアップ            running
"""
AT_40 = """\
ID  NAME           OUTCOME  WHEN
1   Documents      success   9 Jul 08:00
2   Photos of th…  warning  13 Sep 2025
12  日本語のバッ…  running
"""
AT_12 = """\
ID  NAME
1   Documen…
2   Photos …
12  日本語…
"""


@pytest.mark.parametrize(("width", "text"), [(100, AT_100), (80, AT_80), (40, AT_40)])
def test_columns_are_cut_and_dropped_until_a_line_fits(width, text):
    with in_zone("UTC"):
        assert render_listing(BACKUPS, Look(width, now=NOW)) == text


def test_in_no_room_at_all_the_last_columns_are_cut():
    narrow = BACKUPS.narrowed([0, 1])
    assert render_listing(narrow, Look(12, now=NOW)) == AT_12


def test_where_nobody_watches_nothing_is_cut():
    assert "Photos of the whole family since 1998" in render_listing(BACKUPS, Look(now=NOW))


def test_colours_do_not_move_columns():
    with in_zone("UTC"):
        coloured = render_listing(BACKUPS, Look(80, True, now=NOW))
    assert "\x1b[32msuccess\x1b[0m" in coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == AT_80.splitlines()


def test_where_the_ellipsis_cannot_be_shown_dots_do():
    assert "family..." in render_listing(BACKUPS.narrowed([1]), Look(29, ellipsis="..."))


def test_no_rows_are_no_text():
    assert render_listing(list_backups([]), Look(80)) == ""


PAGE = Page(
    "thing",
    {},
    (
        Section("", (Field("id", "1"), Field("empty", None), Field("paths", ["/home/ann", "/srv"]))),
        Section("Last run", (Field("why", "The server said so, and at some length, in words that wrap."),)),
        Section("Nothing", (Field("empty", ""),)),
    ),
)


def test_a_page_leaves_out_what_is_unknown_and_wraps_what_is_long():
    assert render_page(PAGE, Look(40)) == (
        "id     1\n"
        "paths  /home/ann\n"
        "       /srv\n"
        "\n"
        "Last run\n"
        "  why  The server said so, and at some\n"
        "       length, in words that wrap.\n"
    )


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (10_200, "10 KiB"), (1_048_576, "1.0 MiB"), (2**63, "8.0 EiB")],
)
def test_sizes_are_short(size_bytes, text):
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0s"), (59.4, "59s"), (61, "1m 01s"), (3599.6, "1h 00m"), (86_400, "1d 0h"), (-5, "-5s")],
)
def test_durations_have_two_units_at_most(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
@given(st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_times_are_local_also_on_days_on_which_the_clocks_change(zone, at):
    with in_zone(zone):
        local = at.astimezone()
        assert format_times([at, None]) == [f"{local.day:2} {local:%b %H:%M}", ""]


def test_old_and_far_times_show_their_year():
    old, far = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)
    with in_zone("UTC"):
        assert format_times([old, far], NOW) == [" 1 Jan    1", "31 Dec 9999"]


def test_all_kinds_of_listing_have_a_column_for_each_field_of_their_rows():
    notification = Notification.read({"ID": 7, "Type": "Warning", "Title": "T", "Message": "M", "Timestamp": None})
    assert render_listing(list_notifications([notification]), Look()).split() == [
        *("ID", "WHEN", "KIND", "TITLE", "MESSAGE", "BACKUP", "ID", "EXCEPTION"),
        *("7", "warning", "T", "M"),
    ]
