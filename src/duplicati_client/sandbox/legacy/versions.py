"""The legacy API's listings: versions of a backup, and files in them; read from the local database only."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..clock import with_offset
from ..engine import failing
from ..engine.database import Database, Version
from ..engine.destination import Destination
from ..engine.failures import OperationFailed, Unexpected
from ..engine.restores import read_time
from ..engine.sources import matches
from .replies import marked_json, reported, unhandled

if TYPE_CHECKING:
    from ..engine.model import Backup
    from ..web.serve import Reply
    from .routes import Ask

LIST_NAME = re.compile(r"-(\d{8}T\d{6})Z\.dlist\.")


async def list_versions(ask: Ask, backup: Backup) -> Reply:
    """Answer `filesets`; while the backup runs, the answer waits for its end (2.0.8.1 slow-run-and-queue:351)."""
    while ask.engine.is_running(backup.backup_id):
        await ask.engine.clock.sleep(0.1)
    database = _open(ask, backup)
    if ask.form.get("from-remote-only") == "true":
        return marked_json([_show(number, time) for number, time in enumerate(_remote_times(backup))])
    has_counts = ask.form.get("include-metadata") == "true"
    return marked_json([_show_version(database, version, has_counts=has_counts) for version in database.newest_first()])


async def list_files(ask: Ask, backup: Backup) -> Reply:
    """Answer `files` (2.0.8.1 contents-and-restore:576-587)."""
    is_everywhere = ask.form.get("all-versions") == "true"
    if not is_everywhere and not ask.form.get("time"):
        return reported(400, "Invalid or missing time")
    try:
        moment = read_time(ask.form.get("time"), ask.engine.clock.now())
    except Unexpected:
        text = f"Failed to parse the segment: {ask.form['time'][:3]}, invalid integer"
        return unhandled(text, "Exception")
    database = _open(ask, backup)
    pattern = ask.key(2) or ask.form.get("filter", "")
    if ask.form.get("prefix-only") == "true" and not pattern:
        text, kind = "Cannot extract simple list when the type is: Empty", "InvalidOperationException"
        # Unlike what is wrong before it begins, this counts as a failed operation (2.0.8.1 maintenance:661).
        failing.note_failure(ask.engine, backup, "List", OperationFailed(f"System.{kind}", text))
        return unhandled(text, kind)
    newest_first = database.newest_first()
    if not is_everywhere:
        newest_first = [version for version in newest_first if version.time <= moment.timestamp()][:1]
    return marked_json(
        {
            **ask.call.query,
            "Filesets": [_show_version(database, version, has_counts=True) for version in newest_first],
            "Files": _find(ask, newest_first, pattern),
        }
    )


def _open(ask: Ask, backup: Backup) -> Database:
    # Every listing uses up a task number and an operation number (2.0.8.1 contents-and-restore:588, 592).
    ask.engine.queue.next_id()
    database = ask.engine.database(backup.backup_id)
    database.begin_operation()
    return database


def _show(number: int, time: int, *, is_full: bool = True, count: int = -1, size: int = -1) -> dict[str, Any]:
    moment = with_offset(datetime.fromtimestamp(time, UTC))
    return {"Version": number, "IsFullBackup": int(is_full), "Time": moment, "FileCount": count, "FileSizes": size}


def _show_version(database: Database, version: Version, *, has_counts: bool) -> dict[str, Any]:
    number = database.newest_first().index(version)
    if not has_counts:
        return _show(number, version.time, is_full=version.is_full)
    return _show(number, version.time, is_full=version.is_full, count=version.file_count, size=version.size)


def _remote_times(backup: Backup) -> list[int]:
    try:
        names = [item.name for item in Destination(backup.target_url).volumes()]
    except OperationFailed:
        return []
    found = [match[1] for match in map(LIST_NAME.search, names) if match]
    times = [datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC) for text in found]
    return sorted((int(moment.timestamp()) for moment in times), reverse=True)


def _find(ask: Ask, newest_first: list[Version], pattern: str) -> list[dict[str, Any]]:
    oldest_first = newest_first[::-1]
    paths = {path for version in oldest_first for path in version.entries}
    if ask.form.get("prefix-only") == "true":
        return [{"Path": _common_prefix(paths), "Sizes": []}] if paths else []
    if ask.form.get("folder-contents") == "true":
        paths = {path for path in paths if path != pattern and os.path.dirname(path.rstrip("/")) + "/" == pattern}
    elif pattern:
        paths = {path for path in paths if matches(pattern, path)}
    folders_first = sorted(paths, key=lambda path: (not path.endswith("/"), path))
    return [{"Path": path, "Sizes": _sizes(oldest_first, path)} for path in folders_first]


def _sizes(oldest_first: list[Version], path: str) -> list[int]:
    entries = [version.entries[path] for version in oldest_first if path in version.entries]
    return [-1 if entry[0] == "d" else entry[1] for entry in entries]


def _common_prefix(paths: set[str]) -> str:
    folders = [path if path.endswith("/") else os.path.dirname(path) + "/" for path in paths]
    return os.path.commonpath(folders).rstrip("/") + "/"
