"""Reading what is in a backup: versions, folders, files, searches; each question leaves a row and uses up a number."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..clock import with_offset, with_z
from . import failing, restores
from .database import Database, Version
from .failures import USER_INFORMATION, OperationFailed, Refused, Unexpected
from .model import Backup
from .results import Result
from .sources import matches
from .work import CONTROLLER

if TYPE_CHECKING:
    from .engine import Engine

DEFAULT_PAGE_SIZE = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def version_at(seconds: int) -> datetime:
    """Return the moment of a version."""
    return datetime.fromtimestamp(seconds, UTC)


class Page:
    """The page a V2 request asks for; pages count from 0."""

    def __init__(self, number: int | None, size: int | None) -> None:
        self.number = number or 0
        self.size = DEFAULT_PAGE_SIZE if size is None else size

    def cut(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """Return one page; its `Total` is that of the page on the first one and -1 later (2.3.1.0 run:183, 186)."""
        start = self.number * self.size
        shown = items[start : start + self.size]
        total = len(shown) if self.number == 0 else -1
        info = {"Page": self.number, "PageSize": self.size, "Total": total, "Pages": 1 if total > 0 else 0}
        return {"PageInfo": info, "Data": shown}


class Reader:
    """Answers questions about one backup. Every method may raise Refused, Unexpected or OperationFailed."""

    def __init__(self, engine: Engine, backup_id: str) -> None:
        self._engine = engine
        self._release = engine.release
        self.backup: Backup = engine.backup(backup_id)
        self._database: Database = engine.databases.open(self.backup.db_path)

    # V1

    def filesets(self, *, with_counts: bool, from_remote: bool) -> list[dict[str, Any]]:
        """Answer V1 `filesets`."""
        answered: list[dict[str, Any]] = self._ask(
            "List", lambda result: self._list_filesets(result, with_counts, from_remote)
        )
        return answered

    def _list_filesets(self, result: Result, with_counts: bool, from_remote: bool) -> list[dict[str, Any]]:
        versions = self._versions() if self._database.exists and not from_remote else self._remote_versions()
        items = [
            self._fileset(number, item, with_counts=with_counts and not from_remote)
            for number, item in enumerate(versions)
        ]
        result.members = {"EncryptedFiles": False, "Filesets": items, "Files": None, "MainOperation": "List"}
        return items

    def _fileset(self, number: int, version: Version, *, with_counts: bool) -> dict[str, Any]:
        return {
            "Version": number,
            "IsFullBackup": int(version.is_full),
            "Time": with_offset(version_at(version.time)),
            "FileCount": version.file_count if with_counts else -1,
            "FileSizes": version.size if with_counts else -1,
        }

    def _versions(self) -> list[Version]:
        return self._database.newest_first()

    def _remote_versions(self) -> list[Version]:
        if self._release.is_legacy:
            return []
        destination = failing.destination_of(self._engine, self.backup)
        names = {item.name for item in destination.volumes()}
        return [version for version in self._versions() if version.volume in names]

    def files(self, *, time: str | None, pattern: str | None, is_prefix_only: bool, is_folder: bool) -> dict[str, Any]:
        """Answer V1 `files`; `time` None means all versions."""
        moment = None if time is None else restores.read_time(time, self._engine.clock.now())

        def answer(result: Result) -> dict[str, Any]:
            versions = self._versions()
            if moment is not None and not is_prefix_only:
                picked = restores.pick(versions, moment)
                versions = [] if picked is None else [picked]
            numbered = [(self._versions().index(item), item) for item in versions]
            filesets = [self._fileset(number, item, with_counts=True) for number, item in numbered]
            found = self._find(versions, pattern, is_prefix_only=is_prefix_only, is_folder=is_folder)
            result.members = {"EncryptedFiles": False, "Filesets": filesets, "Files": found, "MainOperation": "List"}
            # The row keeps the order of paths, the answer puts folders first.
            ordered = sorted(found, key=lambda item: (not item["Path"].endswith("/"), item["Path"]))
            return {"Filesets": filesets, "Files": ordered}

        answered: dict[str, Any] = self._ask("List", answer)
        return answered

    def _find(
        self, versions: list[Version], pattern: str | None, *, is_prefix_only: bool, is_folder: bool
    ) -> list[dict[str, Any]]:
        if is_prefix_only:
            return [{"Path": root, "Sizes": []} for root in _roots(versions)]
        paths = sorted({path for version in versions for path in version.entries})
        if is_folder:
            folder = (pattern or "").removeprefix("@")
            paths = [path for path in paths if _is_child(path, folder)]
        elif pattern:
            paths = [path for path in paths if matches(pattern, path)]
        oldest_first = sorted(versions, key=lambda version: version.time)
        return [
            {
                "Path": path,
                "Sizes": [version.entries[path][1] for version in oldest_first if path in version.entries],
            }
            for path in paths
        ]

    # V2

    def list_filesets(self) -> list[dict[str, Any]]:
        """Answer V2 `list-filesets`."""

        def answer(result: Result) -> list[dict[str, Any]]:
            versions = self._versions() if self._database.exists else self._remote_versions()
            items = [
                {
                    "Version": number,
                    "Time": with_z(version_at(item.time)),
                    "IsFullBackup": item.is_full,
                    "FileCount": len(item.entries),
                    "FileSizes": item.size,
                }
                for number, item in enumerate(versions)
            ]
            kept = [
                {
                    "Version": item["Version"],
                    "ID": len(items) - number,
                    "IsFullBackup": item["IsFullBackup"],
                    "Time": item["Time"],
                    "FileCount": item["FileCount"],
                    "FileSizes": item["FileSizes"],
                }
                for number, item in enumerate(items)
            ]
            result.members = {"MainOperation": "ListFilesets", "Filesets": kept, "EncryptedFiles": None}
            return items

        answered: list[dict[str, Any]] = self._ask("ListFilesets", answer)
        return answered

    def list_folder(self, paths: list[str] | None, time: str | None, page: Page) -> dict[str, Any]:
        """Answer V2 `list-folder` with `PageInfo` and `Data`."""
        moment = restores.read_time(time, self._engine.clock.now())
        exact = moment if time and time.lower() != "now" else None

        def answer(result: Result) -> dict[str, Any]:
            result.members = {"MainOperation": "ListFolder", "Entries": None}
            version = self._one_version(result, exact, is_asked_for=bool(time))
            entries = version.entries if version else {}
            if paths:
                found = sorted(path for path in entries if any(_is_child(path, folder) for folder in paths))
                answered = page.cut([self._entry(path, entries[path]) for path in found])
            else:
                roots = [self._entry(path, entries[path]) for path in _roots([version] if version else [])]
                answered = _one_page(roots, 0)
            result.members["Entries"] = _kept(answered, has_numbers=self._release.has_connection_strings)
            return answered

        answered: dict[str, Any] = self._ask("ListFolder", answer)
        return answered

    def _one_version(self, result: Result, exact: datetime | None, *, is_asked_for: bool) -> Version | None:
        versions = self._versions()
        if len(versions) <= 1:
            return versions[0] if versions else None
        for version in versions:
            if exact is not None and version.time == int(exact.timestamp()):
                return version
        tag = "Duplicati.Library.Main.Database.Local.LocalDatabase-RestoreTimeNoMatch"
        if is_asked_for:
            text = "Restore time or version did not match any existing backups, selecting newest backup"
            result.lines.add("Warning", self._engine.clock.now(), tag, text)
        text = "Multiple filesets found, please specify a single version or time"
        raise OperationFailed(USER_INFORMATION, text, help_id="MultipleFilesetsFound")

    def list_versions(self, paths: list[str] | None, page: Page) -> dict[str, Any]:
        """Answer V2 `list-versions`, which finds nothing for a full path (2.3.1.0 run:188, 191)."""

        def answer(result: Result) -> dict[str, Any]:
            result.members = {"MainOperation": "ListFileVersions", "FileVersions": None}
            if not paths:
                raise OperationFailed(USER_INFORMATION, "No path specified", help_id="NoPathSpecified")
            answered = page.cut([])
            result.members["FileVersions"] = _kept(answered, has_numbers=self._release.has_connection_strings)
            return answered

        answered: dict[str, Any] = self._ask("ListFileVersions", answer)
        return answered

    def search(
        self, paths: list[str] | None, filters: list[str] | None, wanted: Callable[[int, Version], bool], page: Page
    ) -> dict[str, Any]:
        """Answer V2 `search`; `wanted` picks versions by number and version."""

        def answer(result: Result) -> dict[str, Any]:
            result.members = {"MainOperation": "SearchFiles", "FileVersions": None}
            numbered = [(number, item) for number, item in enumerate(self._versions()) if wanted(number, item)]
            found = []
            for path in sorted({path for _, item in numbered for path in item.entries}):
                below = not paths or any(path.startswith(folder) for folder in paths)
                if not below or (filters and not any(matches(expression, path) for expression in filters)):
                    continue
                found += [
                    {"Version": number, "Time": _wrong_time(item.time), **self._entry(path, item.entries[path])}
                    for number, item in reversed(numbered)
                    if path in item.entries
                ]
            answered = page.cut(found)
            result.members["FileVersions"] = _kept(answered, has_numbers=self._release.has_connection_strings)
            return answered

        answered: dict[str, Any] = self._ask("SearchFiles", answer)
        return answered

    def broken_files(self) -> list[dict[str, Any]]:
        """Answer V2 `list-broken-files`: what can no longer be restored, oldest version first."""

        def answer(result: Result) -> list[dict[str, Any]]:
            destination = failing.destination_of(self._engine, self.backup)
            present = {item.name for item in destination.files()}
            lost = {name for name in self._database.volumes if name not in present}
            items = []
            for number, version in enumerate(reversed(self._versions())):
                files = [
                    {"Path": path, "Size": entry[1]}
                    for path, entry in sorted(version.entries.items())
                    if lost and (entry[0] == "d" or any(self._database.chunks.get(chunk) in lost for chunk in entry[3]))
                ]
                if files:
                    moment = with_z(version_at(version.time))
                    items.append({"FilesetID": number, "FilesetTime": moment, "Files": files})
            result.members = {"MainOperation": "ListBrokenFiles", "BrokenFiles": items}
            return items

        answered: list[dict[str, Any]] = self._ask("ListBrokenFiles", answer)
        return answered

    def _entry(self, path: str, entry: list[Any]) -> dict[str, Any]:
        item = {
            "Path": path,
            "Size": entry[1],
            "IsDirectory": entry[0] == "d",
            "IsSymlink": entry[0] == "l",
            "LastModified": with_z(_EPOCH + timedelta(seconds=entry[2])),
        }
        if self._release.has_connection_strings:
            item["Metadata"] = None
        return item

    # All questions

    def _ask(self, operation: str, answer: Callable[[Result], Any]) -> Any:
        engine = self._engine
        engine.check_lock(self.backup.backup_id)
        engine.queue.next_id()
        if self._release.fails_listing_in_run and engine.is_running(self.backup.backup_id):
            failing.note_failure(engine, self.backup, "List", _database_is_locked())
            raise Unexpected
        result = Result(self._release, operation, engine.clock.now())
        tag = f"{CONTROLLER}-StartingOperation"
        result.lines.add("Information", engine.clock.now(), tag, f"The operation {operation} has started")
        try:
            answered = answer(result)
        except OperationFailed as failure:
            self._fail(result, failure)
            raise
        self._write(result)
        return answered

    def _fail(self, result: Result, failure: OperationFailed) -> None:
        result.is_fatal = True
        name = failure.kind.rpartition(".")[2]
        text = f"The operation {result.operation} has failed\n{name}: {failure.message}"
        result.lines.add("Error", self._engine.clock.now(), f"{CONTROLLER}-FailedOperation", text)
        self._write(result)
        failing.note_failure(self._engine, self.backup, "List", failure)

    def _write(self, result: Result) -> None:
        result.end_at = self._engine.clock.now()
        if self._release.listings_write_rows and self._database.exists:
            self._database.begin_operation()
            self._database.add_row(int(result.end_at.timestamp()), result.text())
            self._database.save()


def _one_page(items: list[dict[str, Any]], number: int) -> dict[str, Any]:
    count = len(items)
    return {"PageInfo": {"Page": number, "PageSize": count, "Total": count, "Pages": 1}, "Data": items}


_NO_RANGE = {name: {"Value": 0, "IsFromEnd": False} for name in ("Start", "End")}


def _kept(answered: dict[str, Any], *, has_numbers: bool) -> dict[str, Any]:
    """Return the page as the row keeps it: perhaps with a number for each file and, of a search, where it matched."""
    info = answered["PageInfo"]
    items = []
    for number, item in enumerate(answered["Data"], start=1):
        kept = {"FileId": number, **item} if has_numbers else dict(item)
        if "Version" in kept:
            metadata = {"Metadata": kept.pop("Metadata")} if "Metadata" in kept else {}
            kept |= {"MatchedPathRange": _NO_RANGE, **metadata}
        items.append(kept)
    return {
        "Page": info["Page"],
        "PageSize": info["PageSize"],
        "TotalPages": info["Pages"],
        "TotalCount": info["Total"],
        "Items": items,
    }


def _wrong_time(seconds: int) -> str:
    # The server reads epoch seconds as ticks of 100 ns (2.3.1.0 run:192).
    whole, ticks = divmod(seconds, 10_000_000)
    return f"0001-01-01T00:{whole // 60:02d}:{whole % 60:02d}.{ticks:07d}".rstrip("0") + "Z"


def _is_child(path: str, folder: str) -> bool:
    rest = path.removeprefix(folder)
    return rest != path and bool(rest) and "/" not in rest.rstrip("/")


def _roots(versions: list[Version]) -> list[str]:
    folders = {path for version in versions for path in version.entries if path.endswith("/")}
    return sorted(folder for folder in folders if os.path.dirname(folder.rstrip("/")) + "/" not in folders)


def _database_is_locked() -> OperationFailed:
    text = "database is locked\ndatabase is locked"
    kind = "code = Busy (5), message = System.Data.SQLite.SQLiteException (0x87AF00AA)"
    return OperationFailed(kind, text, frames=("System.Data.SQLite.SQLite3.Step(SQLiteStatement stmt)",))


def refusal_of(failure: OperationFailed, *, has_help_ids: bool) -> Refused | Unexpected:
    """Return how V1 answers a listing that failed."""
    if not has_help_ids:
        return Unexpected()
    if failure.help_id == "FolderMissing":
        return Refused(500, "folder-missing")
    return Refused(400, failure.message, failure.help_id) if failure.help_id else Unexpected()
