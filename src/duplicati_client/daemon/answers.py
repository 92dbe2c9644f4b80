"""What each answer of a task server means for the daemon, as one table and one error a row; sends nothing itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Final, NoReturn
from urllib.parse import urljoin, urlsplit

from .. import errors
from ..http import Answer
from ..protocol import codec
from ..protocol.exchange import INSTANCE_CONFLICT, TOO_MANY_CODES, read_problem
from ..protocol.result import Recorded, Result, read_receipt

RETRY_AFTER_SECONDS_MAX: Final = 3600.0
_SNIPPET_CHARACTERS = 200
_RECEIPT_TEXT_BYTES = 1024
_LATER = (407, 408, 425, 429)
_PORTS = {"http": 80, "https": 443}


class Asked(Enum):
    """What a request was for; an answer means something else to each."""

    STATUS = "to say whether there are tasks"
    TASKS = "to give its tasks"
    RESULT = "to take a result"
    EXTRA = "what only level 1 knows"
    """Heartbeat, inventory, enrolment, a new token."""


class LinkFailed(errors.DuplicatiClientError):
    """The task server did not do what was asked of it; nothing is lost, and nothing of its answer is believed."""

    code = "task-server-failed"
    is_retryable = True


class Away(LinkFailed, errors.Unreachable):
    """No answer came, or one that says: later. `retry_after_seconds` is what it asked for, None where it did not."""

    code = "task-server-away"
    default_hint = "a running daemon tries again by itself; duplicati daemon check looks at each step of the way"

    def __init__(self, message: str, *, hint: str | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class Undecodable(LinkFailed, errors.NotUnderstood):
    """Something answered, but not as a task server does: a login portal, a proxy's page, a damaged body."""

    code = "task-server-not-understood"
    default_hint = "is this the task server's address? a proxy or a network's login page may answer in its place"


class CredentialRefused(LinkFailed, errors.NotAllowed):
    """The token is wrong, expired or revoked. Everything is kept."""

    code = "credential-refused"
    default_hint = "tasks and results are kept; enrol anew: duplicati daemon enrol CODE@URL"


class InstanceConflict(LinkFailed, errors.Busy):
    """Another machine, or a copy of this one, uses the same identity; no task is fetched until an operator chose."""

    code = "instance-conflict"
    default_hint = "stop the other one, or enrol one of them anew, then resolve the conflict at the task server"


class NotTaken(LinkFailed, errors.NotUnderstood):
    """The task server understood and will not have it; tried again each hour (the slow lane)."""

    code = "not-taken"
    default_hint = "is the address the task server's, with its whole path, and is its release new enough?"


class CodeRefused(LinkFailed, errors.NotAllowed):
    """The task server does not take this enrolment code."""

    code = "code-refused"
    is_retryable = False
    default_hint = "a code is good for one daemon and for a short time; ask the task server's operator for a new one"


class ResultTooLarge(LinkFailed, errors.NotUnderstood):
    """The result is more than the task server takes: the same again with less data."""

    code = "result-too-large"


class PageTooLarge(LinkFailed, errors.NotUnderstood):
    """The tasks are more than one answer can hold: ask for fewer at a time."""

    code = "page-too-large"


Mask = Callable[[str], str]


def check(asked: Asked, answer: Answer, url: str, mask: Mask) -> None:
    """Return if the answer's status is one the request can have; raise the `LinkFailed` of its row otherwise.

    `url` is what was asked for; `mask` hides secrets in what is told of an answer.
    """
    status = answer.status
    if status in _good_statuses(asked):
        if status == 303:
            _check_signal(answer, url)
        return
    if status in (401, 403):
        raise CredentialRefused(f"the task server refuses this daemon's credential (status {status})")
    if status == 409 and (asked is not Asked.RESULT or read_problem(answer.body) == INSTANCE_CONFLICT):
        raise InstanceConflict("the task server says that two machines use this daemon's identity (status 409)")
    if status == 413 and asked in (Asked.RESULT, Asked.TASKS):
        raise (ResultTooLarge if asked is Asked.RESULT else PageTooLarge)("it is too large for the task server (413)")
    if status == 429 and read_problem(answer.body) == TOO_MANY_CODES:
        raise CodeRefused("the task server does not take this code, and has had too many wrong ones from this network")
    if status >= 500 or status in _LATER:
        seconds = read_retry_after(answer)
        later = "" if seconds is None else f"; it asks for {seconds:.0f} s of patience"
        raise Away(f"the task server cannot serve now (status {status}{later})", retry_after_seconds=seconds)
    if 400 <= status < 500:
        raise NotTaken(f"the task server refuses {asked.value} (status {status})")
    refuse(f"status {status}", answer, mask)


def find_hint(exc: errors.Unreachable) -> str | None:
    """Name the next step in terms of the daemon's configuration; None for what it always is."""
    if isinstance(exc, errors.CertificateExpired):
        return "renew it at the task server, and check the clock of this machine"
    if isinstance(exc, errors.CertificateRefused):
        return "under [task_server], name its authority as ca_file or its SHA-256 as pin: duplicati doctor URL shows it"
    return "is https:// right for this address?" if isinstance(exc, errors.TlsFailed) else None


