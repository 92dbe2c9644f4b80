"""`task-server audit`: shows what operators did, and whether the log of it is whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from .. import exits
from ..options import Option
from ..output.columns import Column, Listing
from ..verbs import Verb

if TYPE_CHECKING:
    from datetime import datetime

    from ..call import Call

VERB = Verb(
    "task-server audit",
    "task-server audit [check] [options]",
    "Show who did what, newest first. Each entry's sum covers the one before: check adds them all up.",
    (("check", "say whether no entry was changed or taken out"),),
    (Option("limit", "how many at most", "number", "N", default=50, places="o"),),
    (("duplicati task-server audit --filter action~token", "who made or ended tokens"),),
    (0, 64, 65, 69, 77),
)
COLUMNS = (
    Column("number", "NO.", "id", 0, about="number of the entry"),
    Column("at", "WHEN", "time", 0, about="when it was done"),
    Column("actor", "WHO", "text", 0, about="who did it"),
    Column("action", "WHAT", "text", 0, about="what was done"),
    Column("subject", "TO", "text", 1, about="to what or whom"),
    Column("details", "DETAILS", "text", 2, about="what else is known of it"),
)


class Row(NamedTuple):
    """An entry in a listing."""

    number: int
    at: datetime | None
    actor: str
    action: str
    subject: str
    details: str


def perform(call: Call) -> int:
    """Show them, or add them up."""
    from ..asking import make_printer  # noqa: PLC0415
    from .opening import open_fleet  # noqa: PLC0415

    fleet = open_fleet(call)
    if call.words == ("check",):
        wrong = fleet.check_audit()
        if wrong is None:
            call.console.say("every entry's sum is right")
            return 0
        call.console.complain(f"entry {wrong} is not what was written, or one before it is missing")
        return exits.INVALID
    if call.words:
        raise errors.UsageInvalid(f"what is {' '.join(call.words)}?", hint=f"duplicati {VERB.usage}")
    rows = [
        Row(entry.number, entry.at, entry.actor, entry.action, entry.subject, json.dumps(entry.details))
        for entry in fleet.list_audit(int(call.value("limit")))
    ]
    make_printer(call).print_listing(Listing("audit", COLUMNS, rows))
    return 0
