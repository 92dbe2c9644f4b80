"""What the sandbox may answer otherwise than the recorded servers, each with its reason; nothing else may differ."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Allowed(NamedTuple):
    """A difference that is accepted: where (release, file and number), in what, and why."""

    where: str
    what: str
    reason: str


ALLOWED = (
    Allowed(
        r"\S+ control.*",
        r"\.poll",
        "which details of a run the live log holds depends on the engine's inner steps; only their shape is kept",
    ),
    Allowed(r"\S+ settings:\d+", r"\.poll\[0\]", "what happened last on the server before was not recorded"),
    Allowed(r"\S+ settings:\d+", r"\.server-log\[0\]\.(BackupID|Message)", "the newest error depends on idle rounds"),
    Allowed(r"\S+ settings:\d+", r"\.webmodules\[0\]", "the sandbox has a web module of its own, not Duplicati's"),
    Allowed(r"2\.1\.0\.5 settings:97", r"\.filesystem: 5 items", "a folder from a session that was not recorded"),
    Allowed(
        r"2\.2\.0\.3 (control:(62|84)|stop:(10|21))",
        r"\.Warnings: \d items",
        "the recorded uploads failed several times before the run did; the sandbox fails at once",
    ),
    Allowed(
        r"2\.2\.0\.3 stop:21",
        r"\.CompactResults",
        "follows from uploads that failed half-way, which the sandbox has not",
    ),
    Allowed(
        r"2\.2\.0\.3 extra:31",
        r"\.SuggestedStatusIcon",
        "at the very end of a run this server had dropped the icon before the task; a matter of milliseconds",
    ),
    Allowed(
        r"2\.1\.0\.5 (control-late-stop:(86|129)|control:77)",
        r"\.notifications|status: 409",
        "two backups were made, and failed, between the recorded sessions",
    ),
    Allowed(
        r"2\.1\.0\.5 control-late-stop:35|2\.3\.0\.4 control-late-stop:(16|35|4[789])",
        r"\.(CurrentFilename|Phase)",
        "the recorded server was still reading its last file, the sandbox has just read it",
    ),
    Allowed(
        r"2\.1\.0\.5 control:(16|71)",
        r"\.remotelog\[0\]|\.Status",
        "the recorded uploads were faster, and the abort quicker, than the sandbox's",
    ),
    Allowed(
        r"2\.0\.8\.1 run-outcomes.*",
        r"FileEntry-PathProcessingFailed",
        "Mono's words for an error of the operating system",
    ),
    Allowed(
        r"2\.0\.8\.1 slow-run-and-queue:(338|339|34\d|352)",
        r"\.remotelog|\.poll|\.serverstate",
        "how far a run had come at a moment, and what of it the live log held",
    ),
    Allowed(
        r"2\.0\.8\.1 slow-run-and-queue:(380|398|415)",
        r"\.tasks|\.Finished|\.Items",
        "the sandbox runs no command lines but `list`, so that they end at once and without output",
    ),
    Allowed(
        r"2\.0\.8\.1 stop-and-abort:456", r"\.CompactResults", "`stopnow` leaves out what `stopaftercurrentfile` begins"
    ),
    Allowed(r"2\.0\.8\.1 stop-and-abort:470", r"\.CurrentFilename", "no file is being read while uploads are awaited"),
    Allowed(
        r"2\.0\.8\.1 stop-and-abort:486",
        r"\.filesets",
        "the real server completes an aborted version with a list of its own; the sandbox keeps the version only",
    ),
    Allowed(
        r"2\.0\.8\.1 (pause-and-resume|contents-and-restore|maintenance|restart-in-mid-run):\d+",
        r"^phase changed' \.\w+\.(CurrentFilename|BackendPath)|mid-run: progress' \.\w+\.(CurrentFilename|Phase)",
        "which moment of a phase a poll happens to meet",
    ),
    Allowed(r"2\.3\.1\.0 control:10", r"\.Phase", "how soon after its start a run gets going"),
    Allowed(
        r"2\.0\.8\.1 maintenance:701",
        r"\.CompactResults",
        "a recreated database of the real server knows no times of files and stores their metadata once more",
    ),
    Allowed(
        r"2\.0\.8\.1 language:\d+",
        r"\.webmodules\[0\]\.Description",
        "the sandbox has a web module of its own, in one language",
    ),
    Allowed(
        r"2\.1\.0\.5 stop:14",
        r"Data: 13 items",
        "one file more was read before the stop, hence one volume and its index",
    ),
)


def not_allowed(found: Iterable[object]) -> list[str]:
    """Return the differences that no entry accepts."""
    return [str(item) for item in found if not any(_fits(entry, str(item)) for entry in ALLOWED)]


def unused(found: Iterable[object]) -> list[Allowed]:
    """Return the entries that accept nothing, which are to be removed."""
    texts = [str(item) for item in found]
    return [entry for entry in ALLOWED if not any(_fits(entry, text) for text in texts)]


def _fits(entry: Allowed, text: str) -> bool:
    where, _, what = text.partition(" '")
    return re.fullmatch(entry.where, where) is not None and re.search(entry.what, what) is not None
