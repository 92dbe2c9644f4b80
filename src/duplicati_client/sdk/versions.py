"""The restorable points in time of a backup."""

from __future__ import annotations

from ..http import LIST_ANSWER_BYTES
from . import answers
from .channel import Channel
from .models import Version


class Versions:
    """Versions by backup. Asking writes a row into the log of the backup and takes a task number (2.1 and later)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def list(self, backup_id: str) -> list[Version]:
        """Read the versions, newest first; raises `DatabaseLocked` while a task of the backup runs (2.3.1).

        In 2.2 and 2.3.0 a running backup shows its unfinished version with `is_full` False.
        """
        path = f"api/v1/backup/{answers.backup_id(backup_id)}/filesets"
        raw = self._channel.get(
            path, "the versions", query={"include-metadata": True}, max_bytes=LIST_ANSWER_BYTES, deadline_seconds=300.0
        )
        return [Version.read(item) for item in answers.sequence(raw, "the versions")]
