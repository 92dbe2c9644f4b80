"""A backup's local database: result rows, remote operations, versions and known volumes, kept in one file."""

from __future__ import annotations

import json
import os
from typing import Any


class Version:
    """One version (fileset) of a backup; `is_open` while its run has not ended it."""

    def __init__(self, time: int, *, is_full: bool = True, is_open: bool = False) -> None:
        self.time = time
        self.is_full = is_full
        self.is_open = is_open
        self.volume = ""
        # path -> [kind (d, f or l), size, modified epoch seconds, chunk hashes or link target]
        self.entries: dict[str, list[Any]] = {}

    @property
    def file_count(self) -> int:
        """Return the number of files, folders not counted."""
        return sum(1 for entry in self.entries.values() if entry[0] != "d")

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(entry[1] for entry in self.entries.values() if entry[0] == "f")


class Database:
    """The local database of one backup; it exists only once something was written."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.operation_id = 0
        self.rows: list[dict[str, Any]] = []
        self.remote_rows: list[dict[str, Any]] = []
        self.versions: list[Version] = []
        self.volumes: dict[str, dict[str, Any]] = {}
        self.chunks: dict[str, str] = {}
        self.passphrase_mark: str | None = None
        self._last_row_id = 0
        self._last_remote_id = 0

    @property
    def exists(self) -> bool:
        """Say whether the file is there."""
        return os.path.exists(self.path)

    def begin_operation(self) -> None:
        """Start a further operation; its number goes into the rows it writes."""
        self.operation_id += 1

    def add_row(self, timestamp: int, message: str, *, kind: str = "Result", exception: str | None = None) -> None:
        """Write a result or log row; an absent exception is the empty object that an SQL NULL becomes."""
        self._last_row_id += 1
        row = {
            "ID": self._last_row_id,
            "OperationID": self.operation_id,
            "Timestamp": timestamp,
            "Type": kind,
            "Message": message,
            "Exception": {} if exception is None else exception,
        }
        self.rows.append(row)

    def add_remote_row(self, timestamp: int, operation: str, path: str, data: str | None) -> None:
        """Write down an operation on the destination."""
        self._last_remote_id += 1
        row = {
            "ID": self._last_remote_id,
            "OperationID": self.operation_id,
            "Timestamp": timestamp,
            "Operation": operation,
            "Path": path,
            "Data": {} if data is None else data,
        }
        self.remote_rows.append(row)

    def newest_first(self) -> list[Version]:
        """Return the versions in the order of their numbers, 0 first."""
        return sorted(self.versions, key=lambda version: -version.time)

    def free_time(self, time: int) -> int:
        """Return a version time not taken yet; two runs in one second get two times."""
        latest = max((version.time for version in self.versions), default=0)
        return max(time, latest + 1)

    def save(self) -> None:
        """Write the file."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        state = {name: value for name, value in vars(self).items() if name not in {"path", "versions"}}
        state["versions"] = [vars(version) for version in self.versions]
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(state, file)

    def load(self) -> None:
        """Read the file, if there is one."""
        if not self.exists:
            return
        with open(self.path, encoding="utf-8") as file:
            state = json.load(file)
        self.versions = []
        for item in state.pop("versions"):
            version = Version(item["time"])
            vars(version).update(item)
            self.versions.append(version)
        vars(self).update(state)


class Databases:
    """The databases of all backups by path; one whose file was deleted is forgotten."""

    def __init__(self) -> None:
        self._open: dict[str, Database] = {}

    def open(self, path: str) -> Database:
        """Return the database of a path, new and empty when there is no file."""
        known = self._open.get(path)
        if known is None or (not known.exists and known.rows):
            known = Database(path)
            known.load()
            self._open[path] = known
        return known

    def forget(self, path: str) -> None:
        """Drop what is known of a path, so that the file is read again."""
        self._open.pop(path, None)
