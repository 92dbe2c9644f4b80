"""The other operations of a backup: verify, repair, compact, vacuum, listing, report, and its deletion."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from . import recreation, results, retention, runs, scripts
from .database import Database
from .destination import Destination
from .failures import USER_INFORMATION, OperationFailed
from .timespan import write_size
from .work import CONTROLLER, Work

if TYPE_CHECKING:
    from .engine import Engine
    from .queue import Task

FAILED_CODE = 100


async def _begin(work: Work, members: dict[str, Any], phase: str) -> None:
    """Begin as every operation does: scripts and options are minded for all (Controller.cs, RunActionAsync)."""
    work.result.members = members
    await work.wait()
    if scripts.call_off(work):
        raise scripts.CalledOff
    work.log("Information", f"{CONTROLLER}-StartingOperation", f"The operation {work.operation} has started")
    work.warn_of_options()
    work.progress.begin_engine()
    work.phase(phase)


async def run_verify(work: Work) -> None:
    """Test volumes on the destination."""
    await _begin(work, results.test_members({}), "Verify_Running")
    if not work.had_database:
        raise _no_database(work)
    work.check_passphrase()
    work.database.begin_operation()
    found = await work.list_remote()
    work.count_known(found)
    runs.verify_list(work)
    checked: dict[str, list[Any]] = {}
    names = retention.volumes_to_test(work)
    for name in names:
        checked[name] = await retention.test_volume(work, name)
        work.progress.overall = len(checked) / len(names)
    work.result.members.update(results.test_members(checked))
    if any(checked.values()):
        retention.note_problems(work, checked)
    work.progress.overall = 1.0


def _no_database(work: Work) -> OperationFailed:
    text = f"Database file does not exist: {work.database.path}"
    return OperationFailed(USER_INFORMATION, text, help_id="DatabaseDoesNotExist")


async def run_repair(work: Work) -> None:
    """Rebuild a missing database, or bring destination and database together again."""
    members: dict[str, Any] = {"MainOperation": "Repair", "RecreateDatabaseResults": None}
    if work.release.is_legacy and work.task.kind == "RepairUpdate" and not work.database.versions:
        # Whatever it does, afterwards nothing is known of the destination (2.0.8.1 contents-and-restore:630-636).
        await _begin(work, members, "Recreate_Running")
        work.database.save()
        return
    if not work.had_database or not work.database.versions:
        await _begin(work, members, "Recreate_Running")
        await _recreate(work)
        return
    await _begin(work, members, "Starting_Operation" if work.release.has_starting_phase else "Backup_Begin")
    work.check_passphrase()
    work.database.begin_operation()
    found = await work.list_remote()
    work.count_known(found)
    present = {item.name for item in work.destination.ours()}
    missing = [name for name in work.database.volumes if name not in present]
    lost = [name for name in missing if ".dblock." in name]
    if lost:
        word = "purge-broken-files" if work.release.has_v2 else "purge"
        text = (
            "The backup storage destination is missing data files. You can either enable "
            f"`--rebuild-missing-dblock-files` or run the {word} command to remove these files. "
            "The following files are missing: "
        )
        raise OperationFailed(USER_INFORMATION, text + ", ".join(lost), help_id="MissingDblockFiles")
    for name in sorted(present - set(work.database.volumes)):
        await work.delete(name)
    for name in missing:
        await runs.put_again(work, name)
    work.progress.overall = 1.0


async def _recreate(work: Work) -> None:
    begin_at = work.clock.now()
    database = work.database
    empty = Database(database.path)
    work.engine.databases.forget(database.path)
    work.database = empty
    empty.begin_operation()
    await recreation.recreate(work, empty)
    work.count_known(work.destination.files())
    work.had_database = True
    empty.save()
    members = work.result.nested("Recreate", {"MainOperation": "Repair"}, begin_at, work.clock.now())
    work.result.members["RecreateDatabaseResults"] = members
    work.engine.databases.forget(database.path)
    work.database = work.engine.databases.open(database.path)


async def run_compact(work: Work) -> None:
    """Compact the volumes; here there is never anything to do."""
    await _begin(work, results.compact_members(), "Backup_Compact")
    if not work.had_database:
        raise OperationFailed("System.Exception", _no_database(work).message)
    work.check_passphrase()
    work.database.begin_operation()
    work.count_known(await work.list_remote())
    tag = "Duplicati.Library.Main.Database.Local.LocalDeleteDatabase-CompactReason"
    work.log("Information", tag if work.release.has_v2 else tag.replace(".Local.", "."), "Compacting not required")


async def run_vacuum(work: Work) -> None:
    """Tidy the local database."""
    await _begin(work, {"MainOperation": "Vacuum"}, "Vacuum_Running")
    work.database.begin_operation()
    await work.wait()


async def run_list_remote(work: Work) -> None:
    """List the destination and take its size into the metadata."""
    start = "Starting_Operation" if work.release.has_starting_phase else "Backup_Begin"
    await _begin(work, {"Files": [], "MainOperation": "ListRemote"}, start)
    work.database.begin_operation()
    found = await work.list_remote()
    work.count_known(found)
    names = ("Name", "LastAccess", "LastModification", "Created", "Size", "IsFolder", "IsArchived")
    work.result.members["Files"] = [{name: item.as_dict()[name] for name in names} for item in found]


async def run_create_report(work: Work) -> None:
    """Make a bug report and tell of it."""
    await work.step("BugReport_Running")
    engine = work.engine
    number = str(len(engine.reports) + 1)
    engine.reports[number] = b"PK\x05\x06" + bytes(18)
    engine.notices.add(
        "Information",
        "Bugreport ready",
        "Bugreport is ready for download",
        engine.clock.now(),
        Action=f"bug-report:created:{number}",
        MessageID="BugreportCreatedReady",
        MessageLogTag="",
    )
    engine.events.count("notifications")


async def run_delete_backup(work: Work) -> None:
    """Remove a backup from the server, with its volumes and database if that was asked for."""
    if work.task.options.get("remote_files"):
        await work.step("Delete_Listing")
        work.phase("Delete_Deleting")
        for item in await work.list_remote():
            if item.name.startswith(work.destination.prefix + "-"):
                await work.delete(item.name)
    if work.task.options.get("local_db") and os.path.exists(work.database.path):
        os.remove(work.database.path)
    work.engine.databases.forget(work.database.path)
    work.engine.configuration.remove(work.backup.backup_id)


async def run_purge_broken_files(work: Work) -> None:
    """Forget files whose volumes are gone."""
    await _begin(work, {"MainOperation": "PurgeBrokenFiles"}, "PurgeFiles_Begin")
    work.database.begin_operation()
    present = {item.name for item in await work.list_remote()}
    lost = {name for name in work.database.volumes if name not in present}
    for version in work.database.versions:
        for path, entry in list(version.entries.items()):
            if entry[0] == "f" and any(work.database.chunks.get(chunk) in lost for chunk in entry[3]):
                del version.entries[path]
    for name in lost:
        del work.database.volumes[name]
    work.phase("PurgeFiles_Complete")


async def run_delete_versions(work: Work) -> None:
    """Delete versions by their numbers."""
    await _begin(work, {"DeletedSetsActualLength": 0, "DeletedSets": [], "MainOperation": "Delete"}, "Delete_Listing")
    work.database.begin_operation()
    work.count_known(await work.list_remote())
    newest_first = work.database.newest_first()
    gone = [item for number, item in enumerate(newest_first) if number in work.task.options["versions"]]
    work.phase("Delete_Deleting")
    await retention.delete_versions(work, gone)


async def run_command_line(engine: Engine, task: Task) -> None:
    """Pretend to run a command; only its lines tell how it went."""
    lines: list[str] = task.options["lines"]
    task.options["is_started"] = True
    await engine.clock.sleep(0.1)
    arguments: list[str] = task.options["arguments"]
    code = 0
    if arguments[0] == "list" and len(arguments) > 1:
        try:
            lines += _list_versions(engine, arguments[1])
        except OperationFailed as failure:
            lines += _tell_failure(failure)
            code = FAILED_CODE
    else:
        lines.append(f"The sandbox does not run this command: {arguments[0]}")
    lines.append(f"Return code: {code}")
    task.options["is_finished"] = True


def _tell_failure(failure: OperationFailed) -> list[str]:
    """Word a failed command as the command line does (2.0.8.1 slow-run-and-queue:415)."""
    head = f"The operation List has failed with error: {failure.message} => {failure.message}"
    named = [f"ErrorID: {failure.help_id}"] if failure.help_id else []
    return [head, "\n", *named, failure.message]


def _list_versions(engine: Engine, url: str) -> list[str]:
    units = engine.release.size_units
    lists = [item for item in Destination(url).volumes() if ".dlist." in item.name]
    lines = ["  Listing remote folder ..."]
    lines += [f"  Downloading file {item.name} ({write_size(item.size, units)}) ..." for item in reversed(lists)]
    moments = [
        re.sub(r".*-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z.*", r"\2/\3/\1 \4:\5:\6", item.name) for item in lists
    ]
    return [*lines, "Listing filesets:", *(f"{number}\t: {text}" for number, text in enumerate(reversed(moments)))]
