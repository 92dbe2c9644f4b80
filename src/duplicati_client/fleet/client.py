"""One task server, for operators: a request a method, typed answers, one error for each way it can go wrong."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from .. import errors
from ..http import Answer, ConnectionSettings, Request, SocketTransport, Transport
from ..protocol import codec
from ..protocol.exchange import read_problem
from .models import (
    FleetAudit,
    FleetCode,
    FleetDaemon,
    FleetTask,
    FleetToken,
    FleetUser,
    Operator,
    read_audit,
    read_code,
    read_daemon,
    read_object,
    read_operator,
    read_task,
    read_token,
    read_user,
    take,
)

T = TypeVar("T")

API: Final = "api/v1"
WAIT_SECONDS: Final = 50
_EXTRA_SECONDS = 15.0
_ANSWER_BYTES = 16 * 1024 * 1024
_PAGES_COUNT = 10_000
_TEXT_CHARACTERS = 300
_TOKEN = re.compile(r"dco_[0-9A-Za-z]{49}")


class Session(NamedTuple):
    """What a login gave: the token is a secret."""

    token: str
    user: str
    role: str


class Given(NamedTuple):
    """Who shall get a task: a daemon by id or name, or every daemon with all these labels."""

    daemon: str | None = None
    labels: Mapping[str, str] | None = None


class Fleet:
    """A task server by URL and an operator's token; may be used by one thread at a time."""

    def __init__(self, transport: Transport, token: str | None) -> None:
        if token is not None and not _TOKEN.fullmatch(token):
            raise errors.InvalidValue("this is no operator's token", hint="it begins with dco_ and has 53 characters")
        self._transport, self._token = transport, token

    @classmethod
    def open(cls, url: str, token: str | None, settings: ConnectionSettings | None = None) -> Fleet:
        """Return one that connects when it is asked first; raises `InvalidValue`."""
        return cls(SocketTransport(url, settings or ConnectionSettings()), token)

    @property
    def url(self) -> str:
        """The task server's base URL."""
        return self._transport.base_url

    def close(self) -> None:
        """Give up kept connections."""
        self._transport.close()

    # --- who we are -----------------------------------------------------------------------------------

    def log_in(self, user: str, password: str) -> Session:
        """Exchange a password for a token that lives twelve hours; raises `LoginRefused`, `Overloaded`."""
        item = read_object(self._ask("POST", "sessions", {"User": user, "Password": password}))
        return Session(take(item, "Token", str), take(item, "User", str), take(item, "Role", str))

    def log_out(self) -> None:
        """End the token."""
        self._ask("DELETE", "sessions/current")

    def get_operator(self) -> Operator:
        """Return who we are and what server it is."""
        return read_operator(self._ask("GET", "me"))

    # --- daemons --------------------------------------------------------------------------------------

    def list_daemons(self, labels: Mapping[str, str] | None = None) -> list[FleetDaemon]:
        """Return the daemons that have all these labels, by name, without their inventories."""
        query = [("label", f"{name}={value}") for name, value in (labels or {}).items()]
        return list(self._pages("daemons", query, read_daemon))

    def get_daemon(self, selector: str) -> FleetDaemon:
        """Return a daemon by id or name with its inventory; raises `NotFound`."""
        return read_daemon(self._ask("GET", f"daemons/{_segment(selector)}"))

    def change_daemon(self, selector: str, action: str) -> FleetDaemon:
        """`approve`, `revoke` or `choose-instance`."""
        return read_daemon(self._ask("POST", f"daemons/{_segment(selector)}/{action}"))

    def set_daemon(self, selector: str, changes: Mapping[str, Any]) -> FleetDaemon:
        """Change `Name` or `Labels`."""
        return read_daemon(self._ask("PATCH", f"daemons/{_segment(selector)}", changes))

    def add_daemon(self, name: str, labels: Mapping[str, str]) -> tuple[FleetDaemon, str, str]:
        """Make a plain daemon; returns it, its token and the base URL with the token in it, both secrets."""
        item = read_object(self._ask("POST", "daemons", {"Name": name, "Labels": dict(labels)}))
        url = self.url + take(item, "Path", str).rstrip("/")
        return read_daemon(item.get("Daemon")), take(item, "Token", str), url

    # --- tasks ----------------------------------------------------------------------------------------

    def create(self, given: Given, content: Mapping[str, Any], key: str | None = None) -> list[FleetTask]:
        """Give a task; safe to repeat with the same key."""
        whom = {"Selector": dict(given.labels)} if given.labels is not None else {"Daemon": given.daemon}
        headers = {"Idempotency-Key": key or secrets.token_hex(16)}
        item = read_object(self._ask("POST", "tasks", {**whom, "Task": dict(content)}, headers))
        return [read_task(one) for one in take(item, "Items", list)]

    def list_tasks(self, daemon: str | None = None, state: str | None = None, limit: int = 100) -> list[FleetTask]:
        """Return the newest tasks, newest first, without their data."""
        said = (("daemon", daemon), ("state", state), ("limit", str(min(limit, 500))))
        found = []
        for task in self._pages("tasks", [(name, value) for name, value in said if value], read_task):
            found.append(task)
            if len(found) == limit:
                break
        return found

    def get_task(self, daemon: str, number: int) -> FleetTask:
        """Return a task with its data; raises `NotFound`."""
        return read_task(self._ask("GET", _path_of(daemon, number)))

    def look_at_task(
        self, daemon: str, number: int, known: str | None = None, wait_seconds: int = 0
    ) -> tuple[FleetTask | None, str | None]:
        """Return a task and its version; None where it stays the `known` version for so many seconds, 50 at most."""
        headers: dict[str, str] = {}
        if known is not None:
            headers = {"If-None-Match": known, "Prefer": f"wait={min(wait_seconds, WAIT_SECONDS)}"}
        answer = self._send("GET", _path_of(daemon, number), None, headers)
        if answer.status == 304:
            return None, known
        return read_task(_read(answer)), answer.header("etag")

    def cancel_task(self, daemon: str, number: int) -> FleetTask:
        """End a waiting task, or ask its daemon to stop it; returns what is true now."""
        return read_task(self._ask("POST", f"{_path_of(daemon, number)}/cancel"))

    def reassign_task(self, daemon: str, number: int) -> FleetTask:
        """Offer an open task again; what still comes of the attempt before is not applied."""
        return read_task(self._ask("POST", f"{_path_of(daemon, number)}/reassign"))

    # --- who may come in ------------------------------------------------------------------------------

    def list_codes(self) -> list[FleetCode]:
        """Return the codes that can still be used."""
        return list(self._pages("codes", [], read_code))

    def add_code(self, wanted: Mapping[str, Any]) -> FleetCode:
        """Make an enrolment code from `Uses`, `Name`, `Labels`, `LifeSeconds`, `Approve`; its text is a secret."""
        return read_code(self._ask("POST", "codes", wanted))

    def revoke_code(self, code_id: str) -> None:
        """End a code."""
        self._ask("DELETE", f"codes/{_segment(code_id)}")

    def list_users(self) -> list[FleetUser]:
        """Return all operators."""
        return list(self._pages("users", [], read_user))

    def add_user(self, wanted: Mapping[str, Any]) -> FleetUser:
        """Make an operator from `Name`, `Password`, `Role`, `Scope`."""
        return read_user(self._ask("POST", "users", wanted))

    def change_user(self, name: str, changes: Mapping[str, Any]) -> FleetUser:
        """Change `Password`, `Role`, `Scope` or `Disabled`."""
        return read_user(self._ask("PATCH", f"users/{_segment(name)}", changes))

    def remove_user(self, name: str) -> None:
        """Remove an operator with all tokens."""
        self._ask("DELETE", f"users/{_segment(name)}")

    def list_tokens(self) -> list[FleetToken]:
        """Return our tokens; an administrator gets everybody's."""
        return list(self._pages("tokens", [], read_token))

    def add_token(self, wanted: Mapping[str, Any]) -> FleetToken:
        """Make a token from `Note`, `Role`, `Scope`, `LifeSeconds`; its text is a secret."""
        return read_token(self._ask("POST", "tokens", wanted))

    def revoke_token(self, token_id: str) -> None:
        """End a token."""
        self._ask("DELETE", f"tokens/{_segment(token_id)}")

    def list_audit(self, limit: int) -> list[FleetAudit]:
        """Return the newest entries, newest first."""
        found = []
        for entry in self._pages("audit", [("limit", str(min(limit, 500)))], read_audit):
            found.append(entry)
            if len(found) == limit:
                break
        return found

    def check_audit(self) -> int | None:
        """Let the server add up its audit log; returns the first wrong entry, None if all are right."""
        item = read_object(self._ask("POST", "audit/check"))
        return None if take(item, "Sound", bool) else take(item, "FirstWrong", int)

    def get_settings(self) -> dict[str, int]:
        """Return what can be changed while the server runs, by the names of the API, such as `TasksDays`."""
        return _read_numbers(self._ask("GET", "settings"))

    def change_settings(self, changes: Mapping[str, int]) -> dict[str, int]:
        """Change some and return all; raises `InvalidValue` for a name or value that there may not be."""
        return _read_numbers(self._ask("PATCH", "settings", changes))

    # --- requests -------------------------------------------------------------------------------------

    def _pages(self, path: str, query: Sequence[tuple[str, str]], read: Callable[[Any], T]) -> Iterator[T]:
        cursor: str | None = None
        for _ in range(_PAGES_COUNT):
            more = [("cursor", cursor)] if cursor is not None else []
            text = urlencode([*query, *more])
            item = read_object(self._ask("GET", f"{path}?{text}" if text else path))
            for one in take(item, "Items", list):
                yield read(one)
            following = item.get("Next")
            if not isinstance(following, str) or following == cursor:
                return
            cursor = following
        raise errors.NotUnderstood("the task server's listing has no end")

    def _ask(
        self, method: str, path: str, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        answer = self._send(method, path, members, headers or {})
        return None if answer.status == 204 else _read(answer)

    def _send(self, method: str, path: str, members: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Answer:
        who = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        body = None if members is None else codec.encode(members)
        kind = {"Content-Type": "application/json"} if body is not None else {}
        answer = self._transport.send(
            Request(
                method,
                f"{API}/{path}",
                {"Accept": "application/json", **who, **kind, **headers},
                body,
                deadline_seconds=WAIT_SECONDS + _EXTRA_SECONDS,
                max_bytes=_ANSWER_BYTES,
            )
        )
        if answer.status not in (200, 201, 204, 304):
            raise _translate(answer)
        return answer


def _read(answer: Answer) -> Any:
    try:
        value = codec.decode(answer.body)
    except codec.Undecodable as exc:
        raise errors.NotUnderstood("the task server's answer is no JSON that can be read") from exc
    if codec.find_refused(value) is not None:
        raise errors.NotUnderstood("the task server's answer is no JSON that can be read")
    return value


def _read_numbers(value: Any) -> dict[str, int]:
    return {name: take(read_object(value), name, int) for name in read_object(value) if name != "Version"}


def _translate(answer: Answer) -> errors.DuplicatiClientError:
    """Return the error that a problem document stands for; decides on status and type, tells the detail."""
    kind, detail = read_problem(answer.body), _find_detail(answer)
    if kind is None:
        return errors.NotUnderstood(f"this is no task server: it answered {answer.status} with no problem document")
    if kind == "login-refused":
        return errors.LoginRefused(detail)
    if answer.status == 401:
        return errors.SessionEnded("the task server does not know this token any more", hint="log in again")
    if kind == "not-allowed":
        return errors.RoleMissing(detail)
    kinds: dict[int, type[errors.DuplicatiClientError]] = {
        400: errors.InvalidValue,
        403: errors.NotAllowed,
        404: errors.NotFound,
        409: errors.Busy,
        412: errors.ChangedMeanwhile,
        413: errors.InvalidValue,
        429: errors.Overloaded,
        503: errors.Overloaded,
    }
    return kinds.get(answer.status, errors.ServerFailed)(detail)


def _find_detail(answer: Answer) -> str:
    try:
        value = codec.decode(answer.body)
    except codec.Undecodable:
        value = None
    detail = value.get("detail") if isinstance(value, dict) else None
    text = detail if isinstance(detail, str) else f"the task server answered {answer.status}"
    return text[:_TEXT_CHARACTERS]


def _path_of(daemon: str, number: int) -> str:
    return f"tasks/{_segment(daemon)}/{int(number)}"


def _segment(text: str) -> str:
    """Return a name as one segment of a path; raises `InvalidValue` for one that would be none or another."""
    if not text or text in (".", "..") or "/" in text or len(text) > 128:
        raise errors.InvalidValue(f"there can be no {text[:80]!a}")
    return quote(text, safe="")
