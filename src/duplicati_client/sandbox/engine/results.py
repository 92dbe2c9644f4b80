"""The JSON text of result rows, member by member in the server's order, for every operation and release."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ..clock import duration, with_offset, with_z
from ..release import Release

SHOWN_LINES = 20
NEVER = "0001-01-01T00:00:00"


class Lines:
    """The messages, warnings and errors of one operation, worded as its log lines are."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def add(self, level: str, at: datetime, tag: str, text: str) -> str:
        """Add a line and return it: `2026-11-24 14:12:49 +00 - [Warning-Tag]: text`."""
        line = f"{at:%Y-%m-%d %H:%M:%S} +00 - [{level}-{tag}]: {text}"
        {"Information": self.messages, "Warning": self.warnings, "Error": self.errors}[level].append(line)
        return line

    def verdict(self) -> str:
        """Return what the lines alone make of the result."""
        if self.errors:
            return "Error"
        return "Warning" if self.warnings else "Success"


class Statistics:
    """What one operation did on its destination; all zero until it was asked for its free space."""

    def __init__(self) -> None:
        self.remote_calls = 0
        self.bytes_uploaded = 0
        self.bytes_downloaded = 0
        self.files_uploaded = 0
        self.files_downloaded = 0
        self.files_deleted = 0
        self.retries = 0
        self.known_file_count = 0
        self.known_file_size = 0
        self.known_filesets = 0
        self.unknown_file_size = 0
        self.unknown_file_count = 0
        self.last_backup_at: datetime | None = None
        self.backup_list_count = 0
        self.total_space = 0
        self.free_space = 0
        self.assigned_space = 0

    def as_dict(self, release: Release, operation: str, begin_at: datetime) -> dict[str, Any]:
        """Return the `BackendStatistics` member."""
        result: dict[str, Any] = {
            "RemoteCalls": self.remote_calls,
            "BytesUploaded": self.bytes_uploaded,
            "BytesDownloaded": self.bytes_downloaded,
            "FilesUploaded": self.files_uploaded,
            "FilesDownloaded": self.files_downloaded,
            "FilesDeleted": self.files_deleted,
            "FoldersCreated": 0,
            "RetryAttempts": self.retries,
            "UnknownFileSize": self.unknown_file_size,
            "UnknownFileCount": self.unknown_file_count,
            "KnownFileCount": self.known_file_count,
            "KnownFileSize": self.known_file_size,
        }
        if release.has_filesets_count:
            result["KnownFilesets"] = self.known_filesets
        result |= {
            "LastBackupDate": with_offset(self.last_backup_at) if self.last_backup_at else NEVER,
            "BackupListCount": self.backup_list_count,
            "TotalQuotaSpace": self.total_space,
            "FreeQuotaSpace": self.free_space,
            "AssignedQuotaSpace": self.assigned_space,
            "ReportedQuotaError": False,
            "ReportedQuotaWarning": False,
            "MainOperation": operation,
        }
        return result | _ending(release, begin_at, None, None, verdict="Success")


def _ending(
    release: Release, begin_at: datetime, end_at: datetime | None, lines: Lines | None, *, verdict: str
) -> dict[str, Any]:
    return {
        "ParsedResult": verdict,
        "Interrupted": False,
        "Version": release.engine_name,
        "EndTime": with_z(end_at) if end_at else NEVER,
        "BeginTime": with_z(begin_at),
        "Duration": duration((end_at - begin_at).total_seconds()) if end_at else "00:00:00",
        "MessagesActualLength": len(lines.messages) if lines else 0,
        "WarningsActualLength": len(lines.warnings) if lines else 0,
        "ErrorsActualLength": len(lines.errors) if lines else 0,
        "Messages": lines.messages[:SHOWN_LINES] if lines else None,
        "Warnings": lines.warnings[:SHOWN_LINES] if lines else None,
        "Errors": lines.errors[:SHOWN_LINES] if lines else None,
    }


