"""Requests with a login on them and answers decoded: renewal, one replay, errors; the nouns speak through it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from .. import errors
from ..http import LIST_ANSWER_BYTES, SMALL_ANSWER_BYTES, Answer, Request, Transport
from . import answers
from .auth.credentials import Credentials
from .auth.probe import LEGACY, MODERN, probe
from .auth.store import SessionStore, load_own
from .refusals import explain

if TYPE_CHECKING:
    from .auth.legacy import LegacyAccess
    from .auth.modern import ModernAccess
    from .models import SystemInfo

_VERSION_CHARACTERS = 100  # a session is a small file, whatever a server calls itself
_HIDDEN = "********"
_SHORTEST_SECRET = 4  # what is shorter stands in any sentence
Query = Mapping[str, str | int | bool | None]


class Channel:
    """One server as its nouns see it. Its generation is found out at the first use, or known from the session."""

    def __init__(self, transport: Transport, credentials: Credentials, store: SessionStore) -> None:
        self.transport = transport
        self.credentials = credentials
        self.store = store
        self._generation: str | None = None
        self._system: SystemInfo | None = None
        self._access: ModernAccess | LegacyAccess | None = None

    @property
    def generation(self) -> str:
        """`modern` or `legacy`; asks the server once."""
        if self._generation is None:
            stored = load_own(self.store, self.transport.base_url)
            known = stored.generation if stored is not None else None
            self._generation = known if known in (MODERN, LEGACY) else probe(self.transport).generation
        return self._generation

    @property
    def is_legacy(self) -> bool:
        """Say whether the server speaks the interface of 2.0."""
        return self.generation == LEGACY

    @property
    def access(self) -> ModernAccess | LegacyAccess:
        """What gets requests in."""
        if self._access is None:
            self._access = self._make_access()
        return self._access

    def _make_access(self) -> ModernAccess | LegacyAccess:
        if self.is_legacy:
            from .auth.legacy import LegacyAccess  # noqa: PLC0415 - one of the two is ever needed

            return LegacyAccess(self.transport, self.credentials, self.store)
        from .auth.modern import ModernAccess  # noqa: PLC0415

        return ModernAccess(self.transport, self.credentials, self.store)

    def probe_again(self) -> None:
        """Find out the generation anew, whatever is stored: the server may have been upgraded since."""
        self._access = self._system = None
        self._generation = probe(self.transport).generation

    @property
    def system(self) -> SystemInfo:
        """The server's description, asked once; it is large, see `release` for the version alone."""
        from .models import SystemInfo  # noqa: PLC0415

        if self._system is None:
            raw = self.get("api/v1/systeminfo", "the description of the server", max_bytes=LIST_ANSWER_BYTES)
            self._system = SystemInfo.read(raw)
            self._remember_version(self._system.version)
        return self._system

    @property
    def release(self) -> tuple[int, ...]:
        """The server's version as numbers, from the stored session if it is known there."""
        from .models import read_release  # noqa: PLC0415

        stored = load_own(self.store, self.transport.base_url) if self._system is None else None
        if stored is not None and stored.version is not None:
            return read_release(stored.version)
        return self.system.release

    def _remember_version(self, version: str) -> None:
        with self.store.lock():
            stored = load_own(self.store, self.transport.base_url)
            if stored is not None and stored.version != version and len(version) <= _VERSION_CHARACTERS:
                self.store.save(stored._replace(version=version))

    def get(
        self, path: str, what: str, *, query: Query | None = None, max_bytes: int = SMALL_ANSWER_BYTES,
        deadline_seconds: float = 30.0,
    ) -> Any:  # fmt: skip
        """Read something; the decoded JSON, or None for an empty body. Safe to repeat."""
        request = Request("GET", add_query(path, query), {}, None, deadline_seconds, max_bytes)
        return self._ask(request, what)

    def post(self, path: str, what: str, *, body: Any = None, form: Mapping[str, str] | None = None) -> Any:
        """Ask for something with an effect, with a JSON body or (legacy) a form; decoded JSON, or None."""
        if form is not None:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._ask(Request("POST", path, headers, urlencode(form).encode()), what)
        return self._ask(_json_request("POST", path, body), what)

    def put(self, path: str, what: str, body: Any) -> Any:
        """Replace something."""
        return self._ask(_json_request("PUT", path, body), what)

    def patch(self, path: str, what: str, body: Any) -> Any:
        """Change parts of something."""
        return self._ask(_json_request("PATCH", path, body), what)

    def delete(self, path: str, what: str) -> Any:
        """Remove something."""
        return self._ask(Request("DELETE", path), what)

    def _ask(self, request: Request, what: str) -> Any:
        with self.discreet():
            return self._decode(self.send(request), what)

    @contextmanager
    def discreet(self) -> Iterator[None]:
        """Take out of an error's message what lets us in: error pages may repeat the request they are about."""
        try:
            yield
        except errors.DuplicatiClientError as exc:
            session = self.store.load()
            known = (session.access_token, session.refresh_token, session.refresh_nonce, session.xsrf_token,
                     session.session_token) if session else ()  # fmt: skip
            for secret in filter(None, (*self.credentials.known, *known)):
                for form in (secret, quote(secret), quote(secret, safe="")):
                    exc.message = exc.message.replace(form, _HIDDEN) if len(form) >= _SHORTEST_SECRET else exc.message
            exc.args = (exc.message,)
            raise

    def send(self, request: Request) -> Answer:
        """Send with the login on it; renew once and send again when the login, and only that, was refused."""
        used = self.access.headers()
        answer = self.transport.send(_with_headers(request, used))
        if not self._is_login_refused(request, answer):
            return answer
        if not self.access.renew(used) and answer.status != 500:
            return answer
        return self.transport.send(_with_headers(request, self.access.headers()))

    def _is_login_refused(self, request: Request, answer: Answer) -> bool:
        if self.is_legacy:
            return not answer.body and (answer.status == 401 or (answer.status == 400 and "XSRF" in answer.reason))
        if answer.status == 401:
            return not answer.body
        # A revoked token gives an empty 500 (2.3.1.0 auth:53), but so did one poll in 2.1.0.5 (extra:30): replaying
        # is harmless for reading only.
        return answer.status == 500 and not answer.body and request.method == "GET"

    def _decode(self, answer: Answer, what: str) -> Any:
        if 200 <= answer.status < 300:
            return answers.decode(answer, what)
        error = explain(answer, what)
        if answer.status == 401 and not answer.body:
            url = self.transport.base_url
            error = errors.SessionEnded(f"{url} refuses the session", hint=f"duplicati login {url}")
        raise error


def _json_request(method: str, path: str, body: Any) -> Request:
    if body is None:
        return Request(method, path)
    return Request(method, path, {"Content-Type": "application/json"}, json.dumps(body).encode())


def add_query(path: str, query: Query | None) -> str:
    """Append a query; None leaves a value out, booleans are written as the server wants them (API reference, 1.7)."""
    pairs = [(name, _query_text(value)) for name, value in (query or {}).items() if value is not None]
    return f"{path}?{urlencode(pairs, quote_via=quote)}" if pairs else path


def _query_text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_headers(request: Request, headers: Mapping[str, str]) -> Request:
    return request._replace(headers={**request.headers, **headers})
