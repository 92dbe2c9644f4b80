"""The stored backups of a server: creating, replacing and removing them, their numbers and their schedules."""

from __future__ import annotations

import os
import random
import string
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..clock import YEAR_ONE, read_moment
from . import masking, schedules, validation
from .failures import BadBinding, Refused, Unexpected
from .model import Backup, Schedule, read_backup, read_schedule

if TYPE_CHECKING:
    from .engine import Engine
    from .queue import Task


class Configuration:
    """All backups of one server."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.backups: dict[str, Backup] = {}
        self.temporary: dict[str, Backup] = {}
        self.last_backup_id = 0

    def find(self, backup_id: str) -> Backup:
        """Return a backup by number, or a temporary one by its GUID; 404 when it is unknown."""
        found = self.backups.get(backup_id) or self.temporary.get(backup_id)
        if found is None:
            if not backup_id.strip():
                raise Unexpected
            raise Refused(404, "Backup not found")
        return found

    def create(self, body: Any, *, is_temporary: bool = False) -> Backup:
        """Store a new backup from the body of a request; raises BadBinding or Refused."""
        read, schedule = self._read(body)
        if is_temporary:
            backup = Backup(str(uuid.uuid4()), "")
            backup.is_temporary = True
            self._fill(backup, read)
            self.temporary[backup.backup_id] = backup
            return backup
        release = self._engine.release
        validation.check_backup(read, schedule, release)
        self._check_name(read["name"], None)
        validation.check_placeholder_url(read, release)
        self.last_backup_id += 1
        backup = Backup(str(self.last_backup_id), "")
        self._fill(backup, read)
        self._set_schedule(backup, schedule)
        self.backups[backup.backup_id] = backup
        self._engine.events.count("backuplist")
        return backup

    def replace(self, backup_id: str, body: Any) -> None:
        """Replace a backup's configuration as a whole, keeping what a client cannot change."""
        release = self._engine.release
        read, schedule = self._read(body)
        backup = self.find(backup_id)
        if release.masks_secrets:
            self._unmask(read, backup)
        validation.check_backup(read, schedule, release)
        self._check_name(read["name"], backup_id)
        backup.update(read)
        if read["metadata"] is not None:
            backup.metadata = read["metadata"]
        elif release.wipes_metadata_on_put:
            backup.metadata = {}
        self._set_schedule(backup, schedule)
        self._engine.events.count("backuplist")

    def remove(self, backup_id: str) -> None:
        """Forget a backup and its notifications."""
        self.backups.pop(backup_id, None)
        self.temporary.pop(backup_id, None)
        self._engine.events.count("backuplist")

    def _read(self, body: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
        members = {str(name).lower(): value for name, value in body.items()} if isinstance(body, dict) else {}
        if members.get("backup") is None:
            raise BadBinding
        return read_backup(members["backup"]), read_schedule(members.get("schedule"), self._engine.release)

    def _fill(self, backup: Backup, read: dict[str, Any]) -> None:
        backup.update(read)
        backup.metadata = dict(read["metadata"] or {})
        backup.db_path = self.new_db_path()

    def new_db_path(self) -> str:
        """Return a path for a local database that is not there yet."""
        name = "".join(random.choices(string.ascii_uppercase, k=10))  # noqa: S311 - a name, no secret
        return os.path.join(self._engine.data_folder, f"{name}.sqlite")

    def _check_name(self, name: str, own_id: str | None) -> None:
        for backup in self.backups.values():
            if backup.backup_id != own_id and backup.name.lower() == name.lower():
                raise Refused(409, f"There already exists a backup with the name: {name}")

    def _set_schedule(self, backup: Backup, schedule: dict[str, Any] | None) -> None:
        if schedule is None:
            backup.schedule = None
            return
        if backup.schedule is None:
            taken = [item.schedule.schedule_id for item in self.backups.values() if item.schedule is not None]
            backup.schedule = Schedule(max(taken, default=0) + 1, backup.backup_id)
        backup.schedule.update(schedule)

    def _unmask(self, read: dict[str, Any], backup: Backup) -> None:
        settings = masking.unmask_settings(read["settings"], backup.settings)
        url = masking.unmask_url(read["targeturl"] or "", backup.target_url)
        sources = masking.unmask_sources(read["sources"], backup.sources)
        targets = masking.unmask_targets(read["additionaltargeturls"], backup.additional_target_urls)
        if settings is None or url is None or sources is None or targets is None:
            text = "Unable to save backup or schedule: Attempted to save a backup with the password placeholder"
            raise Refused(500, text)
        read |= {"settings": settings, "targeturl": url, "sources": sources, "additionaltargeturls": targets}

    def proposed(self) -> list[tuple[str, str]]:
        """Return backup id and next run (ISO, UTC) of the scheduled backups, soonest first."""
        now = self._engine.clock.now()
        result = []
        for backup in self.backups.values():
            schedule = backup.schedule
            if schedule is None or schedule.time_at == YEAR_ONE:
                continue
            moment = schedules.next_after(schedule.time_at, schedule.repeat, schedule.rule, now)
            if moment is not None:
                result.append((backup.backup_id, moment.strftime("%Y-%m-%dT%H:%M:%SZ")))
        return sorted(result, key=lambda item: item[1])

    def hopeless(self) -> list[Schedule]:
        """Return the schedules without a time, from which the server finds no next date (`2.3.1.0 settings:23`)."""
        found = [backup.schedule for backup in self.backups.values() if backup.schedule is not None]
        return [schedule for schedule in found if schedule.time_at == YEAR_ONE]

    def due(self) -> list[tuple[Backup, datetime]]:
        """Return the backups whose scheduled time has come, with that time, and move their schedules on."""
        now = self._engine.clock.now()
        result = []
        for backup in self.backups.values():
            schedule = backup.schedule
            if schedule is None or not schedules.is_due(schedule.time_at, now):
                continue
            result.append((backup, schedule.time_at))
            schedule.last_run_at = now.replace(microsecond=0)
            schedule.time_at = schedules.next_after(schedule.time_at, schedule.repeat, schedule.rule, now) or YEAR_ONE
        return result

    def take_back(self, waiting: list[Task]) -> None:
        """Make runs due again that a restart takes out of the queue (2.0.8.1 restart-while-paused:834-838)."""
        for task in waiting:
            schedule = self.backups[task.backup_id].schedule if task.backup_id in self.backups else None
            if schedule is not None and "due_at" in task.options:
                schedule.time_at = task.options["due_at"]

    def sorted(self, order: str) -> list[Backup]:
        """Return the stored backups in the order a client asks for; unknown fields are ignored."""
        result = list(self.backups.values())
        for field in reversed([part.strip() for part in order.split(",") if part.strip()]):
            name = field.lstrip("+-").lower()
            key = _SORT_KEYS.get(name)
            if key is not None:
                result.sort(key=key, reverse=field.startswith("-"))
        return result

    def as_list(self) -> list[dict[str, Any]]:
        """Return everything in a form that JSON can keep."""
        return [_dump(backup) for backup in self.backups.values()]

    def restore(self, items: list[dict[str, Any]]) -> None:
        """Take back what `as_list` returned."""
        for item in items:
            backup = _undump(item)
            self.backups[backup.backup_id] = backup
            self.last_backup_id = max(self.last_backup_id, int(backup.backup_id))


def _number(backup: Backup, key: str) -> int:
    text = backup.metadata.get(key, "0")
    return int(text) if text.isdigit() else 0


_SORT_KEYS: dict[str, Any] = {
    "name": lambda backup: backup.name.lower(),
    "id": lambda backup: int(backup.backup_id),
    "lastrun": lambda backup: backup.metadata.get("LastBackupStarted", ""),
    "duration": lambda backup: backup.metadata.get("LastBackupDuration", ""),
    "backend": lambda backup: backup.target_url.partition(":")[0],
    "sourcesize": lambda backup: _number(backup, "SourceFilesSize"),
    "destinationsize": lambda backup: _number(backup, "TargetFilesSize"),
    "nextrun": lambda backup: str(backup.schedule.time_at) if backup.schedule else "~",
    "schedule": lambda backup: str(backup.schedule.time_at) if backup.schedule else "~",
}


def _dump(backup: Backup) -> dict[str, Any]:
    item = dict(vars(backup))
    schedule = item.pop("schedule")
    item["schedule"] = None
    if schedule is not None:
        item["schedule"] = vars(schedule) | {
            "time_at": schedule.time_at.isoformat(),
            "last_run_at": schedule.last_run_at.isoformat(),
        }
    return item


def _undump(item: dict[str, Any]) -> Backup:
    backup = Backup(item["backup_id"], item["name"])
    schedule = item.pop("schedule")
    vars(backup).update(item)
    if schedule is not None:
        backup.schedule = Schedule(schedule["schedule_id"], backup.backup_id)
        vars(backup.schedule).update(schedule)
        backup.schedule.time_at = read_moment(schedule["time_at"]) or YEAR_ONE
        backup.schedule.last_run_at = read_moment(schedule["last_run_at"]) or YEAR_ONE
    return backup
