"""A run of a backup from its start script to its result: phases, reading, uploading, stopping, and ways to fail."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from functools import partial
from typing import Any

from . import results, retention, sources
from .database import Version
from .destination import pack
from .failures import LIST_VERIFICATION, USER_INFORMATION, OperationFailed, aborted
from .progress import Progress
from .volumes import Packer
from .work import CONTROLLER, Work

HANDLER = "Duplicati.Library.Main.Operation.BackupHandler"
SCRIPTS = "Duplicati.Library.Modules.Builtin.RunScript"
FILELIST = "Duplicati.Library.Main.Operation.FilelistProcessor"
_CALLED_OFF = {1: ("Normal", ""), 3: ("Warning", "Warning"), 5: ("Error", "Error")}


async def run_backup(work: Work) -> None:
    """Run a backup; raises OperationFailed when it fails. A run that a script calls off ends early and well."""
    work.result.members = results.backup_members(work.release)
    work.result.members["Dryrun"] = work.is_on("dry-run")
    await work.wait()
    if _call_off(work):
        return
    work.log("Information", f"{CONTROLLER}-StartingOperation", "The operation Backup has started")
    _check_sources(work)
    _pretend(work, "fatal")
    work.progress.begin_engine()
    await work.step("Backup_Begin")
    await _verify_destination(work)
    await _store(work)
    await _finish(work)


# Scripts


def script_exit(path: str) -> int | None:
    """Return the exit status a script file says it has (its last `exit N`, else 0); None when there is no such file.

    The sandbox reads scripts, it never runs them.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.findall(r"^\s*exit\s+(\d+)\s*$", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[-1]) if found else 0


def _call_off(work: Work) -> bool:
    """Mind the start scripts; True when one called the run off."""
    required = work.options.get("run-script-before-required")
    if required:
        status = script_exit(required)
        if status != 0:
            text = f'The script "{required}" returned with exit code {status}'
            raise OperationFailed(USER_INFORMATION, text, help_id="RunScriptInvalidExitCode")
    script = work.options.get("run-script-before")
    if not script:
        return False
    status = script_exit(script)
    if status is None:
        _log_missing_script(work, script)
    elif status:
        level = "Warning" if status in {2, 3} else "Error"
        if status != 1:
            work.log(level, f"{SCRIPTS}-InvalidExitCode", f'The script "{script}" returned with exit code {status}')
    if status not in _CALLED_OFF:
        return False
    word = _CALLED_OFF[status][0]
    text = f"Aborting operation by request, requested result: {word}"
    work.log("Information", f"{CONTROLLER}-AbortOperation", text)
    work.result.is_interrupted = True
    work.had_database = work.had_database or work.release.keeps_row_of_called_off
    return True


def _log_missing_script(work: Work, script: str) -> None:
    problem = f"An error occurred trying to start process '{script}' with working directory '{work.engine.folder}'. "
    problem += "No such file or directory"
    text = f'Error while executing script "{script}": {problem}\nWin32Exception: {problem}'
    work.log("Warning", f"{SCRIPTS}-ScriptExecuteError", text)


def run_script_after(work: Work) -> None:
    """Mind the end script; what it says comes after the row is written (`2.3.1.0 outcomes:475`)."""
    script = work.options.get("run-script-after")
    if not script or work.operation != "Backup":
        return
    status = script_exit(script)
    if status is None:
        _log_missing_script(work, script)
    elif status:
        level = "Warning" if status in {2, 3} else "Error"
        work.log(level, f"{SCRIPTS}-InvalidExitCode", f'The script "{script}" returned with exit code {status}')


# Checks before anything is stored


def _check_sources(work: Work) -> None:
    gone = sources.missing(work.backup.sources)
    if not gone:
        return
    if work.release.survives_missing_source or work.is_on("allow-missing-source"):
        for source in gone:
            text = f"The source path {source} does not exist, skipping"
            work.log("Warning", f"{CONTROLLER}-SourceIsMissing", text)
        if len(gone) < len(work.backup.sources):
            return
        text = "No valid source folders found, aborting backup as it would be empty"
        raise OperationFailed(
            USER_INFORMATION, text, help_id="NoSources", frames=(f"{CONTROLLER}.ExpandInputSources()",)
        )
    text = (
        f"Backup aborted since the source path {gone[0]} does not exist. Please verify that the source path exists, "
        "or remove the source path from the backup configuration, or set the allow-missing-source option."
    )
    has_id = work.release.has_help_ids
    kind = USER_INFORMATION if has_id else "System.IO.IOException"
    help_id = "SourceIsMissing" if has_id else None
    raise OperationFailed(kind, text, help_id=help_id, frames=(f"{CONTROLLER}.ExpandInputSources()",))


