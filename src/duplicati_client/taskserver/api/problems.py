"""Errors as problem documents (RFC 9457): a stable type for programs, a sentence for people, never what was sent."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from ...protocol import codec
from ..errors import Denied

TYPE: Final = "urn:duplicati-task:"
MEDIA_TYPE: Final = "application/problem+json"

_LOGGER: Final = logging.getLogger(__name__)
_CODES: Final = {
    400: "malformed",
    401: "token-refused",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "encoding-refused",
    429: "too-many-requests",
    500: "internal",
    503: "unavailable",
}


Problem = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


def write_problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """Return a problem as it is sent."""
    members = {"type": TYPE + code, "title": code.replace("-", " "), "status": status, "detail": detail}
    return status, {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", **(headers or {})}, codec.encode(members)


def write_denied(exc: Denied) -> Problem:
    """Return what was understood and not carried out as it is sent."""
    headers = {"Retry-After": str(exc.retry_after_seconds)} if exc.status in (429, 503) else {}
    if exc.status == 401:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    detail = exc.message if exc.hint is None else f"{exc.message}; {exc.hint}"
    return write_problem(exc.status, exc.code, detail, headers)


def _answer(problem: Problem) -> Response[bytes]:
    status, headers, body = problem
    others = {name: value for name, value in headers.items() if name != "Content-Type"}
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=others)


def tell_denied(_: Request[Any, Any, Any], exc: Denied) -> Response[bytes]:
    """Answer what was understood and not carried out."""
    return _answer(write_denied(exc))


def tell_http(_: Request[Any, Any, Any], exc: HTTPException) -> Response[bytes]:
    """Answer what the framework refused; of a value that does not fit only its name is told."""
    status = exc.status_code
    detail = str(exc.detail)
    if isinstance(exc, ValidationException):
        names = [str(one.get("key")) for one in exc.extra or () if isinstance(one, dict) and one.get("key")]
        detail = f"these do not fit: {', '.join(sorted(names))}" if names else "the request does not fit"
    elif status not in (405, 413):
        detail = _CODES.get(status, "refused").replace("-", " ")
    return _answer(write_problem(status, _CODES.get(status, "refused"), detail, exc.headers))


def tell_nested(_: Request[Any, Any, Any], __: RecursionError) -> Response[bytes]:
    """Answer a body whose arrays lie in each other so deep that its reader gave up."""
    return _answer(write_problem(400, "malformed", "the body is nested too deep"))


def tell_internal(_: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """Answer a bug without a word of it; the log has it."""
    return _answer(write_internal(exc))


def write_internal(exc: Exception) -> Problem:
    """Log where a bug is, without its message, which may hold what was sent; return the problem for it."""
    places = "".join(traceback.format_tb(exc.__traceback__))
    _LOGGER.error("a mistake of the task server: %s\n%s", type(exc).__name__, places)
    return write_problem(500, "internal", "the task server made a mistake; its log says where")
