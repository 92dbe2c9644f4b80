"""Views of what a server holds: what is missing or strange reads as nothing, and `raw` keeps it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duplicati_client import errors
from duplicati_client.sdk.models import (
    Backup,
    LogRow,
    Metadata,
    Notification,
    Schedule,
    ServerLogEntry,
    SystemInfo,
    Version,
    read_duration,
    read_release,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_backup_is_read_from_a_listing() -> None:
    raw = {
        "Backup": {
            "ID": "3",
            "Name": "Documents",
            "TargetURL": "file:///x",
            "Sources": ["/a", 1],
            "IsTemporary": False,
            "Metadata": {"LastBackupStarted": "20261124T120000Z"},
        },
        "Schedule": None,
    }
    backup = Backup.read(raw)
    assert (backup.backup_id, backup.name, backup.sources, backup.schedule) == ("3", "Documents", ("/a",), None)
    assert backup.metadata.last_started_at == NOON
    assert backup.raw is raw


@pytest.mark.parametrize("identifier", ["../1", "1/../2", None, True, -1, 1.5, [], {}, "", "x", 10**30])
def test_backup_with_an_identifier_that_would_steer_a_url_is_refused(identifier: object) -> None:
    with pytest.raises(errors.NotUnderstood):
        Backup.read({"Backup": {"ID": identifier}})


@pytest.mark.parametrize("raw", [None, [], {}, {"Backup": None}, {"Backup": []}, "x"])
def test_what_holds_no_backup_is_not_understood(raw: object) -> None:
    with pytest.raises(errors.NotUnderstood):
        Backup.read(raw)


def test_backup_of_strange_members_reads_as_empty() -> None:
    raw = {
        "Backup": {"ID": 3, "Name": 1, "Sources": "x", "Metadata": [], "Settings": [1, {"Name": "a", "Value": None}]},
        "Schedule": 5,
    }
    backup = Backup.read(raw)
    assert (backup.backup_id, backup.name, backup.sources, backup.schedule) == ("3", "", (), None)
    assert backup.settings == {"a": ""}
    assert backup.metadata.last_started_at is None


def test_days_that_are_listed_twice_are_told_once() -> None:
    """2.1.0.5 and 2.2.0.3 list each day short and long."""
    schedule = Schedule.read({"AllowedDays": ["mon", "Monday", "tue", "Tuesday"], "Time": "2026-11-24T12:00:00Z"})
    assert schedule.allowed_days == ("mon", "tue")
    assert schedule.next_at == NOON


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:41.1234567", 41),
        ("1.02:03:04", 93784),
        ("10:00:00", 36000),
        ("", None),
        (None, None),
        ("41", None),
        ("0:0:0", None),
    ],
)
def test_duration_is_read_in_seconds(text: object, seconds: float | None) -> None:
    assert read_duration(text) == seconds


def test_metadata_are_numbers_and_moments() -> None:
    metadata = Metadata(
        {
            "LastErrorDate": "20261124T120000Z",
            "LastErrorMessage": "no",
            "SourceFilesSize": "12",
            "TargetFilesetsCount": "4",
            "LastBackupDuration": "00:00:03",
            "LastBackupFinished": "x",
        }
    )
    assert (metadata.last_error_at, metadata.last_error_message) == (NOON, "no")
    assert (metadata.source_bytes, metadata.versions_count, metadata.last_duration_seconds) == (12, 4, 3)
    assert metadata.last_finished_at is None


def test_row_without_exception_has_none() -> None:
    """SQL NULL arrives as an empty object (2.3.1.0 run:161)."""
    row = LogRow.read({"ID": 5, "Timestamp": 1795521600, "Type": "Result", "Message": "{}", "Exception": {}})
    assert (row.row_id, row.exception, row.logged_at) == (5, None, NOON)


@pytest.mark.parametrize("timestamp", [0, -1, 10**17, None, "x", 1e20])
def test_impossible_moment_of_a_row_is_none(timestamp: object) -> None:
    assert LogRow.read({"ID": 1, "Timestamp": timestamp}).logged_at is None


def test_line_of_the_servers_log_is_read_live_and_stored() -> None:
    live = ServerLogEntry.read(
        {"ID": 9, "When": "2026-11-24T12:00:00Z", "Type": "Warning", "Message": "m", "BackupID": "3", "TaskID": 7}
    )
    stored = ServerLogEntry.read({"Timestamp": 1795521600, "Message": "m", "Exception": "e"})
    assert (live.entry_id, live.logged_at, live.backup_id, live.task_id) == (9, NOON, "3", 7)
    assert (stored.entry_id, stored.logged_at, stored.level, stored.exception) == (0, NOON, "Error", "e")


@pytest.mark.parametrize(("full", "is_full"), [(1, True), (0, False), (True, True), (None, None), ("yes", None)])
def test_version_is_full_by_number_or_flag(full: object, is_full: bool | None) -> None:
    version = Version.read(
        {"Version": 0, "Time": "2026-11-24T12:00:00+01:00", "IsFullBackup": full, "FileCount": -1, "FileSizes": 7}
    )
    assert (version.is_full, version.files_count, version.files_bytes) == (is_full, None, 7)


def test_notification_is_read() -> None:
    found = Notification.read(
        {"ID": 4, "Type": "Error", "Title": "t", "Message": "m", "BackupID": "3", "Timestamp": "2026-11-24T12:00:00Z"}
    )
    assert (found.notification_id, found.kind, found.backup_id, found.created_at) == (4, "Error", "3", NOON)


def test_secret_options_are_found_in_every_module() -> None:
    raw = {
        "ServerVersion": "2.3.1.0",
        "Options": [{"Name": "Passphrase", "Type": "Password"}, {"Name": "x", "Type": "String"}, 1],
        "BackendModules": [{"Options": [{"Name": "auth-password", "Type": 10}]}, {"Options": None}, 5],
        "Other": "x",
    }
    info = SystemInfo.read(raw)
    assert info.secret_options == {"passphrase", "auth-password"}
    assert info.release == (2, 3, 1, 0)


@pytest.mark.parametrize(
    ("text", "release"),
    [("2.3.0.4", (2, 3, 0, 4)), ("2.10.0.1 - x", (2, 10, 0, 1)), ("", ()), ("x", ()), ("2", ()), ("9" * 400, ())],
)
def test_release_is_compared_as_numbers(text: str, release: tuple[int, ...]) -> None:
    assert read_release(text) == release


def test_lists_in_place_of_objects_are_not_understood() -> None:
    for kind in (LogRow, ServerLogEntry, Notification, Version, SystemInfo):
        with pytest.raises(errors.NotUnderstood):
            kind.read([])