def _pretend(work: Work, outcome: str) -> None:
    """Do what the sandbox's own setting `--sandbox-run` asks for."""
    if work.options.get("sandbox-run") != outcome:
        return
    tag = f"{HANDLER}-Sandbox"
    if outcome == "fatal":
        raise OperationFailed(USER_INFORMATION, "The sandbox was told to fail this run", help_id="SandboxFailure")
    if outcome == "warning":
        work.log("Warning", tag, "The sandbox was told to warn: a file could not be read")
    if outcome == "error":
        work.log("Error", tag, "The sandbox was told to report an error: a file could not be stored")


async def _verify_destination(work: Work) -> None:
    database = work.database
    if not work.had_database and not work.result.members["Dryrun"]:
        database.save()
    work.had_database = work.had_database or work.release.keeps_row_of_unusable_destination
    mark = _passphrase_mark(work)
    if database.versions and database.passphrase_mark not in {None, mark}:
        text = (
            "You have attempted to change a passphrase to an existing backup, which is not supported. "
            "Please configure a new clean backup if you want to change the passphrase."
        )
        raise OperationFailed(USER_INFORMATION, text, help_id="PassphraseChangeNotSupported")
    await work.step("Backup_PreBackupVerify")
    found = await work.list_remote()
    work.had_database = True
    work.count_known(found)
    verify_list(work)
    if not work.result.members["Dryrun"]:
        database.passphrase_mark = mark


def _passphrase_mark(work: Work) -> str:
    return work.destination.seal(b"").hex()


def verify_list(work: Work) -> None:
    """Fail when the destination holds other volumes than the database knows."""
    present = {item.name for item in work.destination.ours()}
    known = set(work.database.volumes)
    for name in sorted(present - known):
        work.log("Warning", f"{FILELIST}-ExtraUnknownFile", f"Extra unknown file: {name}")
    for name in sorted(known - present):
        work.log("Warning", f"{FILELIST}-MissingFile", f"Missing file: {name}")
    frame = f"{FILELIST}.VerifyRemoteListAsync()"
    if present - known:
        text = f"Found {len(present - known)} remote files that are not recorded in local storage"
        text += _EXTRA_HINT if work.release.has_v2 else ", please run repair"
        raise OperationFailed(LIST_VERIFICATION, text, help_id="ExtraRemoteFiles", frames=(frame,))
    if known - present:
        text = f"Found {len(known - present)} files that are missing from the remote storage, please run repair"
        raise OperationFailed(LIST_VERIFICATION, text, help_id="MissingRemoteFiles", frames=(frame,))


_EXTRA_HINT = (
    ". This can be caused by having two backups sharing a destination folder which is not supported. It can also be "
    "caused by restoring an old database. If you are certain that only one backup uses the folder and you have the "
    "most updated version of the database, you can use repair to delete the unknown files."
)


# Storing


async def _store(work: Work) -> None:
    database = work.database
    database.begin_operation()
    if any(version.is_open for version in database.versions):
        await _finalize_interrupted(work)
    version = Version(database.free_time(work.now_seconds), is_full=False, is_open=True)
    is_dry = bool(work.result.members["Dryrun"])
    if not is_dry:
        database.versions.append(version)
        database.save()
    try:
        await _read_and_upload(work, version)
    except OperationFailed:
        _drop(work, version)
        raise
    if is_dry:
        return
    if not version.entries or _is_unchanged(work):
        _drop(work, version)
        return
    await _upload_list(work, version)


async def _finalize_interrupted(work: Work) -> None:
    work.phase("Backup_PreviousBackupFinalize")
    await work.wait()
    for version in [version for version in work.database.versions if version.is_open]:
        _drop(work, version)
        if work.release.warns_after_kill:
            name = work.destination.list_name(version.time)
            text = f"Expected there to be a temporary fileset for synthetic filelist (1, {name}), but none was found?"
            tag = "Duplicati.Library.Main.Operation.Backup.UploadSyntheticFilelist-MissingTemporaryFilelist"
            work.log("Warning", tag, text)


def _drop(work: Work, version: Version) -> None:
    if version in work.database.versions:
        work.database.versions.remove(version)


def _is_unchanged(work: Work) -> bool:
    members = work.result.members
    names = ("AddedFiles", "ModifiedFiles", "DeletedFiles", "AddedFolders", "DeletedFolders", "AddedSymlinks")
    is_forced = work.is_on("upload-unchanged-backups") or bool(members["PartialBackup"])
    return not is_forced and not any(members[name] for name in (*names, "ModifiedSymlinks", "DeletedSymlinks"))


