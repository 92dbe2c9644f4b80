"""`list`: many things of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ...operations import list as listing
from ...operations.selection import select_backup, select_backups
from .. import listings
from ..asking import Answer, ask, make_printer
from ..options import Option
from ..reach import Asked
from ..verbs import PLURALS, Verb
from ..words import take_one, take_type

if TYPE_CHECKING:
    from ...sdk.client import Duplicati
    from ...sdk.models import Backup, Version
    from ..call import Call
    from ..output.columns import Listing
    from ..reach import Reach

_KINDS = tuple(PLURALS)
VERB = Verb(
    "list",
    "list TYPE [SELECTOR …] [options]",
    "List things of one kind.",
    (
        ("backups [SELECTOR …]", "all backups, or those named, and how their last run went"),
        ("versions BACKUP", "what can be restored, 0 is the newest"),
        ("logs [BACKUP]", "the newest lines of a backup's log, or of the server's"),
        ("tasks", "what runs, what waits in its order, and what ended last"),
        ("notifications", "what nobody has dismissed yet"),
        ("settings", "the server's settings, secrets hidden"),
        ("contexts", "the servers that are remembered here, and their sessions; none is asked"),
    ),
    (
        Option(
            "max-age",
            "of a server beside a daemon: what its task server knows will do, if it is no older",
            "seconds",
            "DURATION",
            scope="list",
        ),
    ),
    (
        ("duplicati list backups --filter outcome=error --sort -last_started_at", "failed last time, newest first"),
        ("duplicati list backups --filter 'last_started_at<7d'", "not run for a week"),
        ("duplicati list backups --output ids", "for the next command"),
        ("duplicati list versions Documents --output csv", "for a spreadsheet"),
        ("duplicati list backups --on 'office/site=berlin' --max-age 10m", "beside every daemon with that label"),
        ("duplicati list contexts", "which servers are known, and whether a session lives"),
    ),
    (0, 66, 69, 77),
)


def perform(call: Call) -> int:
    """List, on every server that is meant."""
    kind, selectors = take_type(call.words, _KINDS, VERB.usage)
    if kind == "context":
        return _list_contexts(call, selectors)
    if kind in ("task", "notification", "setting") and selectors:
        raise errors.UsageInvalid(f"{PLURALS[kind]} are listed whole", hint=f"duplicati get {kind} {selectors[0]}")
    return ask(call, lambda reach, talk: Answer(_fetch(call, reach, kind, selectors)))


def _list_contexts(call: Call, selectors: list[str]) -> int:
    from ..contexts import summarise_contexts  # noqa: PLC0415 - the other kinds need none of it

    if selectors:
        hint = f"duplicati list contexts --filter name={selectors[0]}"
        raise errors.UsageInvalid("contexts are listed whole", hint=hint)
    make_printer(call).print_listing(listings.list_contexts(summarise_contexts(call)))
    return 0


def _fetch(call: Call, reach: Reach, kind: str, selectors: list[str]) -> Listing:
    if kind == "backup":
        return _fetch_backups(call, reach, selectors)
    if kind == "task":
        from ...operations.queue import list_tasks  # noqa: PLC0415 - the other kinds need none of it

        return listings.list_tasks(reach.do(list_tasks, _ask_for(kind)))
    if kind == "notification":
        return listings.list_notifications(reach.do(listing.list_notifications, _ask_for(kind)))
    if kind == "setting":
        return listings.list_settings(reach.do(listing.list_settings, _ask_for(kind)))
    if kind == "log":
        return _fetch_log(reach, selectors)
    selector = take_one(selectors, "backup", VERB.usage)

    def list_versions(server: Duplicati) -> list[Version]:
        return listing.list_versions(server, select_backup(server.backups.list(), selector))

    return listings.list_versions(reach.do(list_versions, _ask_for(kind, backup=selector)))


def _ask_for(kind: str, **parameters: str | None) -> Asked:
    return Asked("list", ((kind, None),), parameters)


def _fetch_log(reach: Reach, selectors: list[str]) -> Listing:
    from ...operations.logs import LogLine, read  # noqa: PLC0415 - the other kinds need none of it

    selector = take_one(selectors, "backup", VERB.usage) if selectors else None

    def read_log(server: Duplicati) -> list[LogLine]:
        return read(server, select_backup(server.backups.list(), selector) if selector is not None else None)

    return listings.list_logs(reach.do(read_log, _ask_for("log", backup=selector)))


def _fetch_backups(call: Call, reach: Reach, selectors: list[str]) -> Listing:
    are_ids_enough = call.value("output") == "ids" and not any(map(call.value, ("columns", "sort", "filter")))

    asked = Asked("list", [("backup", selector) for selector in selectors] or [("backup", None)])
    if are_ids_enough:  # nobody asks how they went, which takes logs to know
        return listings.list_ids(reach.do(lambda server: _choose(server, selectors), asked))
    if not selectors:
        return listings.list_backups(reach.do(listing.list_backups, asked))
    found = reach.do(lambda server: listing.summarise_backups(server, _choose(server, selectors)), asked)
    return listings.list_backups(found)


def _choose(server: Duplicati, selectors: list[str]) -> list[Backup]:
    known = server.backups.list()
    return select_backups(known, selectors) if selectors else known
