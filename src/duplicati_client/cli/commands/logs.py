"""`logs`: the log of a backup or of the server, once or as it grows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from ...operations import logs
from ...operations.selection import select_backup
from ..asking import Answer, Left, ask
from ..listings import list_logs
from ..options import Option
from ..output.cells import format_duration, format_second
from ..output.pages import StreamRecord
from ..reach import Asked, Here
from ..verbs import Verb
from ..words import drop_type, take_one

if TYPE_CHECKING:
    from ...operations.logs import Break, LogLine
    from ...sdk.client import Duplicati
    from ...sdk.models import Backup
    from ..call import Call
    from ..reach import Reach
    from ..talk import Talk

_LINES_COUNT = 50
_SIDE_BY_SIDE = 1000  # following has no end: who waits for a turn waits for ever
_LINES_COUNT_MAX = 500  # the server gives no more at once

VERB = Verb(
    "logs",
    "logs [BACKUP] [options]",
    "Show the log of a backup, or of the server; oldest line first.",
    (("BACKUP", "id, exact name or pattern of one backup; without it the server's own log"),),
    (
        Option("follow", "go on with new lines as they come, until Ctrl-C", "flag", short="f", scope="logs"),
        Option(
            "lines",
            "how many lines at most, of those there are already; 50 unless told",
            "number",
            "N",
            short="n",
            scope="logs",
        ),
        Option(
            "level",
            "leave out what is less important",
            "choice",
            "LEVEL",
            choices=logs.LEVELS,
            default="Information",
            scope="logs",
        ),
        Option("since", "leave out what is older than this time or age", metavar="TIME", scope="logs"),
    ),
    (
        ("duplicati logs Documents", "how its runs went, newest last"),
        ("duplicati logs --follow", "what the server does, live"),
        ("duplicati logs --follow --level Warning --lines 0", "only what goes wrong from now on"),
        ("duplicati logs Documents --since 7d", "a week of it"),
        ("duplicati logs Documents --follow --output json", "a JSON object a line"),
    ),
    (0, 66, 69, 77, 130),
)


def perform(call: Call) -> int:
    """Show it, from every server that is meant."""
    _, selectors = drop_type(call.words, ("backup",))
    selector = take_one(selectors, "backup", VERB.usage) if selectors else None
    wanted = _read_wanted(call)
    if not call.flag("follow"):
        return ask(call, lambda reach, talk: _show(reach, talk, selector, wanted))
    try:
        return ask(call, lambda reach, talk: _follow(call, reach, talk, selector), side_by_side=_SIDE_BY_SIDE)
    except KeyboardInterrupt:
        raise Left from None


class _Wanted(NamedTuple):
    """Which lines the person wants to see."""

    lines_count: int
    level: str
    since: datetime | None
    is_listing: bool


def _read_wanted(call: Call) -> _Wanted:
    since_text, count = call.value("since"), call.value("lines")
    since = None
    if since_text is not None:
        from ...durations import parse_past  # noqa: PLC0415 - few ask for it

        since = parse_past(since_text, datetime.now(UTC))
    if count is None:
        count = _LINES_COUNT_MAX if since is not None else _LINES_COUNT
    if not 0 <= count <= _LINES_COUNT_MAX:
        raise errors.InvalidValue(f"--lines is from 0 to {_LINES_COUNT_MAX}")
    is_listing = call.value("output") != "table" or any(map(call.value, ("columns", "sort", "filter")))
    return _Wanted(count, call.value("level"), since, is_listing)


def _find_backup(server: Duplicati, selector: str | None) -> Backup | None:
    return select_backup(server.backups.list(), selector) if selector is not None else None


def _show(reach: Reach, talk: Talk, selector: str | None, wanted: _Wanted) -> Answer:
    lines = reach.do(lambda server: _read(server, _find_backup(server, selector), wanted), _ask_for(selector, wanted))
    if wanted.is_listing:
        return Answer(list_logs(lines))
    for line in lines:
        talk.print_record(_make_record(line))
    return Answer()


def _ask_for(selector: str | None, wanted: _Wanted) -> Asked:
    since = None if wanted.since is None else wanted.since.isoformat()
    parameters = {"count": wanted.lines_count, "level": wanted.level, "since": since}
    return Asked("logs", () if selector is None else (("backup", selector),), parameters)


def _read(server: Duplicati, backup: Backup | None, wanted: _Wanted) -> list[LogLine]:
    if not wanted.lines_count:
        return []
    return logs.read(server, backup, count=wanted.lines_count, level=wanted.level, since=wanted.since)


def _follow(call: Call, reach: Reach, talk: Talk, selector: str | None) -> Answer:
    wanted = _read_wanted(call)
    if isinstance(reach, Here):
        backup = _find_backup(reach.server, selector)
        for line in _read(reach.server, backup, wanted) if backup is not None else ():
            talk.print_record(_make_record(line))
        found = logs.follow(reach.server, backup, level=wanted.level, sleep=call.process.sleep)
    else:
        from ..distance.logs import follow  # noqa: PLC0415 - few have a task server

        found = follow(reach, _ask_for(selector, wanted._replace(lines_count=_LINES_COUNT_MAX)))
    known = [line for line in iter(lambda: next(found), None) if isinstance(line, logs.LogLine)]
    for line in known[max(0, len(known) - wanted.lines_count) :]:
        if logs.is_since(line, wanted.since):
            talk.print_record(_make_record(line))
    for item in found:
        if isinstance(item, logs.LogLine):
            talk.print_record(_make_record(item))
        elif item is not None:
            _tell_break(talk, item)
    return Answer()


def _make_record(line: LogLine) -> StreamRecord:
    item = line._asdict()
    del item["raw"]
    when = format_second(line.logged_at) if line.logged_at else "-"
    parts = (when, line.level.lower(), line.source, line.message)
    return StreamRecord("line", item, "  ".join(part for part in parts if part))


def _tell_break(talk: Talk, found: Break) -> None:
    """Tell people on stderr and programs among the lines that the log could not be read, or not whole."""
    event, parts = "away", [f"{found.reason}; trying again"]
    if found.away_seconds is not None:
        event, parts = "back", [f"back after {format_duration(found.away_seconds)}"]
        parts += ["the server was restarted"] if found.is_restarted else []
    elif found.has_gap:
        event, parts = "gap", [found.reason]
    parts += ["lines may be missing"] if found.has_gap else []
    talk.say("; ".join(parts))
    if talk.form in ("json", "yaml"):
        talk.print_record(StreamRecord(event, found._asdict()))
