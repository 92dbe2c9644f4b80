"""Contexts that are task servers: logged in to, out of, and opened with the token that was kept."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from ..fleet.client import Fleet
from ..sdk.auth.store import Session, load_own
from .configuration import TASK_SERVER
from .connecting import open_store, read_connection
from .passwords import find_password

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call import Call
    from .context import Target

_TOKEN_BEGINNING = "dco_"  # noqa: S105 - how tokens begin, not one


class LoggedIn(NamedTuple):
    """What a login came to."""

    url: str
    user: str
    role: str
    version: str


def is_task_server(call: Call, target: Target) -> bool:
    """Ask whether a task server is at an address; never raises."""
    try:
        with closing(_open(call, target, None)) as fleet:
            fleet.get_operator()
    except errors.SessionEnded:
        return True
    except errors.DuplicatiClientError:
        return False
    return True


def log_in(call: Call, target: Target, user: str, ask: Callable[[str], str]) -> LoggedIn:
    """Log in with a token, or with a user's password, and keep the token; raises `LoginRefused`, `LoginMissing`."""
    secret = find_password(call, target.context, target.url)
    if secret is None:
        if not call.console.is_stdin_terminal:
            raise errors.LoginMissing(
                f"{target.url} wants a token",
                hint="give it with --password-file, --password-stdin or DUPLICATI_CLIENT_PASSWORD",
            )
        secret = ask(f"Token, or password of {user}, for {target.url}: ")
    token, is_given = secret, secret.startswith(_TOKEN_BEGINNING)
    if not is_given:
        with closing(_open(call, target, None)) as fleet:
            token = fleet.log_in(user, secret).token
    with closing(_open(call, target, token)) as fleet:
        operator = fleet.get_operator()
    store = open_store(call, target)
    store.reserve()
    # Who gives a token keeps it when they log out; one that a login made has an end, and ends then.
    ends_at = 0.0 if is_given or operator.expires_at is None else operator.expires_at.timestamp()
    store.save(Session(target.url, TASK_SERVER, access_token=token, access_ends_at=ends_at))
    return LoggedIn(target.url, operator.user, operator.role, operator.version)


def log_out(call: Call, target: Target) -> None:
    """End the login, on the task server too; a token that was given is only forgotten here. Says what came of it."""
    store = open_store(call, target)
    name = target.context or target.label
    session = load_own(store, target.url, TASK_SERVER)
    if session is None or session.access_token is None:
        call.console.say(f"there is no session for {name}")
        return
    if session.access_ends_at:
        with closing(_open(call, target, session.access_token)) as fleet, suppress(errors.SessionEnded):
            fleet.log_out()
    store.clear()
    goes_on = "" if session.access_ends_at else "; the token itself goes on: duplicati task-server tokens"
    call.console.say(f"logged out of the task server {target.url}{goes_on}")


def open_target(call: Call, target: Target) -> Fleet:
    """Return a task server with the token that was kept; raises `LoginMissing`."""
    session = load_own(open_store(call, target), target.url, TASK_SERVER)
    if session is None or session.access_token is None:
        raise errors.LoginMissing(f"there is no login for {target.label}", hint=f"duplicati login {target.url}")
    return _open(call, target, session.access_token)


def _open(call: Call, target: Target, token: str | None) -> Fleet:
    connection = read_connection(call, target.context)
    make_transport = call.process.make_transport
    if make_transport is not None:
        return Fleet(make_transport(target.url, connection), token)
    return Fleet.open(target.url, token, connection)
