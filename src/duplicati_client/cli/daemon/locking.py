"""The lock of a state folder for those words of `daemon journal` that write into it."""

from __future__ import annotations

import os

from ...daemon.guard import Held, Lock
from ...daemon.storage import PathFolder


def take_lock(folder: PathFolder, word: str) -> Lock:
    """Keep every daemon out until the lock is closed; raises `Held` if one is in."""
    try:
        return Lock(folder, f"process {os.getpid()}, duplicati daemon journal {word}")
    except Held as exc:
        exc.hint = "stop that one first; duplicati daemon journal show and check work beside it"
        raise
