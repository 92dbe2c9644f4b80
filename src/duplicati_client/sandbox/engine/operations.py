"""From a task to what it leaves behind: row, metadata, notifications, server log; the work itself is elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from ..clock import compact
from . import failing, maintenance, restores, runs, scripts
from .failures import OperationFailed
from .timespan import write_size
from .work import CONTROLLER, Work

if TYPE_CHECKING:
    from .engine import Engine
    from .queue import Task

Body = Callable[[Work], Awaitable[None]]
# kind of task -> name of the operation in rows, and who does it
_BODIES: dict[str, tuple[str, Body]] = {
    "Backup": ("Backup", runs.run_backup),
    "Restore": ("Restore", restores.run_restore),
    "Verify": ("Test", maintenance.run_verify),
    "Repair": ("Repair", maintenance.run_repair),
    "RepairUpdate": ("Repair", maintenance.run_repair),
    "Compact": ("Compact", maintenance.run_compact),
    "Vacuum": ("Vacuum", maintenance.run_vacuum),
    "ListRemote": ("ListRemote", maintenance.run_list_remote),
    "CreateReport": ("CreateLogDb", maintenance.run_create_report),
    "Delete": ("Delete", maintenance.run_delete_backup),
    "PurgeBrokenFiles": ("PurgeBrokenFiles", maintenance.run_purge_broken_files),
    "DeleteVersions": ("Delete", maintenance.run_delete_versions),
}
# Operations of the server around the engine, which write no row.
_WITHOUT_ROW = frozenset({"Delete", "CreateReport"})


async def perform(engine: Engine, task: Task) -> None:
    """Do a task's work; raises OperationFailed when it fails."""
    if task.kind == "CommandLine":
        await maintenance.run_command_line(engine, task)
        return
    if task.backup is None:
        return
    operation, body = _BODIES[task.kind]
    work = Work(engine, task, task.backup, operation)
    try:
        await _do(body, work)
    except OperationFailed as failure:
        _end_failed(work, failure)
        raise
    if task.kind not in _WITHOUT_ROW:
        _end(work)


async def _do(body: Body, work: Work) -> None:
    """Do the work; whatever the operating system or a nonsensical option brings about fails the operation, no more."""
    try:
        with suppress(scripts.CalledOff):
            await body(work)
    except OSError as failure:
        raise OperationFailed("System.IO.IOException", f"{failure.strerror}: {failure.filename}") from failure
    except (ValueError, KeyError) as failure:
        raise OperationFailed("System.FormatException", str(failure)) from failure


def _end(work: Work) -> None:
    work.result.end_at = work.clock.now()
    _write_row(work)
    if not work.result.is_interrupted:
        # Before 2.2 a restore leaves the numbers of the destination alone (2.1.0.5 extra:35).
        if work.operation != "Restore" or work.release.has_v2:
            _note_statistics(work)
        if work.operation in {"Backup", "Restore", "Compact", "Vacuum"}:
            work.note_times(work.operation)
        if work.operation == "Backup":
            _note_compacting(work)
    scripts.mind_script_after(work)
    _notify(work)
    _write_back(work)


def _end_failed(work: Work, failure: OperationFailed) -> None:
    result = work.result
    result.end_at = work.clock.now()
    if work.task.is_abort_requested and work.operation == "Backup" and work.release.drops_row_of_aborted:
        # 2.1.0.5 treats an aborted backup as a good one, and leaves the phase where it was (control-late-stop:81-86).
        _note_statistics(work)
        work.note_times("Backup")
        _write_back(work)
        return
    result.is_fatal = True
    name = failure.kind.rpartition(".")[2]
    tag = f"{CONTROLLER}-FailedOperation"
    reason = "" if work.release.has_v2 else f" with error: {failure.message}"
    work.log("Error", tag, f"The operation {work.operation} has failed{reason}\n{name}: {failure.message}")
    if not (work.task.is_abort_requested and work.release.finishes_aborted_upload):
        work.progress.phase = "Error"
    work.progress.clear_file()
    _write_row(work)
    failing.note_failure(work.engine, work.backup, work.task.kind, failure)
    _write_back(work)


def _write_row(work: Work) -> None:
    if work.operation == "Backup" and work.result.members.get("Dryrun") and not work.release.keeps_row_of_dry_run:
        return
    if work.operation in {"Vacuum", "ListRemote", "Compact"} and not work.release.minor_operations_write_rows:
        return
    if not work.had_database:
        return
    work.database.add_row(work.now_seconds, work.result.text())
    work.database.save()


def _note_statistics(work: Work) -> None:
    statistics, metadata = work.result.statistics, work.backup.metadata
    if statistics.total_space == 0:
        return
    size_text = partial(write_size, units=work.release.size_units, language=work.engine.language)
    at = statistics.last_backup_at
    metadata["LastBackupDate"] = compact(at) if at else "00010101T000000Z"
    metadata["BackupListCount"] = str(statistics.backup_list_count)
    metadata["TotalQuotaSpace"] = str(statistics.total_space)
    metadata["FreeQuotaSpace"] = str(statistics.free_space)
    metadata["AssignedQuotaSpace"] = str(statistics.assigned_space)
    metadata["TargetFilesSize"] = str(statistics.known_file_size)
    metadata["TargetFilesCount"] = str(statistics.known_file_count)
    if work.release.has_filesets_count:
        metadata["TargetFilesetsCount"] = str(statistics.known_filesets)
    metadata["TargetSizeString"] = size_text(statistics.known_file_size)
    if work.operation == "Backup":
        members = work.result.members
        metadata["SourceFilesSize"] = str(members["SizeOfExaminedFiles"])
        metadata["SourceFilesCount"] = str(members["ExaminedFiles"])
        metadata["SourceSizeString"] = size_text(members["SizeOfExaminedFiles"])


def _note_compacting(work: Work) -> None:
    compacting = work.result.members["CompactResults"]
    if compacting:
        at = compact(work.result.end_at or work.clock.now())
        work.backup.metadata |= {
            "LastCompactDuration": compacting["Duration"],
            "LastCompactStarted": at,
            "LastCompactFinished": at,
        }


def _notify(work: Work) -> None:
    engine, lines = work.engine, work.result.lines
    backup_id = work.backup.backup_id
    if lines.errors or lines.warnings:
        level, found = ("Error", lines.errors) if lines.errors else ("Warning", lines.warnings)
        message = found[0] if len(found) == 1 else f"Encountered {len(found)} {level.lower()}s."
        more = {"BackupID": backup_id, "Action": "backup:show-log"}
        if work.operation != "Backup" and not work.release.fails_restore_of_nothing:
            # Before 2.3.1.0, other operations than backups are worded otherwise.
            is_single = len(found) == 1 and not work.release.is_legacy
            message = f"{level}: {message}" if is_single else f"Got {len(found)} {level.lower()}(s)"
            more["MessageLogTag"] = "backup:show-log"
        engine.notices.add(level, f"{level} while running {work.backup.name}", message, engine.clock.now(), **more)
        engine.events.count("notifications")
        return
    clears = work.operation == "Backup" and work.release.clears_notifications and not work.result.is_interrupted
    if clears and engine.notices.remove_of(backup_id):
        engine.events.count("notifications")


def _write_back(work: Work) -> None:
    # The task's copy of the metadata overwrites whatever changed since it was queued, as the real server does.
    stored = work.engine.configuration.backups.get(work.backup.backup_id)
    if stored is not None:
        stored.metadata = dict(work.backup.metadata)
