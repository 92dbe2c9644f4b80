"""`task-server code`: makes a code with which a daemon comes in, and lists or revokes those there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ... import errors
from ..options import Option
from ..output.columns import Column
from ..verbs import Verb
from .labels import read_labels
from .rows import make_listing

if TYPE_CHECKING:
    from ...fleet.client import Fleet
    from ...fleet.models import FleetCode
    from ..call import Call

VERB = Verb(
    "task-server code",
    "task-server code [list|revoke ID] [options]",
    "Make an enrolment code: whoever has it makes a daemon of a machine. It is told only now, and good for an hour "
    "and one machine unless you say otherwise.",
    (("list", "the codes that can still be used"), ("revoke ID", "end one of them")),
    (
        Option("uses", "how many machines it is good for", "number", "N", default=1, places="o"),
        Option("life", "how long it is good", "seconds", "DURATION", default=3600.0, places="o"),
        Option("name", "the only name that its daemon may have", metavar="NAME", places="o"),
        Option("label", "a label its daemons get", metavar="NAME=VALUE", is_repeatable=True, places="o"),
        Option("approve", "daemons that come in with it wait for an approval", "flag", places="o"),
    ),
    (
        ("duplicati task-server code", "for one machine, within the hour"),
        ("duplicati task-server code --uses 50 --life 2d --label site=berlin --approve", "for a site"),
        ("duplicati task-server code list", "what is still open"),
    ),
    (0, 64, 66, 69, 77),
)
COLUMNS = (
    Column("code_id", "ID", "id", 0, about="id of the code, which is no secret"),
    Column("uses_left", "USES LEFT", "number", 0, about="how many machines it is still good for"),
    Column("expires_at", "ENDS", "time", 1, about="when it ends"),
    Column("name", "NAME", "text", 3, about="the only name that its daemon may have"),
    Column("labels", "LABELS", "text", 2, about="labels that its daemons get"),
    Column("needs_approval", "APPROVAL", "flag", 4, about="whether its daemons wait for an approval"),
    Column("created_by", "BY", "text", 5, about="who made it"),
)


def perform(call: Call) -> int:
    """Make one, or do what is said with those there are."""
    from ..asking import make_printer  # noqa: PLC0415
    from .opening import open_fleet  # noqa: PLC0415

    fleet = open_fleet(call)
    match call.words:
        case ():
            _tell(call, fleet, fleet.add_code(_read_wanted(call)))
        case ("list",):
            make_printer(call).print_listing(make_listing("codes", COLUMNS, fleet.list_codes()))
        case ("revoke", code_id):
            fleet.revoke_code(code_id)
            call.console.say(f"the code {code_id} is good for nothing any more")
        case _:
            raise errors.UsageInvalid(f"what is {' '.join(call.words)}?", hint=f"duplicati {VERB.usage}")
    return 0


def _read_wanted(call: Call) -> dict[str, object]:
    return {
        "Uses": int(call.value("uses")),
        "Name": call.value("name"),
        "Labels": read_labels(call.value("label")),
        "LifeSeconds": int(call.value("life")),
        "Approve": call.flag("approve"),
    }


def _tell(call: Call, fleet: Fleet, code: FleetCode) -> None:
    word = f"{code.text}@{fleet.url}"
    if call.value("output") == "json":
        call.console.write(json.dumps({"code_id": code.code_id, "code": code.text, "enrol": word}) + "\n")
        return
    call.console.write(f"{word}\n")
    call.console.say("on the machine beside Duplicati: duplicati daemon enrol, with this word")
