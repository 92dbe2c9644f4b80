"""The saved definitions on a server, and asking for a run of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .. import errors
from ..http import LIST_ANSWER_BYTES
from . import answers, features
from .channel import Channel, add_query
from .models import Backup

if TYPE_CHECKING:
    from collections.abc import Mapping


class Backups:
    """Definitions by id."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def list(self) -> list[Backup]:
        """Read all; settings, filters and sources are left out by the server here."""
        raw = self._channel.get("api/v1/backups", "the backups", max_bytes=LIST_ANSWER_BYTES, deadline_seconds=60.0)
        return [Backup.read(item) for item in answers.sequence(raw, "the backups")]

    def get(self, backup_id: str) -> Backup:
        """Read one whole definition; raises `BackupNotFound`. Secrets are masked from 2.3 on, clear before."""
        path = f"api/v1/backup/{answers.backup_id(backup_id)}"
        raw = self._channel.get(path, "the backup", max_bytes=LIST_ANSWER_BYTES)
        # The legacy generation wraps it: {"success": true, "data": …}.
        inner = answers.member(raw, "data")
        return Backup.read(raw if inner is None else inner)

    def create(self, definition: Mapping[str, Any]) -> str:
        """Save a new definition `{"Backup": …, "Schedule": …}` and return its id; raises `InvalidValue`.

        Not safe to repeat blindly: a second call is refused because the name is taken.
        """
        path, what = "api/v1/backups", "a new backup"
        if self._channel.is_legacy:
            raw = self._channel.post(path, what, form={"data": json.dumps(definition)})
        else:
            raw = self._channel.post(path, what, body=definition)
        return answers.backup_id(answers.text(raw, "ID", "Id"))

    def update(self, backup_id: str, definition: Mapping[str, Any]) -> None:
        """Replace a definition by `{"Backup": …, "Schedule": …}`; raises `BackupNotFound`, `InvalidValue`.

        Everything is replaced: what is left out is gone, also the schedule (2.3.1.0 backups:109, 110), and before 2.2
        the metadata (2.0.8.1 configuring-backups:142). Safe to repeat. A run that waits keeps the old definition.
        """
        # The legacy generation takes the bare JSON too (2.0.8.1 configuring-backups:140).
        self._channel.put(f"api/v1/backup/{answers.backup_id(backup_id)}", "the change of a backup", definition)

    def delete(self, backup_id: str, *, local_database: bool = False) -> int | None:
        """Ask for the removal of a definition, with its local database if wanted, not of its data; returns the task.

        The definition is gone when that task has run. While the backup runs, `Busy` (2.2 and later).
        """
        path = f"api/v1/backup/{answers.backup_id(backup_id)}"
        query = {"delete-local-db": True if local_database else None}
        raw = self._channel.delete(add_query(path, query), "the removal of a backup")
        return answers.number(raw, "ID")

    def run(self, backup_id: str, *, skip_queue: bool = False) -> int | None:
        """Ask for a run and return the number of the task that stands for it; None from the legacy generation.

        If anything of this backup runs or waits, the number is that of the task already there, even a restore's, and
        no run is added (2.3.1.0 run:151, extra:26). `skip_queue` before 2.2 raises `NotSupported`: manual runs go
        first there anyway.
        """
        if skip_queue:
            features.require(self._channel, features.SKIP_QUEUE)
        path = f"api/v1/backup/{answers.backup_id(backup_id)}/run"
        raw = self._channel.post(add_query(path, {"skipQueue": True if skip_queue else None}), "a run")
        if answers.text(raw, "Status") not in ("OK", ""):
            raise errors.ServerFailed("the server did not take the run")
        return answers.natural(raw, "ID")
