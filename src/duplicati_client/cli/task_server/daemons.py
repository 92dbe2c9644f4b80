"""`task-server daemons`: lists the daemons, and approves, revokes, names and labels them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ... import errors
from ..options import Option
from ..output.columns import Column
from ..output.pages import Field, Page, Section
from ..verbs import Verb
from .labels import read_labels, write_labels
from .rows import make_listing

if TYPE_CHECKING:
    from ...fleet.client import Fleet
    from ...fleet.models import FleetDaemon
    from ..call import Call

_ACTIONS = ("approve", "revoke", "choose-instance")

VERB = Verb(
    "task-server daemons",
    "task-server daemons [show|approve|revoke|choose-instance|change|add NAME] [options]",
    "List the daemons that this task server knows, and decide on them.",
    (
        ("show NAME", "all that is known of one"),
        ("approve NAME", "let one in that waits"),
        ("revoke NAME", "end its token for good"),
        ("choose-instance NAME", "end a conflict of two machines with one identity, once the wrong one is stopped"),
        ("change NAME", "give it the --name or the labels"),
        ("add NAME", "a plain daemon that cannot enrol, with a base URL of its own"),
    ),
    (
        Option(
            "label",
            "only those with this label; with change and add, the labels",
            metavar="NAME=VALUE",
            is_repeatable=True,
            places="o",
        ),
        Option("name", "with change, its new name", metavar="NAME", places="o"),
    ),
    (
        ("duplicati task-server daemons", "who is there, and who was not heard of for a while"),
        ("duplicati task-server daemons --label site=berlin -o ids", "names for the next command"),
        ("duplicati task-server daemons change nas --label site=berlin", "replaces its labels"),
    ),
    (0, 64, 66, 69, 77),
)
COLUMNS = (
    Column("name", "NAME", "id", 0, about="name of the daemon"),
    Column("presence", "PRESENCE", "text", 0, about="online, late, lost, never heard of, or revoked"),
    Column("state", "STATE", "text", 2, about="active, waiting for approval, or revoked"),
    Column("health", "HEALTH", "text", 3, about="how it says it is"),
    Column("seen_at", "SEEN", "time", 1, about="when it was heard of last"),
    Column("labels", "LABELS", "text", 4, about="its labels"),
    Column("level", "LEVEL", "number", 6, about="level of the protocol that it speaks"),
    Column("has_conflict", "CONFLICT", "flag", 5, about="whether two machines come by turns with its identity"),
    Column("daemon_id", "ID", "text", is_shown=False, about="its id, which stays when the name changes"),
)


def perform(call: Call) -> int:
    """List them, or do what is said with one."""
    from .opening import open_fleet  # noqa: PLC0415

    fleet = open_fleet(call)
    labels = read_labels(call.value("label"))
    match call.words:
        case ():
            _list(call, fleet, labels)
        case ("show", name):
            _show(call, fleet.get_daemon(name))
        case ("change", name):
            changes = {"Name": call.value("name"), "Labels": labels if call.value("label") else None}
            changed = fleet.set_daemon(name, {key: value for key, value in changes.items() if value is not None})
            call.console.say(f"{changed.name}: {write_labels(dict(changed.labels)) or 'no labels'}")
        case ("add", name):
            _add(call, fleet, name, labels)
        case (action, name) if action in _ACTIONS:
            changed = fleet.change_daemon(name, action)
            call.console.say(f"{changed.name} is {changed.state}{', in conflict' if changed.has_conflict else ''}")
        case _:
            raise errors.UsageInvalid(f"what is {' '.join(call.words)}?", hint=f"duplicati {VERB.usage}")
    return 0


def _list(call: Call, fleet: Fleet, labels: dict[str, str]) -> None:
    from ..asking import make_printer  # noqa: PLC0415

    make_printer(call).print_listing(make_listing("daemons", COLUMNS, fleet.list_daemons(labels)))


def _show(call: Call, daemon: FleetDaemon) -> None:
    from ..asking import make_printer  # noqa: PLC0415

    item = {name: value for name, value in daemon._asdict().items() if name != "inventory"}
    fields = [Field(name.replace("_", " "), value) for name, value in item.items() if name not in ("labels", "facts")]
    fields.append(Field("labels", write_labels(dict(daemon.labels))))
    servers = daemon.inventory.get("Servers") if daemon.inventory else None
    told = {**item, "servers": servers if isinstance(servers, list) else []}
    make_printer(call).print_page(Page("daemon", told, (Section("", fields),), daemon.name))


def _add(call: Call, fleet: Fleet, name: str, labels: dict[str, str]) -> None:
    daemon, token, url = fleet.add_daemon(name, labels)
    if call.value("output") == "json":
        call.console.write(json.dumps({"daemon_id": daemon.daemon_id, "token": token, "url": url}) + "\n")
        return
    call.console.write(f"{url}\n")
    call.console.say("its base URL, a secret that is told only now; or its token as a bearer token:")
    call.console.write(f"{token}\n")
