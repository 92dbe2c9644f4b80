"""Gather for each recorded operation the evidence that a client could have had when it ended; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from duplicati_client.outcome import Evidence, MetadataSign, NoticeSign, RowSign, TaskSign
from duplicati_client.sdk import evidence as signs
from recordings import RELEASES, Entry, read_release, websocket_messages

OPERATIONS = {
    "run": "Backup",
    "start": "Backup",
    "restore": "Restore",
    "verify": "Test",
    "repair": "Repair",
    "repairupdate": "Repair",
    "compact": "Compact",
    "vacuum": "Vacuum",
    "createreport": "CreateReport",
    "report-remote-size": "ListRemote",
}
_START = re.compile(r"/api/v1/backup/([^/?]+)/([a-z-]+)(?:\?.*)?")
_STOP = re.compile(r"/api/v1/task/(\d+)/(stop|stopaftercurrentfile|stopnow|abort)")
_ENDED = ("Completed", "Failed")


class Recorded(NamedTuple):
    """One accepted request for an operation, and all that was to be seen of it."""

    start: Entry
    operation: str
    backup_id: str
    task_id: int | None
    evidence: Evidence

    @property
    def where(self) -> str:
        return self.start.where


@cache
def recorded_operations() -> tuple[Recorded, ...]:
    """Return every operation that a server of any release accepted, in order."""
    return tuple(operation for release in RELEASES for operation in _of_release(read_release(release)))


def _of_release(entries: tuple[Entry, ...]) -> Iterator[Recorded]:
    restarts = _restarts(entries)
    starts = {index: found for index, entry in enumerate(entries) if (found := _started(entry))}
    for index, (backup_id, operation) in starts.items():
        task_id = _task_id(entries, index, backup_id)
        later = (other for other in starts if other > index and starts[other][0] == backup_id)
        window = _Window(entries, index, backup_id, task_id, restarts)
        next_start = next((other for other in later if other > window.ended), len(entries))
        yield Recorded(
            entries[index], operation, backup_id, task_id, _evidence(window, operation, next_start, set(starts))
        )


class _Window:
    """The stretch of a recording in which one task began and ended."""

    def __init__(
        self, entries: tuple[Entry, ...], start: int, backup_id: str, task_id: int | None, restarts: list[int]
    ) -> None:
        self.entries, self.start, self.backup_id, self.task_id = entries, start, backup_id, task_id
        file_end = next((i for i in range(start, len(entries)) if entries[i].file != entries[start].file), len(entries))
        self.restart = next((i for i in restarts if start < i < file_end), file_end)
        self.task, ended = self._follow()
        self.is_lost = ended is None and self.restart < file_end
        self.is_end_seen = ended is not None or self.is_lost
        self.ended = self.restart if ended is None else ended

    def _follow(self) -> tuple[TaskSign | None, int | None]:
        """Return the last sign of the task and where it was seen to have ended, if it was.

        There is no sign where only the server's state tells that it is over.
        """
        last: TaskSign | None = None
        gone: int | None = None
        for index in range(self.start + 1, self.restart):
            sign = self._task_sign(self.entries[index])
            if sign:
                last, gone = sign, None
            if sign and sign.status in _ENDED:
                return sign, index
            if (is_active := self._is_active(self.entries[index])) is not None:
                gone = None if is_active else gone or index
        return (last, None) if gone is None else (None, gone)

    def _is_active(self, entry: Entry) -> bool | None:
        """Say whether the server's state names the task; None where this line does not tell."""
        states = [entry.answer] if entry.path.startswith("/api/v1/serverstate") else list(websocket_messages(entry))
        states = [state for state in states if isinstance(state, dict) and "SchedulerQueueIds" in state]
        if not states or self.task_id is None:
            return None
        tasks = [states[-1]["ActiveTask"], *states[-1]["SchedulerQueueIds"]]
        return any(task and task["Item1"] == self.task_id for task in tasks)

    def _task_sign(self, entry: Entry) -> TaskSign | None:
        if self.task_id is None:
            return None
        if entry.path == f"/api/v1/task/{self.task_id}" and entry.status == 200:
            return signs.task_sign(entry.answer)
        for message in websocket_messages(entry):
            if message.get("Type") == "taskcompleted" and message["Data"]["ID"] == self.task_id:
                return signs.task_sign(message["Data"])
        return None

    def last_phase(self) -> str | None:
        """Return the last phase seen of this task, looking on after its end until the server is restarted."""
        phases = [
            state["Phase"]
            for entry in self.entries[self.start : self.restart]
            for state in _progress_states(entry)
            if state.get("TaskID") == self.task_id
        ]
        return phases[-1] if phases else None

    def asked(self) -> str | None:
        """Return what was asked for while the task ran; one that waits is not touched by it."""
        found, is_waiting = None, False
        for entry in self.entries[self.start : self.ended + 1]:
            sign = self._task_sign(entry)
            is_waiting = sign.status == "Waiting" if sign else is_waiting
            request = _STOP.fullmatch(entry.path) if entry.method == "POST" and entry.status == 200 else None
            if request and int(request[1]) == self.task_id and not is_waiting:
                found = "abort" if request[2] == "abort" else "stop"
        return found


