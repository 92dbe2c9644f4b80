"""What follows a run's upload: old versions that go, and volumes that are tested."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from .destination import unpack
from .failures import OperationFailed
from .timespan import read_timespan

if TYPE_CHECKING:
    from .database import Version
    from .work import Work

TESTER = "Duplicati.Library.Main.Operation.TestHandler"


async def delete_old_versions(work: Work) -> None:
    """Delete the versions that `keep-versions` and `keep-time` no longer keep; the newest always stays."""
    newest_first = work.database.newest_first()
    gone: list[Version] = []
    keep_versions = work.options.get("keep-versions", "")
    if keep_versions.isdigit() and int(keep_versions) > 0:
        gone += newest_first[int(keep_versions) :]
    keep_seconds = read_timespan(work.options.get("keep-time"))
    if keep_seconds:
        gone += [item for item in newest_first[1:] if item.time < work.now_seconds - keep_seconds and item not in gone]
    if keep_versions or keep_seconds:
        await work.step("Backup_Delete")
    await delete_versions(work, gone)


async def delete_versions(work: Work, gone: list[Version]) -> None:
    """Delete versions from the database and their lists from the destination."""
    for version in gone:
        work.database.versions.remove(version)
        if version.volume:
            await work.delete(version.volume)
    work.database.save()


def volumes_to_test(work: Work) -> list[str]:
    """Return the volumes a verification reads: one of each kind, or as many as the options say."""
    share = int(work.options.get("backup-test-percentage", "0") or "0")
    samples = int(work.options.get("backup-test-samples", "1") or "1")
    result = []
    for kind in ("dlist", "dindex", "dblock"):
        names = [name for name in work.database.volumes if f".{kind}." in name]
        count = max(samples, -(-len(names) * share // 100)) if work.operation == "Backup" else samples
        # A volume that failed before is the first to be tested again.
        failed = [name for name in names if work.database.volumes[name].get("has_failed")]
        newest_first = [name for name in reversed(names) if name not in failed]
        result += [*failed, *newest_first][:count]
    return result


async def test_volume(work: Work, name: str) -> list[Any]:
    """Return the problems found in one volume; 2.2 and later fail on a damaged one instead."""
    try:
        content = await work.get(name)
    except OperationFailed as failure:
        if not work.release.completes_with_damaged_volume:
            raise
        reason = f"{failure.kind.rpartition('.')[2]}: {failure.message}"
        tag = "Duplicati.Library.Main.AsyncDownloader-FailedToRetrieveFile"
        text = f"Failed to process file {name}\n{reason}"
        if work.release.is_legacy:
            work.log("Error", f"{TESTER}-FailedToProcessFile", text)
        else:
            work.log("Error", tag, f"Failed to retrieve file {name}\n{reason}")
            work.log("Error", f"{TESTER}-RemoteFileProcessingFailed", text)
        work.database.volumes[name]["has_failed"] = True
        return [{"Key": "Error", "Value": failure.message}]
    return _problems(unpack(work.destination.unseal(content)))


def note_problems(work: Work, checked: dict[str, list[Any]]) -> None:
    """Log how many of the tested volumes were damaged."""
    count = sum(bool(problems) for problems in checked.values())
    text = f"Verified {len(checked)} remote files with {count} problem(s)"
    work.log("Error", f"{TESTER}-Test results", text)


def _problems(members: dict[str, bytes]) -> list[Any]:
    return [
        {"Key": "Error", "Value": f"Hash mismatch for {name}"}
        for name, content in members.items()
        if re.fullmatch(r"[0-9a-f]{64}", name) and hashlib.sha256(content).hexdigest() != name
    ]
