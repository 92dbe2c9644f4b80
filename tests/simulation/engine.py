"""What a Duplicati server does: a queue, work that takes its time, and the traces that it leaves; no HTTP here.

Queue, numbers of tasks and counter of events are the memory of a process and begin again with the next one. Backups,
their logs and metadata, notifications and settings are on its disk. `deeds` is the simulation's own record of all that
was ever asked for and what came of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from .clock import START_AT, Clock

FINISHED = ("success", "warning", "error", "fatal", "interrupted")
_REMEMBERED_COUNT = 99
_PHASES = ("Backup_Begin", "Backup_ProcessingFiles", "Backup_WaitForUpload", "Backup_PostBackupVerify")
_RESULTS = {"success": "Success", "warning": "Warning", "error": "Error", "fatal": "Fatal", "interrupted": "Warning"}
_KEPT_TIMES = ("Backup", "Compact", "Vacuum")


class Deed:
    """Work that was asked for; `causes` are the tasks that asked for it, None for the server's own schedule."""

    def __init__(self, number: int, operation: str, backup_id: str, cause: str | None) -> None:
        self.number, self.operation, self.backup_id = number, operation, backup_id
        self.causes: list[str | None] = [cause]
        self.began_at: float | None = None
        self.ended_at: float | None = None
        self.started: datetime | None = None
        self.finished: datetime | None = None
        self.status = "Waiting"
        self.outcome = "waiting"
        self.plan = "success"
        self.phase = "Starting_Operation"
        self.is_stopped = self.is_traceless = False

    @property
    def has_effect(self) -> bool:
        """Say whether it began and was not lost with its server."""
        return self.outcome in FINISHED

    @property
    def is_open(self) -> bool:
        return self.outcome in ("waiting", "running")


class Backup:
    """A saved definition, its log and what the server remembers of it."""

    def __init__(self, backup_id: str, name: str) -> None:
        self.backup_id, self.name = backup_id, name
        self.rows: list[dict[str, Any]] = []
        self.metadata: dict[str, str] = {}


class Habits(NamedTuple):
    """How work goes: shares of its outcomes, and seconds it takes."""

    outcomes: tuple[tuple[str, float], ...] = (("success", 0.75), ("warning", 0.1), ("error", 0.05), ("fatal", 0.1))
    long_share: float = 0.1


