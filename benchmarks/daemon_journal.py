"""Journals of tasks that are not over, written by the daemon's own journal, as an earlier process leaves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duplicati_client.daemon.entries import Step
from duplicati_client.daemon.journal import Journal
from duplicati_client.daemon.storage import DiskFolder, Log
from duplicati_client.protocol import codec

_FAR = "2099-01-01T00:00:00Z"
_POLICY = "0" * 64


class HastyFolder(DiskFolder):
    """A state folder that does not wait for the disk when lines are appended; what its files hold is the same."""

    def open_log(self, name: str) -> Any:
        return _HastyLog(super().open_log(name))


class _HastyLog:
    def __init__(self, log: Log) -> None:
        self.append, self.close = log.append, log.close

    def sync(self) -> None:
        """Do not wait."""


def fill_journal(state_folder: Path, count: int, *, kind: str, alias: str = "main") -> int:
    """Write a journal with so many open tasks; return its size in bytes.

    Of `kind` "waiting" they are runs that were accepted and whose time is to come, "reading" reads that were accepted,
    "mixed" a third each of those two and of runs that have ended and of which the task server does not know yet.
    """
    state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = Journal(HastyFolder(str(state_folder)))
    for number in range(count):
        each = kind if kind != "mixed" else ("waiting", "reading", "ended")[number % 3]
        _add(journal, number + 1, each, alias)
    journal.close()
    return (state_folder / "task-list.yml").stat().st_size


def _add(journal: Journal, number: int, kind: str, alias: str) -> None:
    task: dict[str, Any] = {"ID": number, "Operation": "run", "Resources": [{"Type": "backup", "ID": 1 + number % 5}]}
    if kind == "waiting":
        task["NotBefore"] = _FAR
    elif kind == "reading":
        task |= {"Operation": "logs", "Resources": []}
    key = f"i:{number}"
    content = {name: value for name, value in task.items() if name != "ID"}
    journal.record(key, Step.RECEIVED, {"Content": task, "Digest": codec.digest(content), "Server": alias})
    journal.record(key, Step.DECIDED, {"Verdict": "accept", "Rule": "preset:full", "Policy": _POLICY})
    if kind == "ended":
        journal.record(key, Step.INTENT, {"Attempt": 1})
        data = {"Outcome": "success", "BackupID": "1", "Seconds": 1.5}
        journal.record(key, Step.OUTCOME, {"Status": "completed", "Data": data})
