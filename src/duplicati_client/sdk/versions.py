"""The restorable points in time of a backup."""

from __future__ import annotations

from .. import errors
from ..http import LIST_ANSWER_BYTES
from . import answers, features
from .channel import Channel
from .models import Version
from .state import States


class Versions:
    """Versions by backup. Asking writes a row into the log of the backup and takes a task number (2.1 and later)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def list(self, backup_id: str) -> list[Version]:
        """Read the versions, newest first; raises `DatabaseLocked` while a task of the backup runs (2.3.1, 2.1, 2.0).

        2.1 and 2.0 are not even asked then: the one would leave a false error on the backup (2.1.0.5
        control-late-stop:41, 86), the other answer at the end of the run (2.0.8.1 slow-run-and-queue:351). In 2.2 and
        2.3.0 a running backup shows its unfinished version with `is_full` False.
        """
        if not features.has(self._channel, features.LISTING_IN_RUN):
            active = States(self._channel).get().active
            if active is not None and active.backup_id == backup_id:
                raise errors.DatabaseLocked("the local database of this backup is in use")
        path = f"api/v1/backup/{answers.backup_id(backup_id)}/filesets"
        raw = self._channel.get(
            path, "the versions", query={"include-metadata": True}, max_bytes=LIST_ANSWER_BYTES, deadline_seconds=300.0
        )
        return [Version.read(item) for item in answers.sequence(raw, "the versions")]