class Engine:
    """One server. `clock` gives the time that all share; its own may be set."""

    def __init__(self, clock: Clock, chance: Random, habits: Habits, tell: Callable[[str], None]) -> None:
        self.is_legacy = False
        self.is_up = True
        self.life = 1
        self.wall_offset = timedelta()
        self.deeds: list[Deed] = []
        self.backups = {str(n): Backup(str(n), name) for n, name in enumerate(("Documents", "Photos", "Mail"), 1)}
        self.settings: dict[str, str] = {"max-upload-speed": "", "max-download-speed": ""}
        self.notices: list[dict[str, Any]] = []
        self._clock, self._chance, self._habits, self._tell = clock, chance, habits, tell
        self._forget()

    def _forget(self) -> None:
        self.event_id = self.data_id = self.notice_id = 0
        self._last_number = 1
        self.active: Deed | None = None
        self.shown: Deed | None = None
        self.waiting: list[Deed] = []
        self._past: dict[int, Deed] = {}
        self.is_paused = False

    def now(self) -> datetime:
        return START_AT + timedelta(seconds=self._clock.seconds) + self.wall_offset

    # --- asked for ------------------------------------------------------------------------------------

    def ask(self, operation: str, backup_id: str, cause: str | None) -> Deed:
        """Queue work; a run of a backup that is busy adds none and stands for what keeps it busy."""
        busy = next((deed for deed in self.live() if deed.backup_id == backup_id), None)
        if operation == "Backup" and busy is not None:
            busy.causes.append(cause)
            return busy
        self._last_number += 1
        deed = Deed(self._last_number, operation, backup_id, cause)
        self.deeds.append(deed)
        if operation == "Backup" and cause is not None and self.is_legacy:
            self.waiting.insert(0, deed)
        else:
            self.waiting.append(deed)
        self.event_id += 1
        self._tell(f"{operation} of {backup_id} is queued as {deed.number} for {cause}")
        self._soon(0.01, self._begin_next)
        return deed

    def stop(self, number: int) -> bool:
        """Ask the running task for its end; one that waits takes no notice."""
        deed = next((deed for deed in self.live() if deed.number == number), None)
        if deed is not None and deed is self.active:
            deed.is_stopped = True
        return deed is not None

    def pause(self, *, is_paused: bool) -> None:
        self.is_paused = is_paused
        self.event_id += 1
        if not is_paused:
            self._soon(0.0, self._begin_next)

    def live(self) -> list[Deed]:
        return [*([self.active] if self.active else []), *self.waiting]

    def find(self, number: int) -> Deed | None:
        return next((deed for deed in self.live() if deed.number == number), self._past.get(number))

    def is_locked(self, backup_id: str) -> bool:
        """Say whether the log cannot be read, because something of the backup runs."""
        return not self.is_legacy and self.active is not None and self.active.backup_id == backup_id

    # --- life -----------------------------------------------------------------------------------------

    def go_down(self) -> None:
        """Be killed: what waits and runs is lost without a trace."""
        self.is_up = False
        self.life += 1
        for deed in self.live():
            deed.outcome, deed.ended_at = "lost", self._clock.seconds
            self._tell(f"{deed.operation} {deed.number} of {deed.backup_id} is lost")
        self._forget()

    def come_up(self) -> None:
        self.is_up = True

    # --- work -----------------------------------------------------------------------------------------

    def _soon(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later, in this life or not at all."""
        life = self.life
        self._clock.after(seconds, lambda: action() if self.life == life else None)

    def _begin_next(self) -> None:
        if self.active is not None or not self.waiting or self.is_paused:
            return
        deed = self.active = self.shown = self.waiting.pop(0)
        deed.status, deed.outcome = "Running", "running"
        deed.began_at, deed.started = self._clock.seconds, self.now()
        names, shares = zip(*self._habits.outcomes, strict=True)
        deed.plan = self._chance.choices(names, shares)[0]
        deed.is_traceless = deed.plan == "fatal" and self._chance.random() < 0.3
        is_long = self._chance.random() < self._habits.long_share
        mean_seconds = self._chance.choice((0.5, 8.0, 8.0))
        seconds = self._chance.uniform(60.0, 400.0) if is_long else 1.0 + self._chance.expovariate(1 / mean_seconds)
        self.event_id += 2
        self._tell(f"{deed.operation} {deed.number} of {deed.backup_id} begins")
        for index, phase in enumerate(_PHASES if deed.operation == "Backup" else ()):
            self._soon(seconds * (index + 0.5) / len(_PHASES), lambda phase=phase: self._enter(deed, phase))
        self._watch(deed, self._clock.seconds + seconds)

    def _enter(self, deed: Deed, phase: str) -> None:
        if deed is self.active:
            deed.phase = phase

    def _watch(self, deed: Deed, ends_at: float) -> None:
        """Look at each second whether it was stopped, until its end."""
        left = ends_at - self._clock.seconds
        if deed.is_stopped and left > 1.0:
            deed.plan = "interrupted"
            self._soon(0.5, lambda: self._end(deed))
        elif left > 1.0:
            self._soon(1.0, lambda: self._watch(deed, ends_at))
        else:
            self._soon(max(0.0, left), lambda: self._end(deed))

    def _end(self, deed: Deed) -> None:
        backup = self.backups[deed.backup_id]
        deed.ended_at, deed.finished, deed.outcome = self._clock.seconds, self.now(), deed.plan
        is_fatal = deed.outcome == "fatal"
        deed.status = "Failed" if is_fatal and not self.is_legacy else "Completed"
        deed.phase = "Error" if is_fatal else "Backup_Complete"
        is_minor = self.is_legacy and deed.operation in ("Compact", "Vacuum")
        if not deed.is_traceless and not is_minor:
            self._write_row(backup, deed)
        if not is_fatal and deed.operation in _KEPT_TIMES:
            backup.metadata[f"Last{deed.operation}Started"] = _compact(deed.started)
            backup.metadata[f"Last{deed.operation}Finished"] = _compact(deed.finished)
        self._notify(backup, deed)
        self.active = None
        self.data_id += 1
        self._past[deed.number] = deed
        while len(self._past) > _REMEMBERED_COUNT:
            del self._past[next(iter(self._past))]
        self.event_id += 2
        self._tell(f"{deed.operation} {deed.number} of {deed.backup_id} ends: {deed.outcome}")
        self._soon(0.02, self._begin_next)

    def _write_row(self, backup: Backup, deed: Deed) -> None:
        problem = f"2026-11-24 12:00:00 +00 - [{deed.outcome}]: {_words(deed)}"
        result = {
            "MainOperation": deed.operation,
            "ParsedResult": _RESULTS[deed.outcome],
            "Interrupted": False,
            "PartialBackup": deed.outcome == "interrupted",
            "Dryrun": False,
            "BeginTime": _iso(deed.started),
            "EndTime": _iso(deed.finished),
            "Warnings": [problem] if deed.outcome == "warning" else [],
            "Errors": [problem] if deed.outcome in ("error", "fatal") else [],
        }
        row_id = len(backup.rows) + 1
        at = int((deed.finished or START_AT).timestamp())
        text = json.dumps(result)
        backup.rows.append({"ID": row_id, "OperationID": row_id, "Timestamp": at, "Type": "Result", "Message": text})

    def _notify(self, backup: Backup, deed: Deed) -> None:
        own = [notice for notice in self.notices if notice["BackupID"] == backup.backup_id]
        if deed.outcome == "fatal":
            backup.metadata |= {"LastErrorDate": _compact(self.now()), "LastErrorMessage": _words(deed)}
            if own:
                self.notices.remove(own[0])
            self.add_notice("Error", _words(deed), backup.backup_id, thrown=f"System.Exception: {_words(deed)}")
        elif deed.outcome in ("warning", "error"):
            self.add_notice(deed.outcome.capitalize(), _words(deed), backup.backup_id)
        elif deed.outcome == "success" and deed.operation == "Backup" and not self.is_legacy:
            self.notices = [notice for notice in self.notices if notice not in own]

    def add_notice(self, kind: str, message: str, backup_id: str | None, *, thrown: str = "", number: int = 0) -> None:
        """Add one; its number is the one after the highest of those that are left."""
        highest = max((notice["ID"] for notice in self.notices if notice["ID"] < 1000), default=0)
        notice = {"ID": number or highest + 1, "Type": kind, "Title": kind, "Message": message, "Exception": thrown}
        at = _iso(self.now().replace(microsecond=0))
        self.notices.append({**notice, "BackupID": backup_id, "Timestamp": at, "Action": ""})
        self.event_id += 1
        self.notice_id += 1


def _words(deed: Deed) -> str:
    return f"{deed.operation} met a {deed.outcome}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _compact(moment: datetime | None) -> str:
    return (moment or START_AT).strftime("%Y%m%dT%H%M%SZ")
