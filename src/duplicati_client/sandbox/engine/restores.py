"""A restore: picks a version, selects files, and copies them out of the volumes into a folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from ..clock import read_moment
from . import recreation, results, runs
from .database import Database, Version
from .destination import unpack
from .failures import USER_INFORMATION, OperationFailed, Unexpected
from .sources import matches
from .timespan import read_timespan
from .work import CONTROLLER, Work

HANDLER = "Duplicati.Library.Main.Operation.RestoreHandler"
# Options for restores that 2.1 did not have yet.
NEW_OPTIONS = frozenset({"restore-volume-downloaders", "restore-volume-decryptors", "restore-file-processors"})


def read_time(text: str | None, now: datetime) -> datetime:
    """Read the moment that selects a version; Unexpected when it is none. An interval points into the future."""
    text = (text or "").strip()
    if text.lower() in {"", "now"}:
        return now
    moment = read_moment(text) or _read_compact(text)
    if moment is not None:
        return moment
    seconds = read_timespan(text)
    if seconds is None:
        raise Unexpected
    return datetime.fromtimestamp(now.timestamp() + seconds, UTC)


def _read_compact(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def pick(versions: list[Version], moment: datetime) -> Version | None:
    """Return the newest version not later than a moment; the oldest when all are later."""
    newest_first = sorted(versions, key=lambda version: -version.time)
    for version in newest_first:
        if version.time <= moment.timestamp():
            return version
    return newest_first[-1] if newest_first else None


async def run_restore(work: Work) -> None:
    """Restore files; raises OperationFailed when it fails."""
    work.result.members = results.restore_members(work.release)
    wanted = work.task.options
    if wanted.get("passphrase"):
        work.use_passphrase(wanted["passphrase"])
    if work.release.restore_reports_more:
        work.result.members["RestorePath"] = wanted.get("restore_path") or None
    work.log("Information", f"{CONTROLLER}-StartingOperation", "The operation Restore has started")
    work.warn_of_options(frozenset() if work.release.has_v2 else NEW_OPTIONS)
    work.progress.begin_engine()
    await work.step("Restore_Begin")
    database = await _database(work)
    database.begin_operation()
    await work.step("Restore_PreRestoreVerify")
    work.count_known(await work.list_remote())
    if work.release.is_legacy:
        runs.verify_list(work)
    await work.step("Restore_CreateFileList")
    version, selected = _select(work, database)
    if not selected and work.release.fails_restore_of_nothing:
        text = "Restore selection matched zero files, nothing to restore"
        raise OperationFailed(USER_INFORMATION, text, help_id="NoFilesMatched")
    if version is not None:
        await _copy(work, database, version, selected)
    work.progress.clear_file()
    names = ("RestoredFiles", "RestoredFolders", "RestoredSymlinks")
    is_in_vain = work.release.is_legacy or not selected
    if is_in_vain and not any(work.result.members[name] for name in names):
        text = "Restore completed without errors but no files were restored"
        work.log("Warning", f"{HANDLER}-NoFilesRestored", text)
    if work.release.restore_reports_more and work.result.statistics.files_downloaded:
        _note_volumes(work)
    work.phase("Restore_Complete")


def _note_volumes(work: Work) -> None:
    # The member exists only once the restore got this far, in front of `MainOperation`.
    members = work.result.members
    tail = {name: members.pop(name) for name in ("MainOperation", "RecreateDatabaseResults")}
    members["TotalVolumesAccessed"] = work.result.statistics.files_downloaded
    members.update(tail)


async def _database(work: Work) -> Database:
    if work.had_database and (work.database.versions or work.release.is_legacy):
        return work.database
    await work.step("Restore_RecreateDatabase")
    database = Database(work.database.path)
    await recreation.recreate(work, database)
    return database


def _select(work: Work, database: Database) -> tuple[Version | None, dict[str, list[Any]]]:
    moment = read_time(work.task.options.get("time"), work.clock.now())
    version = pick([item for item in database.versions if not item.is_open], moment)
    if version is None:
        return None, {}
    tag = "Duplicati.Library.Main.Database.Local.LocalRestoreDatabase-SearchingBackup"
    number = database.newest_first().index(version)
    at = datetime.fromtimestamp(version.time, UTC)
    text = f"Searching backup {number} ({at:%m/%d/%Y %H:%M:%S}) ..."
    work.log("Information", tag if work.release.has_v2 else tag.replace(".Local.", "."), text)
    paths = work.task.options.get("paths") or []
    if not paths:
        return version, dict(version.entries)
    chosen = {
        path: entry for path, entry in version.entries.items() if any(matches(expression, path) for expression in paths)
    }
    return version, chosen


def _common_folder(selected: dict[str, list[Any]]) -> str:
    folders = [path if path.endswith("/") else os.path.dirname(path) + "/" for path in selected]
    common = os.path.commonpath(folders)
    return common if common.endswith("/") else common + "/"


async def _copy(work: Work, database: Database, version: Version, selected: dict[str, list[Any]]) -> None:
    progress, target = work.progress, work.task.options.get("restore_path")
    files = {path: entry for path, entry in selected.items() if entry[0] == "f"}
    progress.total_count, progress.total_size = len(files), sum(entry[1] for entry in files.values())
    base = _common_folder(selected) if selected and target else ""

    def place(path: str) -> str:
        return os.path.join(target, path[len(base) :]) if target and base else path

    await work.step("Restore_CreateTargetFolders")
    _make_folders(work, [place(path) for path in selected], selected)
    work.phase("Restore_DownloadingRemoteFiles")
    read: dict[str, dict[str, bytes]] = {}
    for path, entry in files.items():
        try:
            content = await _content(work, database, entry, read)
        except OperationFailed:
            _note_break(work, place(path), [database.chunks.get(chunk, "") for chunk in entry[3]])
            if not work.release.has_v2 and work.task.is_abort_requested:
                raise _interrupted() from None
            raise
        _write(work, place(path), content, version)
        progress.processed_count += 1
        progress.processed_size += entry[1]
    for path, entry in selected.items():
        if entry[0] == "l":
            _link(work, place(path), entry[3][0])
    await work.step("Restore_PostRestoreVerify")


def _note_break(work: Work, place: str, volumes: list[str]) -> None:
    """Write down what a broken restore leaves behind (2.3.1.0 extra:32)."""
    if not work.release.has_v2:
        _note_break_before_2_2(work, sorted(set(volumes)))
        return
    work.result.members["BrokenLocalFiles"] = [place]
    work.result.members["BrokenRemoteFiles"] = volumes[:1]
    parts = ("VolumeManager-VolumeManager", "FileLister-FileLister", "VolumeDownloader-Download")
    for part in (*parts, "BlockManager-BlockCount", "BlockManager-VolumeCount"):
        tag = f"Duplicati.Library.Main.Operation.Restore.{part}Error"
        work.log("Error", tag, "The restore broke off\nTaskCanceledException: A task was canceled.")


def _interrupted() -> OperationFailed:
    text = "Thread was interrupted from a waiting state."
    return OperationFailed("System.Threading.ThreadInterruptedException", text)


def _note_break_before_2_2(work: Work, volumes: list[str]) -> None:
    main = "Duplicati.Library.Main."
    for _ in range(2):
        work.log("Warning", f"{main}BackendManager-BackendDisposeError", "The backend could not be disposed: Cancelled")
        work.log(
            "Warning", f"{main}BackendManager-BackendDisposeError", "The backend could not be disposed: interrupted"
        )
        text = f"Failed to retrieve file {', '.join(volumes)}"
        work.log("Error", f"{main}AsyncDownloader-FailedToRetrieveFile", text)
        work.log("Error", f"{main}Operation.RestoreHandler-PatchingFailed", f"{text}: Cancelled")


def _make_folders(work: Work, places: list[str], selected: dict[str, list[Any]]) -> None:
    for (_, entry), place in zip(selected.items(), places, strict=True):
        folder = place if entry[0] == "d" else os.path.dirname(place)
        is_new = not os.path.isdir(folder)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as failure:
            text = f"Failed to create folder {folder}"
            raise OperationFailed("System.IO.IOException", text) from failure
        # Before 2.2 only selected folders that were new count, not those a file needs (2.1.0.5 restore:236, 244).
        work.result.members["RestoredFolders"] += is_new and (work.release.has_v2 or entry[0] == "d")


async def _content(work: Work, database: Database, entry: list[Any], read: dict[str, dict[str, bytes]]) -> bytes:
    parts = []
    for chunk in entry[3]:
        volume = database.chunks.get(chunk, "")
        if volume not in read:
            read[volume] = await _volume(work, volume)
            while len(read) > 2:
                del read[next(iter(read))]
        await work.hold()
        work.checkpoint()
        parts.append(read[volume].get(chunk, b""))
    return b"".join(parts)


async def _volume(work: Work, name: str) -> dict[str, bytes]:
    try:
        return unpack(work.destination.unseal(await work.get(name)))
    except OperationFailed as failure:
        if not work.release.is_legacy or work.task.is_abort_requested:
            raise
        # 2.0.8.1 goes on without the volume, and ends with `Error` (contents-and-restore:626).
        reason = f"{failure.kind.rpartition('.')[2]}: {failure.message}"
        tag = "Duplicati.Library.Main.AsyncDownloader-FailedToRetrieveFile"
        work.log("Error", tag, f"Failed to retrieve file {name}\n{reason}")
        text = f'Failed to patch with remote file: "{name}", message: {failure.message}\n{reason}'
        work.log("Error", f"{HANDLER}-PatchingFailed", text)
        return {}


def _write(work: Work, place: str, content: bytes, version: Version) -> None:
    members = work.result.members
    if os.path.exists(place):
        with open(place, "rb") as file:
            if file.read() == content:
                if work.release.restore_reports_more:
                    members["UnmodifiedFiles"] += 1
                    members["SizeOfUnmodifiedFiles"] += len(content)
                return
        if not work.task.options.get("overwrite"):
            stem, extension = os.path.splitext(place)
            place = f"{stem}.{datetime.fromtimestamp(version.time, UTC):%Y-%m-%d}{extension}"
    with open(place, "wb") as file:
        file.write(content)
    members["RestoredFiles"] += 1
    members["SizeOfRestoredFiles"] += len(content)
    if work.release.restore_reports_more:
        members["SizeOfRestoredData"] += len(content)


def _link(work: Work, place: str, target: str) -> None:
    if not os.path.lexists(place):
        os.symlink(target, place)
        work.result.members["RestoredSymlinks"] += 1
