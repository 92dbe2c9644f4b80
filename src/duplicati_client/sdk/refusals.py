"""Turn an answer that is no success into the one error it stands for, for both generations."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..http import Answer
from . import answers

_BACKUP_TEXTS = ("backup not found", "invalid or missing backup id", "no such backup")
_REFUSED_HINT = "duplicati status, to see which release the server is: not all take the same"
_TASK_TEXTS = ("no such task", "invalid or missing task id")


def explain(answer: Answer, what: str) -> errors.DuplicatiClientError:
    """Return the error of an answer with a status of 300 or above; `what` names the thing asked for."""
    if 300 <= answer.status < 400:
        target = answer.header("Location") or "another address"
        return errors.Redirected(f"the server sends to {target} instead of answering")
    raw = _read(answer)
    said = answers.text(raw, "Error", "error") or answers.text(raw, "Message", "message")
    by_text = _explain_text(answer, raw, said)
    if by_text is not None:
        return by_text
    if answer.status == 404 and answer.body.lstrip()[:1] == b"<":
        return errors.NotDuplicati(f"a web page says that {what} is not there: is this the server's own address?")
    return _explain_status(answer, said, what)


def _read(answer: Answer) -> Any:
    try:
        return answers.decode(answer, "the refusal")
    except errors.NotUnderstood:
        return None


def _explain_text(answer: Answer, raw: Any, said: str) -> errors.DuplicatiClientError | None:
    lower = said.lower()
    if answers.text(raw, "HelpId") == "DatabaseLocked" or "database is locked" in lower:
        return errors.DatabaseLocked("the local database of this backup is in use")
    if "invalid hostname" in lower or b"host header sent by the client is not allowed" in answer.body:
        return errors.HostNameNotAllowed("the server does not answer to this host name")
    if answer.status == 403 and b"Invalid PreSharedKey" in answer.body:
        return errors.PresharedKeyRefused("the server wants a pre-shared key, or another one")
    if answers.text(raw, "Reason", "reason").startswith("backup-"):
        return errors.Busy("the backup is running", hint="stop it first: duplicati stop BACKUP")
    if answer.status == 404 and lower.startswith(_BACKUP_TEXTS):
        return errors.BackupNotFound("the server has no such backup")
    if answer.status == 404 and (lower.startswith(_TASK_TEXTS) or answer.reason.lower().startswith(_TASK_TEXTS)):
        return errors.TaskForgotten("the server does not know this task")
    return None


def _explain_status(answer: Answer, said: str, what: str) -> errors.DuplicatiClientError:
    status = answer.status
    if status == 404:
        # An empty 404 means that the path is unknown, one with a text that the thing is (API reference, 1.5).
        return errors.NotFound(said) if said else errors.EndpointMissing(f"this server does not offer {what}")
    if status == 405:
        return errors.EndpointMissing(f"this server does not offer {what}")
    if status in (400, 409, 422) and said:
        return errors.InvalidValue(f"the server refuses: {said}", hint=_REFUSED_HINT)
    if status in (401, 403, 407):
        return errors.NotAllowed(f"the server refuses {what}" + (f": {said}" if said else f" (status {status})"))
    if status in (429, 503):
        return errors.Overloaded(f"the server is busy: {said or answer.reason or status}")
    if status in (502, 504):
        return errors.Unreachable(f"a proxy cannot reach the server (status {status})")
    if status >= 500:
        return errors.ServerFailed(f"the server failed at {what}: {said or f'status {status}'}")
    return errors.NotUnderstood(f"the server does not accept the form of the request for {what} (status {status})")
