"""`task-server init`: makes a store and its administrator, and serves nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..verbs import Verb
from .placing import DATA, DATABASE, find_folder, find_url, libraries, opened

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "task-server init",
    "task-server init [options]",
    "Make the store of a task server and its administrator, and print a token for them, once. The first run does the "
    "same; this is for an installer, which starts the server later and as somebody else. It may be repeated.",
    options=(DATA, DATABASE),
    examples=(
        ("duplicati task-server init --data /var/lib/duplicati-task-server", "in a folder of its own"),
        ("duplicati task-server init --database postgresql://tasks@db.example.org/tasks", "the tables, and who may in"),
        ("duplicati task-server init --output json", "for a program"),
    ),
    statuses=(0, 64, 75, 78),
)


def perform(call: Call) -> int:
    """Make them."""
    with libraries():
        import asyncio  # noqa: PLC0415 - not for --help

        from ...taskserver import founding, places  # noqa: PLC0415
    url = find_url(call)
    if url is not None:
        with opened():
            token = asyncio.run(founding.make_store(url))
        _tell(call, "the database", token)
        return 0
    folder = find_folder(call)
    place = places.prepare_folder(folder)
    lock = places.Lock(folder)
    try:
        places.make_private(place)
        with opened():
            token = asyncio.run(founding.make_store(place))
    finally:
        lock.close()
    _tell(call, folder, token)
    return 0


def _tell(call: Call, where: str, token: str | None) -> None:
    if call.value("output") == "json":
        call.console.write(json.dumps({"Store": where, **({"AdminToken": token} if token else {})}) + "\n")
        return
    if token is None:
        call.console.say(f"{where} has a store and an administrator already")
        return
    call.console.write(
        f"The store is in {where}\n\nIts administrator's token, which is told only now:\n  {token}\n\n"
        "Next:\n"
        "  duplicati task-server run              with the same --data or --database\n"
        "  duplicati login URL                    at the address that it tells; paste the token when it asks\n"
        "  duplicati task-server code             makes a code for a daemon\n"
    )
