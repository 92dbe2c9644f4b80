"""`task-server tokens`: lists the tokens of operators, makes and revokes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ... import errors
from ..options import Option
from ..output.columns import Column
from ..verbs import Verb
from .labels import read_labels
from .rows import make_listing
from .users import ROLES

if TYPE_CHECKING:
    from ...fleet.models import FleetToken
    from ..call import Call

VERB = Verb(
    "task-server tokens",
    "task-server tokens [add|revoke ID] [options]",
    "List your tokens, an administrator everybody's; make one that can do no more than you, or end one.",
    (("add", "make one; it is told only now"), ("revoke ID", "end one")),
    (
        Option("note", "what it is for", metavar="TEXT", places="o"),
        Option("role", "what it may do", "choice", "ROLE", choices=ROLES, places="o"),
        Option(
            "label", "only daemons with this label exist for it", metavar="NAME=VALUE", is_repeatable=True, places="o"
        ),
        Option("life", "how long it is good; without it until it is revoked", "seconds", "DURATION", places="o"),
    ),
    (
        ("duplicati task-server tokens add --note monitoring --role viewer --life 365d", "for a program"),
        ("duplicati task-server tokens revoke t-0123456789ab", "at once"),
    ),
    (0, 64, 66, 69, 77),
)
COLUMNS = (
    Column("token_id", "ID", "id", 0, about="id of the token, which is no secret"),
    Column("user", "USER", "text", 0, about="whose it is"),
    Column("role", "ROLE", "text", 0, about="what it may do, if its user may"),
    Column("scope", "SCOPE", "text", 3, about="labels that a daemon must have to exist for it"),
    Column("note", "NOTE", "text", 1, about="what it is for"),
    Column("expires_at", "ENDS", "time", 2, about="when it ends; never if empty"),
    Column("used_at", "USED", "time", 2, about="when it was used last, to the minute"),
    Column("created_at", "MADE", "time", is_shown=False, about="when it was made"),
)


def perform(call: Call) -> int:
    """List them, or do what is said."""
    from ..asking import make_printer  # noqa: PLC0415
    from .opening import open_fleet  # noqa: PLC0415

    fleet = open_fleet(call)
    match call.words:
        case ():
            make_printer(call).print_listing(make_listing("tokens", COLUMNS, fleet.list_tokens()))
        case ("add",):
            _tell(call, fleet.add_token(_read_wanted(call)))
        case ("revoke", token_id):
            fleet.revoke_token(token_id)
            call.console.say(f"the token {token_id} lets nobody in any more")
        case _:
            raise errors.UsageInvalid(f"what is {' '.join(call.words)}?", hint=f"duplicati {VERB.usage}")
    return 0


def _read_wanted(call: Call) -> dict[str, object]:
    wanted: dict[str, object] = {"Note": call.value("note") or "", "Scope": read_labels(call.value("label"))}
    if call.value("role"):
        wanted["Role"] = call.value("role")
    if call.value("life"):
        wanted["LifeSeconds"] = int(call.value("life"))
    return wanted


def _tell(call: Call, token: FleetToken) -> None:
    if call.value("output") == "json":
        call.console.write(json.dumps({"token_id": token.token_id, "token": token.text}) + "\n")
        return
    call.console.write(f"{token.text}\n")
    call.console.say(f"the token {token.token_id}, told only now")