async def _read_and_upload(work: Work, version: Version) -> None:
    """Read the sources while earlier volumes go up; the reader is never more than a few volumes ahead."""
    limit = int(work.options.get("asynchronous-upload-limit", "4") or "4")
    waiting: asyncio.Queue[dict[str, bytes] | None] = asyncio.Queue(maxsize=max(limit, 1))
    packer = Packer(work, waiting)
    uploader = packer.uploading = asyncio.create_task(packer.upload())
    try:
        await _read(work, version, packer)
        await packer.finish()
        await work.step("Backup_Finalize")
        work.phase("Backup_WaitForUpload")
        await uploader
    finally:
        uploader.cancel()
        with suppress(asyncio.CancelledError, OperationFailed):
            await uploader


async def _read(work: Work, version: Version, packer: Packer) -> None:
    progress, members = work.progress, work.result.members
    work.phase("Backup_ProcessingFiles")
    previous = next((item.entries for item in work.database.newest_first() if item is not version), {})
    follows = work.options.get("symlink-policy", "store").lower() == "follow"
    present = [source for source in work.backup.sources if source not in sources.missing([source])]
    walker = sources.Walker(work.backup.filters, follows_links=follows, warn=partial(work.log, "Warning"))
    found = list(walker.walk(present))
    files = [entry for entry in found if entry.kind == "f"]
    progress.total_count, progress.total_size = len(files), sum(entry.size for entry in files)
    await work.wait()
    pause = float(work.options.get("sandbox-seconds", "0")) / max(len(files), 1)
    for entry in found:
        if work.task.is_stop_requested:
            _note_stop(work, progress)
            break
        await packer.add(entry, version, previous)
        if entry.kind == "f":
            _note_processed(progress, entry)
            await work.hold()
            await work.wait(pause)
    if not members["PartialBackup"]:
        packer.count_deleted(version, previous)
    version.is_full = not members["PartialBackup"]
    _pretend(work, "warning")
    _pretend(work, "error")


def _note_processed(progress: Progress, entry: sources.Entry) -> None:
    progress.set_file(entry.path, entry.size)
    progress.processed_count += 1
    progress.processed_size += entry.size


def _note_stop(work: Work, progress: Progress) -> None:
    work.result.members["PartialBackup"] = True
    progress.total_count, progress.total_size = progress.processed_count, progress.processed_size


async def _upload_list(work: Work, version: Version) -> None:
    work.checkpoint()
    work.progress.clear_file()
    entries = [
        {
            "type": {"d": "Folder", "f": "File", "l": "Symlink"}[kind],
            "path": path,
            "size": size,
            "time": time,
            "chunks": data,
        }
        for path, (kind, size, time, data) in version.entries.items()
    ]
    name = work.destination.list_name(version.time)
    members = {
        "filelist.json": json.dumps(entries).encode(),
        "fileset": json.dumps({"IsFullBackup": version.is_full}).encode(),
    }
    await work.put(name, work.destination.seal(pack(members)))
    version.volume, version.is_open = name, False
    if work.result.members["PartialBackup"]:
        work.log("Warning", f"{HANDLER}-CancellationRequested", "Cancellation was requested by user.")
    work.database.save()


# Afterwards


async def _finish(work: Work) -> None:
    members = work.result.members
    work.progress.clear_file()
    if members["PartialBackup"]:
        if work.options.get("sandbox-stop") == "fails":
            raise aborted()
        # After a graceful stop nothing is verified, so the statistics stay at zero (2.3.1.0 control:63, 64).
        work.result.statistics.known_file_count = work.result.statistics.known_file_size = 0
        work.result.statistics.known_filesets = work.result.statistics.backup_list_count = 0
        work.result.statistics.last_backup_at = None
    elif not members["Dryrun"]:
        await retention.delete_old_versions(work)
        await _compact(work)
        await work.step("Backup_PostBackupVerify")
        work.count_known(await work.list_remote())
        await _test(work)
    await work.wait(0)
    work.progress.overall = 0.0 if members["Dryrun"] else 1.0
    work.phase("Backup_Complete")


async def _compact(work: Work) -> None:
    begin_at = work.clock.now()
    await work.step("Backup_Compact")
    tag = "Duplicati.Library.Main.Database.Local.LocalDeleteDatabase-CompactReason"
    work.log("Information", tag if work.release.has_v2 else tag.replace(".Local.", "."), "Compacting not required")
    compacting = results.compact_members()
    work.result.members["CompactResults"] = work.result.nested("Compact", compacting, begin_at, work.clock.now())


async def _test(work: Work) -> None:
    begin_at = work.clock.now()
    work.progress.overall = 0.0
    await work.step("Verify_Running")
    checked: dict[str, list[Any]] = {}
    try:
        for name in retention.volumes_to_test(work):
            checked[name] = await retention.test_volume(work, name)
    finally:
        members = results.test_members(checked)
        if any(checked.values()):
            members["ParsedResult"] = "Error"
        is_done = not work.task.is_abort_requested and len(checked) > 0
        work.result.members["TestResults"] = work.result.nested(
            "Test", members, begin_at, work.clock.now() if is_done else None
        )
