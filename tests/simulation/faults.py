"""Every kind of fault there is, by the name under which a world counts it."""

from __future__ import annotations

from .network import TROUBLES
from .scenario import KINDS

_DISK = (
    "EIO", "ENOSPC", "EROFS", "change of a name kept", "change of a name lost",
    "unsynced bytes kept", "unsynced bytes lost", "unsynced bytes cut", "unsynced bytes torn",
)  # fmt: skip

FAULTS = (
    *KINDS,
    *(f"tasks: {trouble}" for trouble in TROUBLES),
    *(f"duplicati: {trouble}" for trouble in TROUBLES if trouble != "twice"),
    *(f"disk: {kind}" for kind in _DISK),
    "a run that was missed",
    "a request without a way",
    "a request of a dead process",
    "a daemon that could not go on",
)
