"""Read logs, of a backup or of the server, once or as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from .. import errors
from ..sdk.client import Duplicati
from ..sdk.models import Backup, LogRow, ServerLogEntry
from .masking import hide_text

LEVELS = ("Profiling", "Verbose", "Retry", "Information", "Warning", "Error")
# What rows of a backup's log are called by, as levels.
_LEVELS_OF_RESULTS = {"Success": "Information", "Fatal": "Error"}
_FOLLOW_SECONDS = 2.0
_RETRY_SECONDS = (1, 1, 2, 3, 5)
_PAGE_COUNT = 500
_REASON_CHARACTERS = 300


class LogLine(NamedTuple):
    """One line of any log; `level` is the server's word, or the result of an operation."""

    logged_at: datetime | None
    level: str
    message: str
    exception: str | None
    source: str
    raw: object


class Break(NamedTuple):
    """The log cannot be read now; or it can be again, and `away_seconds` is known; or it could not be read whole.

    `has_gap` says that lines may be missing, without an absence where `away_seconds` is None. `is_restarted` is True
    only where the server's numbers prove it.
    """

    since_at: datetime
    reason: str
    away_seconds: float | None = None
    is_restarted: bool = False
    has_gap: bool = False


def read(
    server: Duplicati, backup: Backup | None, *, count: int = 50, level: str = LEVELS[0], since: datetime | None = None
) -> list[LogLine]:
    """Return the newest lines, oldest first; of those, the ones that matter as much as the level, and since then."""
    if backup is None:
        lines = [_from_entry(entry) for entry in server.logs.of_server(count=count)]
    else:
        lines = [_from_row(row) for row in server.logs.of_backup(backup.backup_id, count=count)]
    return [line for line in lines[::-1] if _matters(line, level) and is_since(line, since)]


def follow(
    server: Duplicati,
    backup: Backup | None,
    *,
    level: str = "Information",
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine | Break | None]:
    """Yield lines of the live log: those that the server still has, and None; then lines as they come, with None again
    and again.

    Absences of the server are waited out, whatever they last; each is told by two `Break`s. No line is told twice.
    Raises what only somebody can mend, and any failure before the first answer.
    """
    tail = _Tail(server, level)
    away: Break | None = None
    attempt = 0
    while True:
        try:
            entries, gap = tail.read(clock)
        except errors.DuplicatiClientError as exc:
            if not tail.is_begun or not (exc.is_retryable or isinstance(exc, errors.NotUnderstood)):
                raise
            if away is None:
                away = Break(_moment(clock()), hide_text(exc.message)[:_REASON_CHARACTERS])
                tail.distrust()
                yield away
            yield from _wait(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)], sleep)
            attempt += 1
            continue
        if away is not None:
            gap = (gap or away)._replace(since_at=away.since_at, reason=away.reason)
            gap = gap._replace(away_seconds=round(clock() - away.since_at.timestamp(), 1))
        if gap is not None:
            yield gap
        away, attempt = None, 0
        yield from (_from_entry(e) for e in entries if backup is None or e.backup_id == backup.backup_id)
        yield None
        sleep(_FOLLOW_SECONDS)


def _wait(seconds: int, sleep: Callable[[float], None]) -> Iterator[None]:
    for _ in range(seconds):
        sleep(1.0)
        yield None