def _evidence(window: _Window, operation: str, next_start: int, starts: set[int]) -> Evidence:
    entries, backup_id = window.entries, window.backup_id
    known = Evidence(
        operation=operation,
        release=tuple(int(part) for part in entries[window.start].release.split(".")),
        task=window.task,
        is_task_lost=window.is_lost,
        before=_metadata_before(entries, window.start, backup_id, operation, starts),
        last_phase=window.last_phase(),
        asked=window.asked(),
        is_dry_run=_is_dry_run(entries[: window.start], backup_id),
    )
    if not window.is_end_seen:
        return known
    return known._replace(
        rows=_new_rows(window, operation, next_start),
        after=next(_metadata(entries[window.ended : next_start], backup_id, operation), None),
        notices=_new_notices(window, next_start),
    )


def _started(entry: Entry) -> tuple[str, str] | None:
    found = _START.fullmatch(entry.path) if entry.method == "POST" and entry.status == 200 else None
    return (found[1], OPERATIONS[found[2]]) if found and found[2] in OPERATIONS else None


def _restarts(entries: tuple[Entry, ...]) -> list[int]:
    """Find where the server's event counter began again."""
    found, last = [], -1
    for index, entry in enumerate(entries):
        if entry.path.startswith("/api/v1/serverstate") and isinstance(entry.answer, dict):
            now = entry.answer.get("LastEventID")
            if isinstance(now, int):
                if now < last:
                    found.append(index)
                last = now
    return found


def _task_id(entries: tuple[Entry, ...], start: int, backup_id: str) -> int | None:
    """Take the number from the answer, or on a legacy server from the states seen next."""
    answer = entries[start].answer
    if "ID" in answer or "TaskID" in answer:
        return int(answer.get("ID", answer.get("TaskID")))
    for entry in entries[start + 1 : start + 12]:
        state = entry.answer
        if entry.path.startswith("/api/v1/serverstate") and isinstance(state, dict) and "ActiveTask" in state:
            for task in [*state["SchedulerQueueIds"], state["ActiveTask"]]:
                if task and task["Item2"] == backup_id:
                    return int(task["Item1"])
    return None


def _progress_states(entry: Entry) -> Iterator[dict[str, Any]]:
    if entry.path == "/api/v1/progressstate" and isinstance(entry.answer, dict) and "Phase" in entry.answer:
        yield entry.answer
    for message in websocket_messages(entry):
        if message.get("Type") == "progress":
            yield message["Data"]


def _is_log(entry: Entry, backup_id: str) -> bool:
    is_path = entry.path.partition("?")[0] == f"/api/v1/backup/{backup_id}/log"
    return is_path and entry.status == 200 and isinstance(entry.answer, list) and "offset" not in entry.path


def _new_rows(window: _Window, operation: str, next_start: int) -> tuple[RowSign, ...] | None:
    """Rows never change, so a later reading tells what was there: all that ended before the next operation began."""
    entries, backup_id = window.entries, window.backup_id
    index = next((i for i in range(window.ended, len(entries)) if _is_log(entries[i], backup_id)), None)
    if index is None or _is_database_replaced(entries[window.ended : index], backup_id):
        return None
    asked_at = _moment_before(entries, window.start)
    until = _moment_after(entries, next_start) if index > next_start else float("inf")
    seen, highest = _rows_before(entries[: window.start], backup_id)
    rows = tuple(
        row
        for row in signs.new_rows(seen, signs.row_signs(entries[index].answer))
        if row.ended_at is None or asked_at < row.ended_at.timestamp() <= until
    )
    is_own_there = any(row.main_operation == operation for row in rows)
    return rows if is_own_there or _reaches_back(entries[index], highest) else None


def _rows_before(entries: tuple[Entry, ...], backup_id: str) -> tuple[list[RowSign], int]:
    """Return what the log held, and the highest id in it, which some recordings list without the row."""
    rows: list[RowSign] = []
    highest = 0
    for entry in entries:
        if _is_database_replaced([entry], backup_id):
            rows, highest = [], 0
        if _is_log(entry, backup_id):
            rows += signs.row_signs(entry.answer)
            highest = max([highest, *_listed_ids(entry)])
    return rows, highest


def _listed_ids(reading: Entry) -> set[int]:
    return {row[0] for row in reading.raw.get("rows", ())} or {row["ID"] for row in reading.answer}


def _reaches_back(reading: Entry, highest: int) -> bool:
    """Say whether a reading of the log shows all rows above the known ones; some show one page, or only the newest."""
    above = {row_id for row_id in _listed_ids(reading) if row_id > highest}
    is_complete = not above or min(above) == highest + 1 or "pagesize" not in reading.path
    return is_complete and above <= {row["ID"] for row in reading.answer}


