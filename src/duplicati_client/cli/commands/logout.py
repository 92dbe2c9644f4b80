"""`logout`: ends a session, on the server too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ...sdk.auth.probe import LEGACY, MODERN
from .. import exits
from ..asking import Answer, ask
from ..choosing import choose_targets
from ..context import is_fleet
from ..options import Option
from ..reach import Here
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call
    from ..reach import Reach
    from ..talk import Talk

VERB = Verb(
    "logout",
    "logout [options]",
    "End the session, on the server too; the context stays, for the next login.",
    options=(Option("forget", "also remove the context and its kept password", "flag", places="o", scope="logout"),),
    examples=(
        ("duplicati logout", "of the current context"),
        ("duplicati logout --context nas --forget", "for good: config remove nas does the same"),
    ),
    statuses=(0, 6, 69),
)

# A changed password ends none (2.3.1.0 extra:48); sessions of 2.0 live in the server's memory (2.0.8.1, 761).
_ENDING_ALL = {
    MODERN: "restart the server with --webservice-reset-jwt-config, which ends every session",
    LEGACY: "restart the server, which ends every session",
}


def perform(call: Call) -> int:
    """End the session of every server that is meant."""
    targets = choose_targets(call)
    contexts = [target.context for target in targets if target.context is not None]
    if call.flag("forget") and contexts:
        from ..contexts import remove_contexts  # noqa: PLC0415 - most people come back

        return remove_contexts(call, contexts)
    fleets = {target.context: target for target in targets if is_fleet(call, target.context)}
    status = exits.SUCCESS
    for target in fleets.values():
        from ..fleets import log_out  # noqa: PLC0415 - most servers are Duplicati

        log_out(call, target)
    others = [target for target in targets if not is_fleet(call, target.context)]
    if others:
        status = ask(call, _log_out, targets=others)
    if any(call.value("keyring", context) for context in contexts):
        call.console.say("the password stays in the keyring; to remove it too: duplicati logout --forget")
    return status


def _log_out(reach: Reach, talk: Talk) -> Answer:
    if not isinstance(reach, Here):
        raise errors.UsageInvalid("one logs out of a task server, not of what is reached through it")
    server = reach.server
    if server.session is None:
        talk.say(f"there is no session for {server.url}")
        return Answer()
    if server.logout():
        talk.say(f"logged out of {server.url}")
        return Answer()
    talk.complain(
        f"the session is forgotten here, but {server.url} does not prove that it is over",
        _ENDING_ALL[server.generation],
    )
    return Answer(status=exits.status_of_outcome("unknown"))
