"""Typed views of a server's answers, one face for both generations; each keeps what it was read from in `raw`.

Members that are missing, of another type or of a later release never fail: they read as None, empty or the text that
came, and stay in `raw`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .. import errors
from . import answers
from .evidence import read_metadata_time, read_time

_DURATION = re.compile(r"(?:(\d{1,6})\.)?(\d{1,2}):(\d\d):(\d\d)(?:\.\d{1,9})?", re.ASCII)


def read_duration(text: object) -> float | None:
    """Return seconds from `[d.]hh:mm:ss[.fffffff]`, or None."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    days, hours, minutes, seconds = found.groups()
    return float(int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(seconds))


class Metadata(NamedTuple):
    """What a server remembers of a backup's last operations; every value may be missing.

    `last_error_at` is never cleared by a later success, and no value here proves a success: see `outcome`.
    """

    raw: Mapping[str, Any]

    @property
    def last_started_at(self) -> datetime | None:
        """When the last run began; also moved by dry runs and, in 2.1.0.5, by aborted ones."""
        return read_metadata_time(self.raw.get("LastBackupStarted"))

    @property
    def last_finished_at(self) -> datetime | None:
        """When the last run ended."""
        return read_metadata_time(self.raw.get("LastBackupFinished"))

    @property
    def last_duration_seconds(self) -> float | None:
        """How long the last run took."""
        return read_duration(self.raw.get("LastBackupDuration"))

    @property
    def last_error_at(self) -> datetime | None:
        """When an operation of this backup last failed."""
        return read_metadata_time(self.raw.get("LastErrorDate"))

    @property
    def last_error_message(self) -> str | None:
        """What that failure said."""
        return answers.text_or_none(self.raw, "LastErrorMessage")

    @property
    def versions_count(self) -> int | None:
        """How many versions the destination holds."""
        return answers.number(self.raw, "BackupListCount", "TargetFilesetsCount")

    @property
    def source_bytes(self) -> int | None:
        """Size of the examined sources."""
        return answers.number(self.raw, "SourceFilesSize")

    @property
    def source_files_count(self) -> int | None:
        """Number of files in the examined sources."""
        return answers.number(self.raw, "SourceFilesCount")

    @property
    def destination_bytes(self) -> int | None:
        """Size of what lies at the destination."""
        return answers.number(self.raw, "TargetFilesSize")


class Schedule(NamedTuple):
    """When a backup runs by itself; `next_at` is moved forward only after a run, see `ServerState.proposed`."""

    repeat: str
    next_at: datetime | None
    last_run_at: datetime | None
    allowed_days: tuple[str, ...]
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any) -> Schedule | None:
        """Read the `Schedule` member beside a backup; None for no schedule."""
        if not isinstance(raw, dict):
            return None
        days = raw.get("AllowedDays")
        # 2.1.0.5 and 2.2.0.3 list each day twice, short and long.
        short = dict.fromkeys(str(day)[:3].lower() for day in days) if isinstance(days, list) else {}
        return cls(
            repeat=answers.text(raw, "Repeat"),
            next_at=read_time(raw.get("Time")),
            last_run_at=read_time(raw.get("LastRun")),
            allowed_days=tuple(short),
            raw=raw,
        )


class Backup(NamedTuple):
    """A saved definition; in a listing `settings`, `filters` and `sources` are empty: read one with `backups.get`.

    `target_url` may hold credentials, in listings of every release and in definitions up to 2.2 (API reference, 7.5).
    """

    backup_id: str
    name: str
    metadata: Metadata
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any) -> Backup:
        """Read an item of the list, or the answer for one backup; raises `NotUnderstood` if it holds no backup."""
        inner = raw.get("Backup") if isinstance(raw, dict) else None
        if not isinstance(inner, dict):
            raise errors.NotUnderstood("the server gave a backup in another form than expected")
        metadata = inner.get("Metadata")
        readable = Metadata(metadata if isinstance(metadata, dict) else {})
        return cls(_checked_id(inner.get("ID")), answers.text(inner, "Name"), readable, raw)

    @property
    def description(self) -> str:
        """What a person wrote about it."""
        return answers.text(self.raw["Backup"], "Description")

    @property
    def target_url(self) -> str:
        """Where its data is stored."""
        return answers.text(self.raw["Backup"], "TargetURL")

    @property
    def sources(self) -> tuple[str, ...]:
        """What is backed up, as paths of the server."""
        sources = self.raw["Backup"].get("Sources")
        return tuple(s for s in sources if isinstance(s, str)) if isinstance(sources, list) else ()

    @property
    def is_temporary(self) -> bool:
        """Say whether it is gone when the server ends."""
        return self.raw["Backup"].get("IsTemporary") is True

    @property
    def schedule(self) -> Schedule | None:
        """When it runs by itself."""
        return Schedule.read(self.raw.get("Schedule"))

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings by name, as stored (some with leading dashes); secrets may be masked or, up to 2.2, clear."""
        items = self.raw["Backup"].get("Settings")
        pairs = items if isinstance(items, list) else []
        return {answers.text(item, "Name"): answers.text(item, "Value") for item in pairs if isinstance(item, dict)}


def _checked_id(value: object) -> str:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return value
    try:
        return answers.backup_id(str(value) if isinstance(value, int | str) else "")
    except errors.InvalidValue as exc:
        raise errors.NotUnderstood("the server gave a backup an id that cannot be one") from exc


class LogRow(NamedTuple):
    """A row of a backup's log; rows of type `Result` hold JSON text, the others one line each."""

    row_id: int
    logged_at: datetime | None
    kind: str
    message: str
    exception: str | None
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any) -> LogRow:
        """Read a row; SQL NULL arrives as `{}` or null (2.3.1.0 run:161)."""
        raw = answers.mapping(raw, "a row of the log")
        return cls(
            row_id=answers.number(raw, "ID") or 0,
            logged_at=_read_epoch(answers.number(raw, "Timestamp")),
            kind=answers.text(raw, "Type"),
            message=answers.text(raw, "Message"),
            exception=answers.text_or_none(raw, "Exception"),
            raw=raw,
        )