def _is_database_replaced(entries: Iterable[Entry], backup_id: str) -> bool:
    """Say whether the backup lost its log here: the local database was removed or moved away, or cannot be read."""
    path = f"/api/v1/backup/{backup_id}/"
    return any(
        (entry.path in (f"{path}deletedb", f"{path}movedb") and entry.status == 200)
        or (entry.path.startswith(f"{path}log") and entry.status == 500)
        for entry in entries
    )


def _moment_before(entries: tuple[Entry, ...], index: int) -> float:
    """Return a moment surely not after this request: its whole second, or a later poll's before it."""
    at = entries[index].at or 0.0
    return max([entry.at for entry in entries[max(0, index - 5) : index] if entry.at] + [at])


def _moment_after(entries: tuple[Entry, ...], index: int) -> float:
    """Return a moment surely not before this request: the `Date` header lags by up to a second."""
    polled = [entry.at for entry in entries[index + 1 : index + 6] if entry.at and not entry.is_exchange]
    return polled[0] if polled else (entries[index].at or 0.0) + 2


def _metadata(entries: Iterable[Entry], backup_id: str, operation: str) -> Iterator[MetadataSign]:
    for entry in entries:
        for backup in _backups(entry):
            if str(backup.get("ID")) == backup_id and (sign := signs.metadata_sign(backup.get("Metadata"), operation)):
                yield sign


def _backups(entry: Entry) -> Iterator[dict[str, Any]]:
    """Give the backups of a list, of a single answer, and of legacy answers wrapped in `data`."""
    if entry.status != 200 or not re.fullmatch(r"/api/v1/backup(s|/[^/?]+)", entry.path):
        return
    for item in entry.answer if isinstance(entry.answer, list) else [entry.answer]:
        found = item.get("data", item) if isinstance(item, dict) else None
        if isinstance(found, dict) and isinstance(found.get("Backup"), dict):
            yield found["Backup"]


def _metadata_before(
    entries: tuple[Entry, ...], start: int, backup_id: str, operation: str, starts: set[int]
) -> MetadataSign | None:
    """Return the last reading before the start, unless another operation of this backup came between."""
    for index in range(start - 1, -1, -1):
        entry = entries[index]
        if index in starts and _started(entry)[0] == backup_id:  # type: ignore[index]
            return None
        if found := next(_metadata([entry], backup_id, operation), None):
            return found
        if _has_created(entry, backup_id):
            return signs.metadata_sign({}, operation)
    return None


def _has_created(entry: Entry, backup_id: str) -> bool:
    is_creation = entry.method == "POST" and entry.path == "/api/v1/backups" and entry.status == 200
    return is_creation and isinstance(entry.answer, dict) and entry.answer.get("ID") == backup_id


def _new_notices(window: _Window, next_start: int) -> tuple[NoticeSign, ...]:
    """Compare with the last reading before; after another operation since then, a notice of that second is its."""
    entries = window.entries
    after = next(_notices(entries[window.ended : next_start], window.backup_id), ())
    before, is_stale = _notices_before(window)
    started_at = window.task.started_at if window.task else None
    earliest = int(started_at.timestamp() if started_at else _moment_before(entries, window.start)) + is_stale
    return tuple(
        notice for notice in signs.new_notices(before, after) if notice.at is None or notice.at.timestamp() >= earliest
    )


def _notices_before(window: _Window) -> tuple[tuple[NoticeSign, ...], bool]:
    is_stale = False
    for entry in reversed(window.entries[: window.start]):
        found = next(_notices([entry], window.backup_id), None)
        if found is not None:
            return found, is_stale
        started = _started(entry)
        is_stale = is_stale or (started is not None and started[0] == window.backup_id)
    return (), is_stale


def _notices(entries: Iterable[Entry], backup_id: str) -> Iterator[tuple[NoticeSign, ...]]:
    for entry in entries:
        if entry.path == "/api/v1/notifications" and entry.status == 200 and isinstance(entry.answer, list):
            if "notifications of this backup" in entry.note and not _is_about(entry.answer, backup_id):
                continue
            yield signs.notice_signs(entry.answer, backup_id)


def _is_about(answer: list[Any], backup_id: str) -> bool:
    return not answer or any(item.get("BackupID") == backup_id for item in answer)


def _is_dry_run(entries: Iterable[Entry], backup_id: str) -> bool | None:
    found = None
    for entry in entries:
        is_own = entry.path == f"/api/v1/backup/{backup_id}" or _has_created(entry, backup_id)
        for content in (entry.body, entry.answer) if is_own else ():
            settings = ((content or {}).get("Backup") or {}).get("Settings") if isinstance(content, dict) else None
            if isinstance(settings, list):
                found = any(item["Name"].lstrip("-") == "dry-run" and item["Value"] == "true" for item in settings)
    return found
