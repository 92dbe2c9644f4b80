"""Between the modern API's handlers and the wire: flags and numbers of a query, envelopes, and errors as answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..engine import contents
from ..engine.failures import BadBinding, OperationFailed, Refused, Unexpected
from ..release import Release
from ..web.serve import (
    Call,
    Handler,
    Reply,
    Upgrade,
    empty_reply,
    envelope_error_reply,
    error_reply,
    json_reply,
    read_members,
)

GENERIC = "An error occurred"
Answer = Callable[[Call], Awaitable[Reply]]


def flag(call: Call, name: str, *, default: bool = False) -> bool:
    """Read a yes-or-no query value; BadBinding for anything but `true` and `false`."""
    text = call.query.get(name)
    if text is None:
        return default
    if text.lower() not in {"true", "false"}:
        raise BadBinding
    return text.lower() == "true"


def number(call: Call, name: str) -> int | None:
    """Read a whole number of the query; None without one; BadBinding for a wrong one."""
    text = call.query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise BadBinding from None


def page_size(call: Call) -> int:
    """Read `pagesize`: 100 unless told, kept between 10 and 500."""
    size = number(call, "pagesize")
    return 100 if size is None else min(max(size, 10), 500)


def required(members: dict[str, Any], *names: str) -> None:
    """Insist on members, which may be null."""
    if any(name not in members for name in names):
        raise BadBinding


def members_of(call: Call) -> dict[str, Any]:
    """Read a body that must be an object; names in lower case."""
    return read_members(call)


def task_reply(task_id: int) -> Reply:
    """Answer that a task was queued."""
    return json_reply({"Status": "OK", "ID": task_id})


def envelope(data: Any, *, page_info: dict[str, Any] | None = None) -> Reply:
    """Answer a V2 call that went well."""
    value: dict[str, Any] = {"PageInfo": page_info} if page_info is not None else {}
    return json_reply(value | {"Data": data, "Success": True, "Error": None, "StatusCode": "OK"})


def v1(answer: Answer, release: Release) -> Handler:
    """Make a handler that words failures as V1 does."""

    async def handle(call: Call) -> Reply | Upgrade:
        refusal: BadBinding | Unexpected | Refused
        try:
            return await answer(call)
        except OperationFailed as failure:
            refusal = contents.refusal_of(failure, has_help_ids=release.has_help_ids)
        except (BadBinding, Unexpected, Refused) as other:
            refusal = other
        return _v1_error(refusal, release)

    return handle


def _v1_error(refusal: BadBinding | Unexpected | Refused, release: Release) -> Reply:
    if isinstance(refusal, Refused):
        return error_reply(refusal.status, refusal.text, help_id=refusal.help_id if release.has_help_ids else None)
    return empty_reply(400) if isinstance(refusal, BadBinding) else error_reply(500, GENERIC)


def v2(answer: Answer) -> Handler:
    """Make a handler that words failures as V2 does: 200 and `Success` false."""

    async def handle(call: Call) -> Reply | Upgrade:
        try:
            return await answer(call)
        except Refused as refusal:
            return envelope_error_reply(refusal.text, refusal.help_id or f"HTTP-{refusal.status}")
        except OperationFailed as failure:
            if failure.help_id is None:
                return error_reply(500, GENERIC)
            return envelope_error_reply(failure.message, failure.help_id)
        except BadBinding:
            return empty_reply(400)
        except Unexpected:
            return error_reply(500, GENERIC)

    return handle
