"""Read the signs of an outcome from a server's decoded JSON, whatever its release; asks nothing and judges nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from duplicati_client.outcome import MetadataSign, NoticeSign, RowSign, TaskSign

_SHORTEST_ISO = len("2026-11-24T14:03:09")
_COMPACT = len("20261124T140309Z")
_LOG_PREFIX = re.compile(r"^(?:Warning: |Error: )?[0-9: +-]{15,35} - \[[^\]]*\]: ")
_VAGUE = re.compile(r"Fatal error|The operation \w+ has failed")
_EXCEPTION_NAME = re.compile(r"^\w+Exception: ")
_PROBLEM_CHARACTERS = 2000
_FOLDED = "sha256:"
_METADATA_KEYS = {
    operation: (f"Last{operation}Started", f"Last{operation}Finished")
    for operation in ("Backup", "Restore", "Compact", "Vacuum")
}


def read_time(text: object) -> datetime | None:
    """Return the moment that an ISO 8601 text of the server names, in UTC.

    None for anything else and for year 1, which stands for never. A text without a zone counts as UTC: servers leave
    it out only for times they do not know and in UTC (`2.0.8.1 run-outcomes:171`).
    """
    return _moment(text.strip()) if isinstance(text, str) and len(text) >= _SHORTEST_ISO else None


def read_metadata_time(text: object) -> datetime | None:
    """Return the moment of a metadata value such as `20261124T140309Z`; None for anything else and for year 1."""
    is_compact = isinstance(text, str) and len(text) == _COMPACT and text.endswith("Z")
    return _moment(text) if isinstance(text, str) and is_compact else None


def _moment(text: str) -> datetime | None:
    """Read ISO 8601 with the standard library, which from Python 3.11 on takes every form that servers send."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.year <= 1:
            return None
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def task_sign(raw: object) -> TaskSign | None:
    """Read an answer of `task/{id}`; None if it is not one."""
    answer = _object(raw)
    status = _text(answer, "Status")
    if status is None:
        return None
    return TaskSign(
        status=status,
        error_message=_text(answer, "ErrorMessage"),
        started_at=read_time(_member(answer, "TaskStarted")),
        finished_at=read_time(_member(answer, "TaskFinished")),
    )


def row_sign(raw: object) -> RowSign | None:
    """Read a row of `backup/{id}/log`; None for single log lines and for rows whose text is no result."""
    row = _object(raw)
    row_id = _whole_number(row, "ID")
    result = _parsed(_text(row, "Message"))
    operation = _text(result, "MainOperation")
    if row_id is None or operation is None or _text(row, "Type") not in (None, "Result"):
        return None
    return RowSign(
        row_id=row_id,
        main_operation=operation,
        parsed_result=_text(result, "ParsedResult") or "Unknown",
        is_interrupted=_is_true(result, "Interrupted"),
        is_partial=_is_true(result, "PartialBackup"),
        is_dry_run=_is_true(result, "Dryrun"),
        began_at=read_time(_member(result, "BeginTime")),
        ended_at=read_time(_member(result, "EndTime")),
        warnings_count=_count(result, "Warnings"),
        errors_count=_count(result, "Errors"),
        first_problem=_first_text(result, "Errors") or _first_text(result, "Warnings"),
    )


def notice_sign(raw: object) -> NoticeSign | None:
    """Read one notification; None if it is none."""
    answer = _object(raw)
    notification_id = _whole_number(answer, "ID")
    kind = _text(answer, "Type")
    if notification_id is None or kind is None:
        return None
    return NoticeSign(
        notification_id=notification_id,
        kind=kind,
        title=_text(answer, "Title") or "",
        message=_text(answer, "Message") or "",
        at=read_time(_member(answer, "Timestamp")),
        is_thrown=bool(_text(answer, "Exception")),
    )


def metadata_sign(metadata: object, operation: str) -> MetadataSign | None:
    """Read a backup's `Metadata` for one kind of operation, named as a row's `MainOperation`; None if it is no object.

    Only backup, restore, compact and vacuum keep times there; of the others the last error is all there is.
    """
    if not isinstance(metadata, dict):
        return None
    started, finished = _METADATA_KEYS.get(operation, ("", ""))
    return MetadataSign(
        started_at=read_metadata_time(metadata.get(started)),
        finished_at=read_metadata_time(metadata.get(finished)),
        error_at=read_metadata_time(metadata.get("LastErrorDate")),
        error_message=_text(metadata, "LastErrorMessage") if "LastErrorMessage" in metadata else None,
    )


