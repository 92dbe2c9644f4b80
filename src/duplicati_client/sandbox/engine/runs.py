"""A run of a backup from its start script to its result: phases, reading, uploading, stopping, and ways to fail."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import partial
from typing import Any

from . import results, retention, scripts, sources
from .database import Version
from .destination import pack
from .failures import LIST_VERIFICATION, USER_INFORMATION, OperationFailed, aborted
from .progress import Progress
from .timespan import read_size
from .volumes import Packer, put_index
from .work import CONTROLLER, Work

HANDLER = "Duplicati.Library.Main.Operation.BackupHandler"
FILELIST = "Duplicati.Library.Main.Operation.FilelistProcessor"


async def run_backup(work: Work) -> None:
    """Run a backup; raises OperationFailed when it fails. A run that a script calls off ends early and well."""
    work.result.members = results.backup_members(work.release)
    work.result.members["Dryrun"] = work.is_on("dry-run")
    await work.wait()
    if scripts.call_off(work):
        return
    work.log("Information", f"{CONTROLLER}-StartingOperation", "The operation Backup has started")
    work.warn_of_options()
    _check_sources(work)
    _pretend(work, "fatal")
    work.progress.begin_engine()
    await work.step("Backup_Begin")
    await _verify_destination(work)
    try:
        await _store(work)
        await _finish(work)
    except OperationFailed as failure:
        if work.release.finishes_aborted_upload and work.task.is_abort_requested:
            raise
        name = failure.kind.rpartition(".")[2]
        work.log("Error", f"{HANDLER}-FatalError", f"Fatal error\n{name}: {failure.message}")
        raise


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
    gap = "  " if work.release.is_legacy else " "
    text = (
        f"Backup aborted since the source path {gone[0]} does not exist.{gap}"
        "Please verify that the source path exists, or remove the source path from the "
        "backup configuration, or set the allow-missing-source option."
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
    work.check_passphrase()
    await work.step("Backup_PreBackupVerify")
    found = await work.list_remote()
    work.had_database = True
    work.count_known(found)
    verify_list(work)
    if not work.result.members["Dryrun"]:
        database.passphrase_mark = work.passphrase_mark


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
        _note_list(work, "ExtraRemoteFiles", text)
        raise OperationFailed(LIST_VERIFICATION, text, help_id="ExtraRemoteFiles", frames=(frame,))
    if known - present:
        text = f"Found {len(known - present)} files that are missing from the remote storage, please run repair"
        _note_list(work, "MissingRemoteFiles", text)
        raise OperationFailed(LIST_VERIFICATION, text, help_id="MissingRemoteFiles", frames=(frame,))


def _note_list(work: Work, tag: str, text: str) -> None:
    # Only 2.0.8.1 tells of a wrong list in lines of its own (run-outcomes:279, maintenance:667, 688).
    if not work.release.is_legacy:
        return
    work.log("Error", f"{FILELIST}-{tag}", text)
    if work.operation == "Backup":
        name = LIST_VERIFICATION.rpartition(".")[2]
        work.log("Error", f"{HANDLER}-FatalError", f"Fatal error\n{name}: {text}")


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
    if work.result.members["PartialBackup"]:
        work.log("Warning", f"{HANDLER}-CancellationRequested", "Cancellation was requested by user.")
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
        if work.release.is_legacy:
            await _keep_uploaded(work, version)
        if work.release.warns_after_kill:
            name = work.destination.list_name(version.time)
            text = f"Expected there to be a temporary fileset for synthetic filelist (1, {name}), but none was found?"
            tag = "Duplicati.Library.Main.Operation.Backup.UploadSyntheticFilelist-MissingTemporaryFilelist"
            work.log("Warning", tag, text)


async def _keep_uploaded(work: Work, version: Version) -> None:
    """Keep what was uploaded of a killed run as a partial version (2.0.8.1 restart-in-mid-run:779, 780)."""
    is_known = work.database.chunks.__contains__
    kept = {path: entry for path, entry in version.entries.items() if entry[0] != "f" or all(map(is_known, entry[3]))}
    if not any(entry[0] == "f" for entry in kept.values()):
        return
    version.entries = kept
    version.time += 1
    work.database.versions.append(version)
    await _put_list(work, version)


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
    packer = Packer(work)
    uploader = packer.uploading = asyncio.create_task(packer.upload())
    try:
        await _read(work, version, packer)
        packer.finish()
        await work.step("Backup_Finalize")
        work.progress.clear_file()
        work.phase("Backup_WaitForUpload")
        await uploader
        small = (
            read_size(work.options.get("small-file-size"))
            or (read_size(work.options.get("dblock-size", "50mb")) or 0) // 5
        )
        # 2.0.8.1 looks for something to compact after every upload (pause-and-resume:541).
        work.is_compacting_due = packer.has_packed and (work.release.is_legacy or packer.last_size <= small)
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
    # From 2.3 on, extended attributes at the end of a loop are warned of too, twice.
    attributes = (sources.ATTRIBUTE_TAG,) * 2 if work.release.has_connection_strings else ()
    walker = sources.Walker(
        work.backup.filters,
        follows_links=follows,
        warn=partial(work.log, "Warning"),
        loop_tags=(*attributes, *sources.LOOP_TAGS),
    )
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
            work.tell_progress()
            await work.hold()
            await work.wait(pause)
    if not members["PartialBackup"]:
        packer.count_deleted(version, previous)
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
    version.is_full = not work.result.members["PartialBackup"]
    await _put_list(work, version)


async def put_again(work: Work, name: str) -> None:
    """Upload a lost list or index anew from what the database knows (2.0.8.1 maintenance:672)."""
    for version in work.database.versions:
        if version.volume == name:
            await _put_list(work, version)
            return
    await put_index(work, name)


async def _put_list(work: Work, version: Version) -> None:
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
    work.database.save()


# Afterwards


async def _finish(work: Work) -> None:
    members = work.result.members
    work.progress.clear_file()
    if work.task.is_abort_requested and work.release.finishes_aborted_upload:
        await work.step("Backup_Compact")
        raise OperationFailed("System.Threading.ThreadAbortException", "Thread was being aborted.")
    if work.task.is_stop_requested and members["PartialBackup"] and work.options.get("sandbox-stop") == "fails":
        raise aborted()
    if work.task.is_stop_requested:
        await _leave_out_checks(work)
    elif members["Dryrun"]:
        if not work.release.has_v2:
            await _compact(work)
    else:
        await retention.delete_old_versions(work)
        if work.is_compacting_due:
            await _compact(work)
        await work.step("Backup_PostBackupVerify")
        work.count_known(await work.list_remote())
        await _test(work)
    await work.wait(0)
    work.progress.overall = 0.0 if members["Dryrun"] else 1.0
    work.phase("Backup_Complete")


async def _leave_out_checks(work: Work) -> None:
    # After a stop, even one that came too late, nothing is verified (2.3.1.0 control:63, 2.3.0.4 control-late-stop:64).
    if not work.release.has_v2:
        await _check_hardly(work)
        return
    statistics = work.result.statistics
    statistics.known_file_count = statistics.known_file_size = 0
    statistics.known_filesets = statistics.backup_list_count = 0
    statistics.last_backup_at = None


async def _check_hardly(work: Work) -> None:
    # 2.1.0.5 still lists the destination, and then begins what it leaves at once (2.1.0.5 stop:13, 14).
    await work.step("Backup_PostBackupVerify")
    work.count_known(await work.list_remote())
    now, members = work.clock.now(), work.result.members
    members["CompactResults"] = work.result.nested("Compact", results.compact_members(), now, now)
    members["TestResults"] = work.result.nested("Test", results.test_members({}), now, now)


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
            retention.note_problems(work, checked)
        is_done = not work.task.is_abort_requested and len(checked) > 0
        work.result.members["TestResults"] = work.result.nested(
            "Test", members, begin_at, work.clock.now() if is_done else None
        )
