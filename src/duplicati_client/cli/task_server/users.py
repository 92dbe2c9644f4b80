"""`task-server users`: lists operators, makes, changes and removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..options import Option
from ..output.columns import Column
from ..verbs import Verb
from .labels import read_labels
from .rows import make_listing

if TYPE_CHECKING:
    from ...fleet.client import Fleet
    from ..call import Call

ROLES = ("viewer", "operator", "administrator")

VERB = Verb(
    "task-server users",
    "task-server users [add|change|remove NAME] [options]",
    "List the operators of this task server, and decide who they are. A password is asked for at a terminal, or the "
    "first line of stdin; whoever changes their own is asked for the one there is too, which is the second line. "
    "Another password ends all tokens of its user, but for the one in use.",
    (("add NAME", "make one"), ("change NAME", "role, scope or password"), ("remove NAME", "with all tokens")),
    (
        Option("role", "what they may do", "choice", "ROLE", choices=ROLES, places="o"),
        Option(
            "label", "only daemons with this label exist for them", metavar="NAME=VALUE", is_repeatable=True, places="o"
        ),
        Option("new-password", "change: ask for a new password", "flag", places="o"),
        Option("disable", "change: let them in no more", "flag", places="o"),
        Option("enable", "change: let them in again", "flag", places="o"),
    ),
    (
        ("duplicati task-server users add alex --role operator --label site=berlin", "asks for a password"),
        ("duplicati task-server users change alex --disable", "ends all their tokens at once"),
    ),
    (0, 64, 65, 66, 69, 75, 77),
)
COLUMNS = (
    Column("name", "NAME", "id", 0, about="name of the operator"),
    Column("role", "ROLE", "text", 0, about="viewer, operator or administrator"),
    Column("scope", "SCOPE", "text", 1, about="labels that a daemon must have to exist for them"),
    Column("is_disabled", "DISABLED", "flag", 2, about="whether they are let in no more"),
)


def perform(call: Call) -> int:
    """List them, or do what is said with one."""
    from ..asking import make_printer  # noqa: PLC0415
    from .opening import open_fleet  # noqa: PLC0415

    fleet = open_fleet(call)
    match call.words:
        case ():
            make_printer(call).print_listing(make_listing("users", COLUMNS, fleet.list_users()))
        case ("add", name):
            wanted = {"Name": name, "Password": _ask_password(call, name), "Role": call.value("role") or "viewer"}
            made = fleet.add_user({**wanted, "Scope": read_labels(call.value("label"))})
            call.console.say(f"{made.name} is {made.role}")
        case ("change", name):
            changed = fleet.change_user(name, _read_changes(call, fleet, name))
            call.console.say(f"{changed.name} is {changed.role}{', disabled' if changed.is_disabled else ''}")
        case ("remove", name):
            fleet.remove_user(name)
            call.console.say(f"{name} is no operator any more")
        case _:
            raise errors.UsageInvalid(f"what is {' '.join(call.words)}?", hint=f"duplicati {VERB.usage}")
    return 0


def _read_changes(call: Call, fleet: Fleet, name: str) -> dict[str, object]:
    changes: dict[str, object] = {}
    if call.value("role"):
        changes["Role"] = call.value("role")
    if call.value("label"):
        changes["Scope"] = read_labels(call.value("label"))
    if call.flag("disable") or call.flag("enable"):
        changes["Disabled"] = call.flag("disable")
    if call.flag("new_password"):
        changes["Password"] = _ask_password(call, name)
        if fleet.get_operator().user == name:
            changes["OldPassword"] = _ask_old_password(call)
    if not changes:
        raise errors.UsageInvalid("what shall be otherwise?", hint="--role, --label, --new-password, --disable")
    return changes


def _ask_old_password(call: Call) -> str:
    if call.console.is_stdin_terminal:
        return call.process.ask_password("The password there is; none if there never was one: ")
    return call.console.stdin.readline().rstrip("\r\n")


def _ask_password(call: Call, name: str) -> str:
    if not call.console.is_stdin_terminal:
        return call.stdin_line.rstrip("\r\n")
    password = call.process.ask_password(f"New password for {name}, 12 characters or more: ")
    if password != call.process.ask_password("Once more: "):
        raise errors.InvalidValue("these two are not the same")
    return password
