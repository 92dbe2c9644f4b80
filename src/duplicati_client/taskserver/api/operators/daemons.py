"""Daemons for operators: listed, named, labelled, approved, revoked; plain ones of level 0 are made here."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET

from ... import credentials
from ...errors import DaemonUnknown, Malformed
from ...operators import Operator
from ...parts import Parts
from ...records import Daemon, DaemonState, Role
from ...store.interface import DaemonChange
from .bodies import DaemonChanged, DaemonMade, DaemonTold, NewDaemon, Part
from .conditions import LIMIT_MAX, AnyRequest, make_page, read_if_match, write_etag
from .writing import tell_daemon


@get("/api/v1/daemons")
async def find(  # noqa: PLR0913, PLR0917 - what may be asked for
    request: AnyRequest,
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    label: Annotated[list[str] | None, QueryParameter(max_items=32)] = None,
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = 100,
) -> Response[Part[DaemonTold]]:
    """List daemons by name, without their inventories; each `label=NAME=VALUE` must fit."""
    wanted = {_read_label(text) for text in label or ()}
    page = await parts.store.daemons.find(cursor, limit, operator.labels | wanted)
    return make_page(request, page, [tell_daemon(daemon, has_inventory=False) for daemon in page.items])


def _read_label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Malformed("label is NAME=VALUE")
    return name, value


@post("/api/v1/daemons", status_code=201)
async def add(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], data: JSONBody[NewDaemon]
) -> DaemonMade:
    """Make a plain daemon of level 0; its token, and the path of a base URL of its own, are told only now."""
    operator.require_all(Role.ADMINISTRATOR)
    token = credentials.make(credentials.Kind.DAEMON)
    made = await parts.store.daemons.add(data.name, credentials.digest(token), data.labels, operator.user)
    return DaemonMade(daemon=tell_daemon(made), token=token, path=f"/d/{token}/")


@get("/api/v1/daemons/{daemon:str}")
async def read(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], daemon: FromPath[str]
) -> Response[DaemonTold]:
    """Show a daemon with its inventory."""
    return _answer(await parts.operators.find_daemon(operator, daemon))


@patch("/api/v1/daemons/{daemon:str}")
async def change(
    request: AnyRequest,
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    daemon: FromPath[str],
    data: JSONBody[DaemonChanged],
) -> Response[DaemonTold]:
    """Change name or labels; labels decide who sees it, so only whoever sees all daemons may."""
    operator.require_all(Role.ADMINISTRATOR)
    found = await parts.operators.find_daemon(operator, daemon)
    changed = DaemonChange(
        name=None if data.name is UNSET else data.name,
        labels=None if data.labels is UNSET else data.labels,
        version=read_if_match(request),
    )
    return _answer(await parts.store.daemons.change(found.daemon_id, changed, operator.user))


@post("/api/v1/daemons/{daemon:str}/approve", status_code=200)
async def approve(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], daemon: FromPath[str]
) -> Response[DaemonTold]:
    """Let a waiting daemon in: it gets its token when it asks next."""
    operator.require_all(Role.ADMINISTRATOR)
    found = await parts.operators.find_daemon(operator, daemon)
    if found.state is not DaemonState.WAITING:
        raise Malformed(f"this daemon is {found.state.value}, not waiting")
    approved = DaemonChange(state=DaemonState.ACTIVE, version=found.version)
    return _answer(await parts.store.daemons.change(found.daemon_id, approved, operator.user))


@post("/api/v1/daemons/{daemon:str}/revoke", status_code=200)
async def revoke(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], daemon: FromPath[str]
) -> Response[DaemonTold]:
    """End a daemon's tokens and its tasks for good; what it has begun it may finish, and not report."""
    operator.require_all(Role.ADMINISTRATOR)
    found = await parts.operators.find_daemon(operator, daemon)
    revoked = DaemonChange(state=DaemonState.REVOKED)
    return _answer(await parts.store.daemons.change(found.daemon_id, revoked, operator.user))


@post("/api/v1/daemons/{daemon:str}/choose-instance", status_code=200)
async def choose_instance(
    parts: NamedDependency[Parts], operator: NamedDependency[Operator], daemon: FromPath[str]
) -> Response[DaemonTold]:
    """End a conflict of two machines with one identity, after the wrong one was stopped: the next to come stays."""
    operator.require(Role.OPERATOR)
    found = await parts.operators.find_daemon(operator, daemon)
    return _answer(await parts.store.daemons.choose_instance(found.daemon_id, operator.user))


def _answer(daemon: Daemon | None) -> Response[DaemonTold]:
    if daemon is None:
        raise DaemonUnknown("there is no such daemon")
    return Response(tell_daemon(daemon), headers={"ETag": write_etag(daemon.version), "Cache-Control": "no-store"})


ROUTES: Final = [find, add, read, change, approve, revoke, choose_instance]