def row_signs(raw_rows: object, *, above_row_id: int = 0) -> tuple[RowSign, ...]:
    """Read an answer of `backup/{id}/log`, in its order, leaving out what is no result and rows up to the given id."""
    signs = map(row_sign, _items(raw_rows))
    return tuple(sign for sign in signs if sign and sign.row_id > above_row_id)


def result_of(raw_rows: object, row_id: int) -> Mapping[str, Any]:
    """Return the result that a row holds, as the server wrote it; empty where there is none."""
    found = (row for row in map(_object, _items(raw_rows)) if _whole_number(row, "ID") == row_id)
    return _parsed(_text(next(found, {}), "Message"))


def new_rows(before: Iterable[RowSign], after: Iterable[RowSign]) -> tuple[RowSign, ...]:
    """Return the rows that came since, also where the local database was recreated in between.

    It then numbers them from 1 again (`2.0.8.1 maintenance:692`), so that a row id alone does not tell.
    """
    known = tuple(before)
    highest = max((row.row_id for row in known), default=0)
    last_began_at = max((row.began_at for row in known if row.began_at), default=None)
    return tuple(
        row
        for row in after
        if row.row_id > highest or (last_began_at and row.began_at and row.began_at > last_began_at)
    )


def notice_signs(raw_notices: object, backup_id: str) -> tuple[NoticeSign, ...]:
    """Read an answer of `notifications`, keeping those of one backup."""
    own = (raw for raw in _items(raw_notices) if str(_member(_object(raw), "BackupID")) == backup_id)
    return tuple(sign for sign in map(notice_sign, own) if sign)


def new_notices(before: Iterable[NoticeSign], after: Iterable[NoticeSign]) -> tuple[NoticeSign, ...]:
    """Return the notices that came since, or were renewed under their old id (`2.3.1.0 outcomes:347`)."""
    known = {(notice.notification_id, notice.at, notice.message) for notice in before}
    is_folded = any(message.startswith(_FOLDED) for _, _, message in known)
    fold = fold_message if is_folded else str
    return tuple(
        notice
        for notice in after
        if not known & {(notice.notification_id, notice.at, m) for m in (notice.message, fold(notice.message))}
    )


def fold_message(message: str) -> str:
    """Return what stands for the words of a notice where they must not be kept: they may quote secrets."""
    from hashlib import sha256  # noqa: PLC0415 - only what outlives a process is folded

    return _FOLDED + sha256(message.encode("utf-8", "surrogatepass")).hexdigest()


def notices_since(notices: Iterable[NoticeSign], started_at: datetime | None) -> tuple[NoticeSign, ...]:
    """Leave out those of before a start: of a task that came first. Notices have whole seconds."""
    since = started_at.replace(microsecond=0) if started_at else None
    return tuple(notice for notice in notices if since is None or notice.at is None or notice.at >= since)


def _object(raw: object) -> Mapping[str, Any]:
    return raw if isinstance(raw, Mapping) else {}


def _items(raw: object) -> list[Any]:
    return raw if isinstance(raw, list) else []


def _parsed(text: str | None) -> Mapping[str, Any]:
    try:
        return _object(json.loads(text or "{}"))
    except (ValueError, RecursionError):
        return {}


def _member(answer: Mapping[str, Any], name: str) -> object:
    """Look a member up, in other letters too; an SQL NULL arrives as `{}` (`2.3.1.0 run:161`)."""
    if name not in answer:
        wanted = name.lower()
        name = next((key for key in answer if isinstance(key, str) and key.lower() == wanted), name)
    value = answer.get(name)
    return None if value == {} else value


def _text(answer: Mapping[str, Any], name: str) -> str | None:
    value = _member(answer, name)
    return value if isinstance(value, str) and value else None


def _is_true(answer: Mapping[str, Any], name: str) -> bool:
    value = _member(answer, name)
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _whole_number(answer: Mapping[str, Any], name: str) -> int | None:
    value = _member(answer, name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _count(result: Mapping[str, Any], name: str) -> int:
    actual = _whole_number(result, f"{name}ActualLength")
    return max(actual or 0, len(_items(_member(result, name))))


def _first_text(result: Mapping[str, Any], name: str) -> str | None:
    """Return the first log line without its time and tag, and without a first line that says nothing.

    What follows is kept: only there may a cancellation show (`2.2.0.3 control:62`).
    """
    first = next((item for item in _items(_member(result, name)) if isinstance(item, str) and item.strip()), None)
    if first is None:
        return None
    lines = _LOG_PREFIX.sub("", first.strip()).strip().splitlines() or [first.strip()]
    if len(lines) > 1 and _VAGUE.fullmatch(lines[0]):
        lines = [_EXCEPTION_NAME.sub("", lines[1]), *lines[2:]]
    return "\n".join(lines)[:_PROBLEM_CHARACTERS]