class _Tail:
    """Reads the live log on from where it was read to, and finds out where it cannot have been read whole.

    It always asks for the last known line again: as long as that comes, the server was not restarted and nothing was
    passed over. The numbers alone would not tell: they start again with the server.
    """

    def __init__(self, server: Duplicati, level: str) -> None:
        self.is_begun = False
        self._server = server
        self._level = level
        self._last: ServerLogEntry | None = None
        self._is_trusted = True

    def distrust(self) -> None:
        """Ask for everything next time: there was an absence, and numbers may have begun anew since."""
        self._is_trusted = False

    def read(self, clock: Callable[[], float]) -> tuple[Sequence[ServerLogEntry], Break | None]:
        """Return the lines that are new, and a break if some between may be missing."""
        last = self._last
        entries = self._ask(last.entry_id - 1 if last is not None and self._is_trusted else 0)
        gap = None
        if last is not None and not self._has_anchor(entries):
            if self._is_trusted and len(entries) < _PAGE_COUNT:
                entries = self._ask(0)
            if not self._has_anchor(entries):
                gap = self._explain_gap(entries, clock)
        new = self._select_new(entries, has_gap=gap is not None)
        self.is_begun = self._is_trusted = True
        self._last = max(entries, key=lambda entry: entry.entry_id, default=None if gap else last)
        return new, gap

    def _ask(self, after_entry_id: int) -> list[ServerLogEntry]:
        return self._server.logs.live(after_entry_id=after_entry_id, level=self._level, count=_PAGE_COUNT)

    def _has_anchor(self, entries: Sequence[ServerLogEntry]) -> bool:
        last = self._last
        return last is not None and any(
            (entry.entry_id, entry.logged_at, entry.message) == (last.entry_id, last.logged_at, last.message)
            for entry in entries
        )

    def _explain_gap(self, entries: Sequence[ServerLogEntry], clock: Callable[[], float]) -> Break:
        last_id = self._last.entry_id if self._last is not None else 0
        is_restarted = 0 < max((entry.entry_id for entry in entries), default=0) < last_id
        reason = "the server was restarted" if is_restarted else "the server has passed over lines"
        return Break(_moment(clock()), reason, None, is_restarted, has_gap=True)

    def _select_new(self, entries: Sequence[ServerLogEntry], *, has_gap: bool) -> list[ServerLogEntry]:
        last = self._last
        if last is None:
            return list(entries)
        if not has_gap:
            return [entry for entry in entries if entry.entry_id > last.entry_id]
        return [e for e in entries if e.logged_at is None or last.logged_at is None or e.logged_at > last.logged_at]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)


def _matters(line: LogLine, level: str) -> bool:
    """Say whether a line is at least as important; one of a level that is unknown here may be."""
    own = _LEVELS_OF_RESULTS.get(line.level, line.level)
    return own not in LEVELS or LEVELS.index(own) >= LEVELS.index(level)


def is_since(line: LogLine, since: datetime | None) -> bool:
    """Say whether a line is not older than that; one without a time may be."""
    return since is None or line.logged_at is None or line.logged_at >= since


def _from_entry(entry: ServerLogEntry) -> LogLine:
    source = f"backup {entry.backup_id}" if entry.backup_id else "server"
    return _make_line(entry, entry.level, entry.message, source)


def _from_row(row: LogRow) -> LogLine:
    if row.kind != "Result":
        return _make_line(row, row.kind, row.message, "")
    try:
        result = json.loads(row.message)
    except (ValueError, RecursionError):
        result = None
    if not isinstance(result, dict):
        return _make_line(row, row.kind, row.message, "")
    operation = str(result.get("MainOperation") or "?")
    return _make_line(row, str(result.get("ParsedResult") or "Unknown"), _summarise(result), operation)


def _make_line(entry: ServerLogEntry | LogRow, level: str, message: str, source: str) -> LogLine:
    exception = hide_text(entry.exception) if entry.exception is not None else None
    return LogLine(entry.logged_at, level, hide_text(message), exception, source, entry.raw)


def _summarise(result: dict[str, object]) -> str:
    counts = [
        (word, result.get(f"{key}ActualLength")) for word, key in (("errors", "Errors"), ("warnings", "Warnings"))
    ]
    parts = [f"{count} {word}" for word, count in counts if isinstance(count, int) and count]
    files = result.get("ExaminedFiles")
    parts += [f"{files} files examined"] if isinstance(files, int) and files else []
    parts += [f"took {result['Duration']}"] if isinstance(result.get("Duration"), str) else []
    return ", ".join(parts) or "done"
