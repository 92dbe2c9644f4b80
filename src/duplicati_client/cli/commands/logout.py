"""`logout`: ends a session, on the server too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from .. import exits
from ..asking import Answer, ask
from ..context import choose_targets
from ..options import Option
from ..verbs import Verb

if TYPE_CHECKING:
    from ...sdk.client import Duplicati
    from ..call import Call
    from ..talk import Talk

VERB = Verb(
    "logout",
    "logout [options]",
    "End the session, on the server too; the context stays, for the next login.",
    options=(Option("forget", "also remove the context from the configuration", "flag", places="o", scope="logout"),),
    examples=(("duplicati logout", "of the current context"), ("duplicati logout --context nas --forget", "for good")),
    statuses=(0, 6, 69),
)


def perform(call: Call) -> int:
    """End the session of every server that is meant."""
    targets = choose_targets(call)
    status = ask(call, _log_out)
    if call.flag("forget"):
        _forget(call, [target.context for target in targets if target.context is not None])
    return status


def _log_out(server: Duplicati, talk: Talk) -> Answer:
    if server.session is None:
        talk.say(f"there is no session for {server.url}")
        return Answer()
    if server.logout():
        talk.say(f"logged out of {server.url}")
        return Answer()
    talk.complain(
        f"the session is forgotten here, but {server.url} does not prove that it is over",
        "change the server's password to end every session",
    )
    return Answer(status=exits.status_of_outcome("unknown"))


def _forget(call: Call, names: list[str]) -> None:
    changes: dict[tuple[str, ...], object] = {("contexts", name): None for name in names}
    if call.configuration.current in names:
        changes[("current",)] = None
    try:
        call.configuration.set(changes)
    except errors.CannotCreate as exc:
        call.console.complain(exc.message, exc.hint)