def _read_epoch(seconds: int | None) -> datetime | None:
    from datetime import UTC  # noqa: PLC0415

    if seconds is None or not 0 < seconds < 253402300800:
        return None
    return datetime.fromtimestamp(seconds, UTC)


class ServerLogEntry(NamedTuple):
    """A line of the server's own log, stored or live; `entry_id` is 0 for stored ones."""

    entry_id: int
    logged_at: datetime | None
    level: str
    message: str
    exception: str | None
    backup_id: str | None
    task_id: int | None
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any) -> ServerLogEntry:
        """Read an item of `logdata/poll` or `logdata/log`."""
        raw = answers.mapping(raw, "a line of the server's log")
        return cls(
            entry_id=answers.number(raw, "ID") or 0,
            logged_at=read_time(answers.member(raw, "When")) or _read_epoch(answers.number(raw, "Timestamp")),
            level=answers.text(raw, "Type") or "Error",
            message=answers.text(raw, "Message"),
            exception=answers.text_or_none(raw, "Exception"),
            backup_id=answers.backup_id_or_none(raw, "BackupID"),
            task_id=answers.number(raw, "TaskID"),
            raw=raw,
        )


class Notification(NamedTuple):
    """Something the server wants a person to see; gone when dismissed, or after a clean run of its backup (2.1+)."""

    notification_id: int
    kind: str
    title: str
    message: str
    exception: str | None
    backup_id: str | None
    created_at: datetime | None
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any) -> Notification:
        """Read one notification."""
        raw = answers.mapping(raw, "a notification")
        return cls(
            notification_id=answers.number(raw, "ID") or 0,
            kind=answers.text(raw, "Type"),
            title=answers.text(raw, "Title"),
            message=answers.text(raw, "Message"),
            exception=answers.text_or_none(raw, "Exception"),
            backup_id=answers.backup_id_or_none(raw, "BackupID"),
            created_at=read_time(answers.member(raw, "Timestamp")),
            raw=raw,
        )


class Version(NamedTuple):
    """One restorable point in time; number 0 is the newest. Counts are None where the server was not asked for them."""

    version: int
    created_at: datetime | None
    is_full: bool | None
    files_count: int | None
    files_bytes: int | None
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any) -> Version:
        """Read an item of V1 `filesets`, where `IsFullBackup` is 0 or 1, or of V2 `list-filesets`, a boolean."""
        raw = answers.mapping(raw, "a version")
        full = answers.member(raw, "IsFullBackup")
        files, size = answers.number(raw, "FileCount"), answers.number(raw, "FileSizes")
        return cls(
            version=answers.number(raw, "Version") or 0,
            created_at=read_time(answers.member(raw, "Time")),
            is_full=bool(full) if isinstance(full, bool | int) else None,
            files_count=files if files is not None and files >= 0 else None,
            files_bytes=size if size is not None and size >= 0 else None,
            raw=raw,
        )


class SystemInfo(NamedTuple):
    """What a server is; `release` is its version as numbers, empty when it cannot be read."""

    version: str
    release: tuple[int, ...]
    version_name: str
    os: str
    machine_name: str
    user_name: str
    started_by: str
    server_time_at: datetime | None
    extensions: frozenset[str]
    password_placeholder: str
    secret_options: frozenset[str]
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any) -> SystemInfo:
        """Read an answer of `systeminfo`."""
        raw = answers.mapping(raw, "the description of the server")
        version = answers.text(raw, "ServerVersion")
        extensions = answers.member(raw, "APIExtensions")
        return cls(
            version=version,
            release=read_release(version),
            version_name=answers.text(raw, "ServerVersionName"),
            os=answers.text(raw, "OSType"),
            machine_name=answers.text(raw, "MachineName"),
            user_name=answers.text(raw, "UserName"),
            started_by=answers.text(raw, "StartedBy"),
            server_time_at=read_time(answers.member(raw, "ServerTime")),
            extensions=frozenset(e for e in extensions if isinstance(e, str))
            if isinstance(extensions, list)
            else frozenset(),
            password_placeholder=answers.text(raw, "PasswordPlaceholder"),
            secret_options=frozenset(_secret_options(raw)),
            raw=raw,
        )


def read_release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version text such as `2.3.0.4`; empty for anything else."""
    found = re.match(r"\d{1,6}(?:\.\d{1,6}){1,3}", version)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def _secret_options(raw: Mapping[str, Any]) -> list[str]:
    """Names of options of type Password, in every module (API reference, 7.5)."""
    lists = [raw.get("Options")]
    for value in raw.values():
        if isinstance(value, list):
            lists += [answers.member(module, "Options") for module in value]
    options = [option for items in lists if isinstance(items, list) for option in items]
    return [answers.text(o, "Name").lower() for o in options if answers.member(o, "Type") in ("Password", 10)]
