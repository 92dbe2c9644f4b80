"""What this machine knows of each context, without asking a server; and renaming and removing one, step by step.

A context is a table of the configuration and, apart from it, a session and a password. Each step leaves what the next
call of the same command can finish, wherever the machine stops: the configuration, changed at once, always comes last.
"""

from __future__ import annotations

import os
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from ..sdk.auth.modern import read_end_at
from ..sdk.auth.probe import LEGACY
from ..sdk.auth.store import FileSessionStore, Session, read_session_file
from . import exits
from .choosing import choose_targets
from .configuration import TASK_SERVER, find_state_folder
from .connecting import find_session_file, open_server, open_store
from .context import check_name, find_context
from .passwords import find_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .call import Call
    from .context import Target


class ContextSummary(NamedTuple):
    """A context, whether it is the current one, and what is known of its session and of where its password comes from.

    `session` is `alive`, `renewable`, `ended`, `none`, `unknown` (a legacy server does not say how long it keeps one)
    or `keyring` (it is there, and not looked at). `session_ends_at` is when it ends unless it is used before.
    `password_from` is None where a person will be asked.
    """

    name: str
    is_current: bool
    url: str | None
    session: str
    session_ends_at: datetime | None
    generation: str | None
    version: str | None
    password_from: str | None


def summarise_contexts(call: Call, now: datetime | None = None) -> list[ContextSummary]:
    """Return what is known of every context, or of those that the person chose."""
    names: Iterable[str] = call.configuration.contexts
    if {"on", "context"} & set(call.given):
        names = [str(target.context) for target in choose_targets(call)]
    return [_summarise(call, name, now or datetime.now(UTC)) for name in names]


def _summarise(call: Call, name: str, now: datetime) -> ContextSummary:
    url = call.configuration.contexts[name].get("url")
    session = _load_session(call, name, url)
    state, ends_at = _judge(session, now)
    if call.value("keyring_session", name):
        state, ends_at = "keyring", None
    place = next(find_places(call, name, str(url)), None)
    return ContextSummary(
        name=name,
        is_current=name == (call.configuration.current or "").partition("/")[0],
        url=str(url) if url is not None else None,
        session=state,
        session_ends_at=ends_at,
        generation=session.generation if session else None,
        version=session.version if session else None,
        password_from=place.name if place else None,
    )


def _load_session(call: Call, name: str, url: object) -> Session | None:
    path = find_session_file(call, name)
    session = read_session_file(path) if path is not None else None
    return session if session is not None and isinstance(url, str) and session.url == url.rstrip("/") else None


def _judge(session: Session | None, now: datetime) -> tuple[str, datetime | None]:
    if session is None:
        return "none", None
    if session.generation == LEGACY:
        return "unknown", None
    if session.generation == TASK_SERVER and not session.access_ends_at:
        return "alive", None  # a token whose end its owner knows
    access_ends_at = datetime.fromtimestamp(session.access_ends_at, UTC)
    told = read_end_at(session.refresh_token) if session.refresh_token else None
    if session.refresh_token is None:
        return ("alive" if access_ends_at > now else "ended"), access_ends_at
    ends_at = datetime.fromtimestamp(told, UTC) if told is not None else None
    if ends_at is not None and ends_at <= now:
        return "ended", ends_at
    return ("alive" if access_ends_at > now else "renewable"), ends_at


def rename_context(call: Call, old: str, new: str) -> None:
    """Give a context another name: first its session moves, then the configuration changes.

    Stopped in between, the context has its old name and, until the same command is given again, no session.
    """
    find_context(call, old)
    check_name(new)
    _forget_names(call, old)
    if new in call.configuration.contexts:
        raise errors.UsageInvalid(f"there is a context {new} already", hint=f"duplicati config remove {new}")
    before, after = find_session_file(call, old), find_session_file(call, new)
    store = FileSessionStore(before) if before is not None and os.path.exists(before) else None
    with store.lock() if store is not None else nullcontext():
        is_moved = store is not None and _move(str(before), str(after))
        try:
            call.configuration.rename_context(old, new)
        except BaseException:
            if is_moved:
                _move(str(after), str(before))
            raise
    _remove_lock(before)


def remove_contexts(call: Call, names: Sequence[str]) -> int:
    """End the sessions of contexts, forget these and kept passwords, then take them out of the configuration.

    The exit status tells whether every session is proven to be over.
    """
    status = exits.SUCCESS
    for name in names:
        if name not in call.configuration.contexts:
            find_context(call, name)
        if not _remove_context(call, name):
            status = exits.status_of_outcome("unknown")
        call.console.say(f"the context {name} is removed")
    if call.configuration.current in names:
        call.console.say("there is no current context any more: duplicati config use CONTEXT")
    return status


def _remove_context(call: Call, name: str) -> bool:
    has_ended = True
    with suppress(errors.ConfigurationInvalid, errors.InvalidValue):  # one without a usable address has no session
        has_ended = _end_session(call, find_context(call, name))
    if not has_ended:
        call.console.complain(
            f"the context {name} is forgotten here, but its session is not proven to be over",
            "how to end it from elsewhere: docs/explanation/sessions.md",
        )
    _forget_context(call, name)
    return has_ended


def _forget_context(call: Call, name: str) -> None:
    with suppress(errors.ConfigurationInvalid, errors.InvalidValue):
        target = find_context(call, name)
        try:
            _forget_secrets(call, target)
        except (errors.ExtraMissing, errors.InputOutputFailed) as exc:  # a keyring that is gone keeps nobody here
            call.console.complain(f"what is kept for {name} elsewhere stays there: {exc.message}", exc.hint)
    _forget_names(call, name)
    call.configuration.remove_context(name)
    _remove_lock(find_session_file(call, name))


def _end_session(call: Call, target: Target) -> bool:
    try:
        with open_server(call, target) as server:
            return server.session is None or server.logout()
    except errors.DuplicatiClientError as exc:
        call.console.complain(f"the session with {target.url} could not be ended there: {exc.message}")
        return False


def _forget_secrets(call: Call, target: Target) -> None:
    store = open_store(call, target)
    with store.lock():
        store.clear()
    if call.configuration.contexts[str(target.context)].get("keyring") and not _is_shared(call, target):
        from .keyring import open_keyring  # noqa: PLC0415 - an optional part

        open_keyring(call).forget_password(target.url)


def _is_shared(call: Call, target: Target) -> bool:
    others: Iterable[str] = (name for name in call.configuration.contexts if name != target.context)
    tables = [call.configuration.contexts[name] for name in others]
    return any(table.get("keyring") and table.get("url") == target.url for table in tables)


def _move(before: str, after: str) -> bool:
    try:
        os.replace(before, after)
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise errors.InputOutputFailed(f"{before} cannot be renamed: {exc.strerror}") from exc
    return True


def _forget_names(call: Call, name: str) -> None:
    """Remove what completion keeps of a context's server."""
    from .completion.cache import Cache  # noqa: PLC0415 - a context is rarely forgotten

    folder = find_state_folder(call.process.environ)
    if folder is not None:
        Cache(folder, name, "").forget()


def _remove_lock(path: str | None) -> None:
    """Remove the lock file of a context that is no more; whoever still waits for it finds no context."""
    if path is not None:
        with suppress(OSError):
            os.unlink(f"{path}.lock")
