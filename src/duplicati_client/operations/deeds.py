"""Say in words what looking after a backup did, by the counts in its own result; what a run did is not told here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def describe_deed(result: Mapping[str, Any] | None) -> str | None:
    """Return a sentence; None where the result tells nothing of the kind."""
    if not result:
        return None
    describe = {"Test": _describe_test, "Repair": _describe_repair, "Compact": _describe_compact}
    found = describe.get(str(result.get("MainOperation")))
    return found(result) if found else None


def _describe_test(result: Mapping[str, Any]) -> str | None:
    listed = result.get("Verifications")
    tested = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    if not tested:
        return None
    bad_count = sum(bool(item.get("Value")) for item in tested)
    # The list is cut after some; the count is of all.
    count = max(_count(result, "VerificationsActualLength"), len(tested))
    return f"{_many(count, 'volume')} tested, {bad_count or 'none'} damaged."


def _describe_repair(result: Mapping[str, Any]) -> str:
    if result.get("RecreateDatabaseResults"):
        return "The local database was rebuilt."
    statistics = result.get("BackendStatistics")
    counts = statistics if isinstance(statistics, dict) else {}
    put_back, deleted = _count(counts, "FilesUploaded"), _count(counts, "FilesDeleted")
    parts = [f"{_many(put_back, 'file')} put back"] if put_back else []
    parts += [f"{_many(deleted, 'unknown file')} deleted at the destination"] if deleted else []
    return f"{', '.join(parts) or 'Nothing had to be changed at the destination'}."


def _describe_compact(result: Mapping[str, Any]) -> str:
    deleted, written = _count(result, "DeletedFileCount"), _count(result, "UploadedFileCount")
    return f"{_many(deleted, 'volume')} replaced by {written}." if deleted else "Nothing had to be compacted."


def _count(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
