"""What of a server outlives its process: written to one file in its data folder and read back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ..clock import read_moment

if TYPE_CHECKING:
    from .engine import Engine

FILE = "server.json"


def save(engine: Engine) -> None:
    """Write an engine's lasting state; the file is replaced as a whole."""
    os.makedirs(engine.data_folder, exist_ok=True)
    state = {
        "backups": engine.configuration.as_list(),
        "last_backup_id": engine.configuration.last_backup_id,
        "settings": engine.settings.values,
        "ui_settings": engine.ui_settings,
        "notices": engine.notices.items,
        "server_log": engine.server_log.rows,
        "password": engine.password,
        "is_paused": engine.is_paused and engine.release.keeps_pause,
        "pause_ends_at": engine.pause_ends_at.isoformat() if engine.pause_ends_at else None,
    }
    path = os.path.join(engine.data_folder, FILE)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(f"{path}.new", path)


def load(engine: Engine) -> bool:
    """Read an engine's lasting state; False when there is none."""
    path = os.path.join(engine.data_folder, FILE)
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        state = json.load(file)
    engine.configuration.restore(state["backups"])
    engine.configuration.last_backup_id = state["last_backup_id"]
    engine.settings.values = state["settings"]
    engine.ui_settings = state["ui_settings"]
    engine.notices.items = state["notices"]
    engine.server_log.rows = state["server_log"]
    engine.password = state["password"]
    engine.is_paused = state["is_paused"]
    engine.pause_ends_at = read_moment(state["pause_ends_at"] or "")
    return True
