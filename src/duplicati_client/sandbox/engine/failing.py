"""What a failed operation leaves on the server: a notification, a line in the server's log, the backup's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..clock import compact
from .destination import Destination
from .failures import OperationFailed
from .model import Backup

if TYPE_CHECKING:
    from .engine import Engine


def note_failure(engine: Engine, backup: Backup, kind: str, failure: OperationFailed) -> None:
    """Tell everywhere that an operation (a kind of task) on a backup failed."""
    backup.metadata["LastErrorDate"] = compact(engine.clock.now())
    backup.metadata["LastErrorMessage"] = failure.message
    engine.notices.renew(
        "Error",
        # A temporary backup has no name (2.0.8.1 maintenance:661).
        "Error" if engine.release.is_legacy and not backup.name else f"Error while running {backup.name}",
        failure.message,
        engine.clock.now(),
        Exception=failure.details(),
        BackupID=backup.backup_id,
        Action="backup:show-log",
        MessageID=failure.help_id,
    )
    engine.events.count("notifications")
    word = "BackupOrSync" if kind == "Backup" and engine.release.has_operation_type else kind
    text = f'Failed while executing {word} "{backup.name}" (id: {backup.backup_id})'
    engine.server_log.write(engine.clock.now(), text, failure.details(), backup.backup_id)


def destination_of(engine: Engine, backup: Backup) -> Destination:
    """Return a backup's destination as its settings describe it."""
    options = engine.settings.global_options() | backup.options()
    is_plain = options.get("no-encryption", "false").lower() not in {"false", "0", "no", "off", ""}
    passphrase = "" if is_plain else options.get("passphrase", "")
    return Destination(backup.target_url, prefix=options.get("prefix") or "duplicati", passphrase=passphrase)