class Result:
    """The result of one operation as it grows: its own members by name, and what all results share."""

    def __init__(self, release: Release, operation: str, begin_at: datetime) -> None:
        self.release = release
        self.operation = operation
        self.begin_at = begin_at
        self.end_at: datetime | None = None
        self.lines = Lines()
        self.statistics = Statistics()
        self.members: dict[str, Any] = {}
        self.is_interrupted = False
        self.is_fatal = False

    def verdict(self) -> str:
        """Return `ParsedResult` as the engine forms it."""
        if self.is_fatal:
            return "Fatal"
        verdicts = [self.lines.verdict()]
        if self.members.get("FilesWithError"):
            verdicts.append("Error")
        if self.members.get("PartialBackup"):
            verdicts.append("Warning")
        for name in ("CompactResults", "VacuumResults", "DeleteResults", "RepairResults", "TestResults"):
            verdicts.append((self.members.get(name) or {}).get("ParsedResult", "Success"))
        return max(verdicts, key=("Success", "Warning", "Error", "Fatal").index)

    def nested(
        self, operation: str, members: dict[str, Any], begin_at: datetime, end_at: datetime | None
    ) -> dict[str, Any]:
        """Return the result of an operation within this one; its lines are those of the outer result."""
        ending = _ending(self.release, begin_at, end_at, None, verdict=members.pop("ParsedResult", "Success"))
        statistics = self.statistics.as_dict(self.release, self.operation, self.begin_at)
        return members | ending | {"BackendStatistics": statistics}

    def text(self) -> str:
        """Return the JSON text for the row's `Message`."""
        ending = _ending(self.release, self.begin_at, self.end_at, self.lines, verdict=self.verdict())
        ending["Interrupted"] = self.is_interrupted
        statistics = self.statistics.as_dict(self.release, self.operation, self.begin_at)
        whole = self.members | ending | {"BackendStatistics": statistics}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


_BACKUP_COUNTS = (
    "DeletedFiles", "DeletedFolders", "ModifiedFiles", "ExaminedFiles", "OpenedFiles", "AddedFiles",
    "SizeOfModifiedFiles", "SizeOfAddedFiles", "SizeOfExaminedFiles", "SizeOfOpenedFiles", "NotProcessedFiles",
    "AddedFolders", "TooLargeFiles", "FilesWithError", "TimestampChangedFiles", "ModifiedFolders",
    "ModifiedSymlinks", "AddedSymlinks", "DeletedSymlinks",
)  # fmt: skip


def backup_members(release: Release) -> dict[str, Any]:
    """Return the members of a backup's result, all at their start."""
    names = [name for name in _BACKUP_COUNTS if name != "TimestampChangedFiles" or release.has_timestamp_count]
    members: dict[str, Any] = dict.fromkeys(names, 0)
    members |= {"PartialBackup": False, "Dryrun": False, "MainOperation": "Backup"}
    members |= dict.fromkeys(("CompactResults", "VacuumResults", "DeleteResults", "RepairResults", "TestResults"))
    if release.has_lock_results:
        members |= {"LockResults": None, "RemoteSynchronizationResults": []}
    return members


def compact_members() -> dict[str, Any]:
    """Return the members of a compacting that found nothing to do."""
    names = ("DeletedFileCount", "DownloadedFileCount", "UploadedFileCount", "DeletedFileSize", "DownloadedFileSize")
    members: dict[str, Any] = dict.fromkeys((*names, "UploadedFileSize"), 0)
    return members | {"Dryrun": False, "VacuumResults": None, "MainOperation": "Compact"}


def test_members(verifications: dict[str, list[Any]]) -> dict[str, Any]:
    """Return the members of a verification: volume names and what was found in each."""
    found = [{"Key": name, "Value": problems} for name, problems in verifications.items()]
    return {"MainOperation": "Test", "VerificationsActualLength": len(found), "Verifications": found}


def restore_members(release: Release) -> dict[str, Any]:
    """Return the members of a restore's result, all at their start."""
    members: dict[str, Any] = {}
    if release.has_v2:
        members |= {"BrokenLocalFiles": [], "BrokenRemoteFiles": []}
    members |= {"RestoredFiles": 0, "SizeOfRestoredFiles": 0}
    if release.restore_reports_more:
        members["SizeOfRestoredData"] = 0
    names = ("RestoredFolders", "RestoredSymlinks", "PatchedFiles", "DeletedFiles", "DeletedFolders", "DeletedSymlinks")
    members |= dict.fromkeys(names, 0)
    if release.restore_reports_more:
        members |= {"UnmodifiedFiles": 0, "SizeOfUnmodifiedFiles": 0, "RestorePath": None}
    return members | {"MainOperation": "Restore", "RecreateDatabaseResults": None}