def refuse(why: str, answer: Answer, mask: Mask) -> NoReturn:
    """Raise `Undecodable`; what is no JSON is shown in part, JSON never, for it may hold secrets."""
    snippet = read_snippet(answer)
    shown = f", begins {mask(snippet)!r}" if snippet else ""
    raise Undecodable(f"what answers is no task server, or its answer was spoilt: {why}{shown}")


def _good_statuses(asked: Asked) -> tuple[int, ...]:
    return {Asked.STATUS: (200, 303, 304), Asked.TASKS: (200, 304), Asked.RESULT: (200,), Asked.EXTRA: (200, 202, 204)}[
        asked
    ]


def _check_signal(answer: Answer, url: str) -> None:
    """A 303 is a signal and followed by nobody; one that leads elsewhere is a portal's."""
    location = answer.header("Location")
    if location is None:
        return
    target = _resolve(url, location)
    if target is None or origin_of(target) != origin_of(url):
        raise Undecodable(
            "the 303 that answers leads to another address: a login portal answers in the task server's place",
            hint="log in to this network; a proxy in front of a task server must keep its scheme, name and port",
        )


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of a URL; raises nothing for a port that is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", None, None


def _resolve(base_url: str, reference: str) -> str | None:
    try:
        return urljoin(base_url, reference)
    except ValueError:
        return None


def read_snippet(answer: Answer) -> str:
    """Return the beginning of a body that is no JSON, in printable ASCII; an empty text for JSON."""
    text = answer.body[: 4 * _SNIPPET_CHARACTERS].decode("utf-8", "replace").strip()
    if text[:1] in ("{", "[", '"') or "json" in (answer.header("Content-Type") or "").lower():
        return ""
    return "".join(c if " " <= c <= "~" else " " for c in text)[:_SNIPPET_CHARACTERS]


def read_retry_after(answer: Answer) -> float | None:
    """Return what `Retry-After` asks for, between a second and an hour; None where it says nothing sensible.

    A date counts from the answer's own `Date`: the clocks of two machines need not agree.
    """
    text = (answer.header("Retry-After") or "").strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        seconds: float | None = float(text)
    else:
        until, sent_at = read_date(text), read_date(answer.header("Date") or "")
        seconds = (until - (sent_at or datetime.now(UTC))).total_seconds() if until is not None else None
    return None if seconds is None else min(max(seconds, 1.0), RETRY_AFTER_SECONDS_MAX)


def read_date(text: str) -> datetime | None:
    """Read an HTTP date (RFC 9110, 5.6.7), None for anything else."""
    try:
        moment = parsedate_to_datetime(text) if len(text) <= 64 else None
        return moment.astimezone(UTC) if moment is not None else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def find_next_page(answer: Answer, url: str) -> str | None:
    """Return the query of the next page that `Link` names, None where there is none; same origin and path only.

    Raises `Undecodable` for one that leads elsewhere.
    """
    for value in answer.headers_named("Link"):
        for part in value.split(","):
            reference, _, parameters = part.strip().partition(">")
            words = [word.strip().replace('"', "").lower() for word in parameters.split(";")]
            if not reference.startswith("<") or "rel=next" not in [word.replace(" ", "") for word in words]:
                continue
            target = _resolve(url, reference[1:]) or ""
            if origin_of(target) != origin_of(url) or urlsplit(target).path != urlsplit(url).path:
                raise Undecodable("the link to the next page of tasks leads elsewhere")
            return urlsplit(target).query
    return None


def read_object(answer: Answer, mask: Mask) -> dict[str, object]:
    """Return the JSON object of an answer; raises `Undecodable`."""
    try:
        value = codec.decode(answer.body)
    except codec.Undecodable as exc:
        refuse(exc.message, answer, mask)
    if not isinstance(value, dict) or codec.find_refused(value) is not None:
        refuse("its body is no object", answer, mask)
    return value


def read_plain_receipt(answer: Answer, result: Result) -> Recorded | None:
    """Level 0 says 200 and no more; its body must still not be a page, nor a receipt for something else."""
    text = answer.body.strip()
    if not text:
        return None
    if text[:1] in (b"{", b"["):
        return _read_plain_object(codec.decode(text), answer, result)
    if b"<" in text or len(text) > _RECEIPT_TEXT_BYTES:
        raise codec.Undecodable("a page instead of a receipt")
    return None


def _read_plain_object(value: Any, answer: Answer, result: Result) -> Recorded | None:
    if isinstance(value, dict) and value.get("Recorded") is not None:
        return read_receipt(answer.body, result)
    # Who takes the id from the path of the request has it as text.
    if isinstance(value, dict) and "ID" in value and str(value["ID"]) != str(result.task_id):
        raise codec.Undecodable("the receipt is for another result")
    return None


def read_seconds(value: object) -> float | None:
    """Return an interval between a second and an hour; None for what is no number."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) and len(str(value)) <= 16 else None
    except ValueError:
        return None
    return None if seconds is None or math.isnan(seconds) else min(max(seconds, 1.0), RETRY_AFTER_SECONDS_MAX)
