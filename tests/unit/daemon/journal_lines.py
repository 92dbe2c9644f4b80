"""Lines of a daemon's two files as its own journal and history write them, and what a hand makes of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from duplicati_client.daemon import history, journal
from duplicati_client.daemon.entries import Entry, Step
from duplicati_client.daemon.history import History
from duplicati_client.daemon.journal import Journal
from duplicati_client.daemon.recovery import decode_baseline, encode_baseline
from tests.model_folder import ModelDisk

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BEFORE = decode_baseline({"Counters": [45, 0, 0], "Rows": [[1, "Backup", None]], "Notices": []})
RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}

Told = tuple[str, Step, Mapping[str, Any]]


def received(key: str = "i:7", **members: Any) -> Told:
    task_id = int(key[2:]) if key.startswith("i:") else key[2:]
    fields = {"Content": {"ID": task_id, **RUN, **members}, "Digest": "c" * 64, "Server": "main"}
    return key, Step.RECEIVED, fields


def decided(key: str = "i:7") -> Told:
    return key, Step.DECIDED, {"Verdict": "accept", "Rule": "preset:run", "Policy": "d" * 64}


def begun(key: str = "i:7", attempt: int = 1) -> Told:
    baseline = encode_baseline(BEFORE, None)
    return key, Step.INTENT, {"Attempt": attempt, "Starts": 1, "BackupID": "3", "Baseline": baseline}


def submitted(key: str = "i:7") -> Told:
    return key, Step.SUBMITTED, {"ServerTask": 12, "EventID": 46}


def ended(key: str = "i:7", status: str = "completed", **data: Any) -> Told:
    return key, Step.OUTCOME, {"Status": status, "Data": data or {"Outcome": "success"}}


def confirmed(key: str = "i:7") -> Told:
    return key, Step.CONFIRMED, {"Recorded": "recorded"}


def write(*told: Told) -> list[bytes]:
    """Return the lines of a task list that tells this."""
    folder = ModelDisk().mount()
    kept = Journal(folder, lambda: NOW)
    for key, step, fields in told:
        kept.record(key, step, fields)
    kept.close()
    return (folder.read(journal.NAME) or b"").splitlines(keepends=True)


def write_past(*keys: str, status: str = "completed", at: datetime = NOW, **data: Any) -> list[bytes]:
    """Return the lines of a history that knows tasks that have ended so."""
    folder = ModelDisk().mount()
    kept = History(folder, lambda: at)
    for key in keys:
        entry = Entry(key, Step.RECEIVED, {})
        for _, step, fields in (received(key), ended(key, status, **data), confirmed(key)):
            entry = entry.after(step, fields)
        kept.remember([entry])
    return (folder.read(history.NAME) or b"").splitlines(keepends=True)


def edit(sound: bytes) -> bytes:
    """Change a line as somebody does in an editor: its checksum stays what it was."""
    changed = sound.replace(b'"At":"2026', b'"At":"2027')
    assert changed != sound
    return changed


def sign(body: bytes) -> bytes:
    """Make a line of anything, with a checksum that is right."""
    return b'- %s,"Sum":"%08x"}\n' % (body, zlib.crc32(body))
