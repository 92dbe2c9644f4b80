"""`list`: many things of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ...operations import list as listing
from ...operations.selection import select_backup, select_backups
from .. import listings
from ..asking import Answer, ask
from ..verbs import PLURALS, Verb
from ..words import take_one, take_type

if TYPE_CHECKING:
    from ...sdk.client import Duplicati
    from ..call import Call
    from ..output.columns import Listing

_KINDS = tuple(PLURALS)
VERB = Verb(
    "list",
    "list TYPE [SELECTOR …] [options]",
    "List things of one kind.",
    (
        ("backups [SELECTOR …]", "all backups, or those named, and how their last run went"),
        ("versions BACKUP", "what can be restored, 0 is the newest"),
        ("logs [BACKUP]", "the newest lines of a backup's log, or of the server's"),
        ("tasks", "what runs and what waits"),
        ("notifications", "what nobody has dismissed yet"),
        ("settings", "the server's settings, secrets hidden"),
    ),
    examples=(
        ("duplicati list backups --filter outcome=error --sort -last_started_at", "failed last time, newest first"),
        ("duplicati list backups --filter 'last_started_at<7d'", "not run for a week"),
        ("duplicati list backups --output ids", "for the next command"),
        ("duplicati list versions Documents --output csv", "for a spreadsheet"),
    ),
    statuses=(0, 66, 69, 77),
)


def perform(call: Call) -> int:
    """List, on every server that is meant."""
    kind, selectors = take_type(call.words, _KINDS, VERB.usage)
    if kind in ("task", "notification", "setting") and selectors:
        raise errors.UsageInvalid(f"{PLURALS[kind]} are listed whole", hint=f"duplicati get {kind} {selectors[0]}")
    return ask(call, lambda server, talk: Answer(_fetch(server, kind, selectors)))


def _fetch(server: Duplicati, kind: str, selectors: list[str]) -> Listing:
    if kind == "backup":
        return _fetch_backups(server, selectors)
    if kind == "task":
        return listings.list_tasks(listing.list_tasks(server))
    if kind == "notification":
        return listings.list_notifications(listing.list_notifications(server))
    if kind == "setting":
        return listings.list_settings(listing.list_settings(server))
    if kind == "log":
        from ...operations.logs import read as read_log  # noqa: PLC0415 - the other kinds need none of it

        backup = None
        if selectors:
            backup = select_backup(server.backups.list(), take_one(selectors, "backup", VERB.usage))
        return listings.list_logs(read_log(server, backup))
    backup = select_backup(server.backups.list(), take_one(selectors, "backup", VERB.usage))
    return listings.list_versions(listing.list_versions(server, backup))


def _fetch_backups(server: Duplicati, selectors: list[str]) -> Listing:
    if not selectors:
        return listings.list_backups(listing.list_backups(server))
    chosen = select_backups(server.backups.list(), selectors)
    return listings.list_backups(listing.summarise_backups(server, chosen))
