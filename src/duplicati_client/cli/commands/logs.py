"""`logs`: the log of a backup or of the server, once or as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations import logs
from ...operations.selection import select_backup
from ..asking import Answer, ask
from ..listings import list_logs
from ..options import Option
from ..output.cells import format_second
from ..output.pages import StreamRecord
from ..verbs import Verb
from ..words import drop_type, take_one

if TYPE_CHECKING:
    from ...operations.logs import LogLine
    from ...sdk.client import Duplicati
    from ..call import Call
    from ..talk import Talk

_LEVELS = ("Profiling", "Verbose", "Retry", "Information", "Warning", "Error")

VERB = Verb(
    "logs",
    "logs [BACKUP] [options]",
    "Show the log of a backup, or of the server; oldest line first.",
    (("BACKUP", "id, exact name or pattern of one backup; without it the server's own log"),),
    (
        Option("follow", "go on with new lines as they come, until Ctrl-C", "flag", short="f", scope="logs"),
        Option("lines", "how many lines at most", "number", "N", short="n", default=50, scope="logs"),
        Option(
            "level",
            "the least important lines to follow",
            "choice",
            "LEVEL",
            choices=_LEVELS,
            default="Information",
            scope="logs",
        ),
    ),
    (
        ("duplicati logs Documents", "how its runs went, newest last"),
        ("duplicati logs --follow", "what the server does, live"),
        ("duplicati logs Documents --follow --output json", "a JSON object a line"),
    ),
    (0, 66, 69, 77, 130),
)


def perform(call: Call) -> int:
    """Show it, from every server that is meant."""
    _, selectors = drop_type(call.words, ("backup",))
    selector = take_one(selectors, "backup", VERB.usage) if selectors else None
    return ask(call, lambda server, talk: _show(call, server, talk, selector))


def _show(call: Call, server: Duplicati, talk: Talk, selector: str | None) -> Answer:
    backup = select_backup(server.backups.list(), selector) if selector is not None else None
    if not call.flag("follow"):
        lines = logs.read(server, backup, count=call.value("lines"))
        if talk.form != "table":
            return Answer(list_logs(lines))
        for line in lines:
            talk.print_record(_make_record(line))
        return Answer()
    if backup is not None:
        for line in logs.read(server, backup, count=call.value("lines")):
            talk.print_record(_make_record(line))
    for found in logs.follow(server, backup, level=call.value("level")):
        if found is not None:
            talk.print_record(_make_record(found))
    return Answer()


def _make_record(line: LogLine) -> StreamRecord:
    item = line._asdict()
    del item["raw"]
    when = format_second(line.logged_at) if line.logged_at else "-"
    parts = (when, line.level.lower(), line.source, line.message)
    return StreamRecord("line", item, "  ".join(part for part in parts if part))
