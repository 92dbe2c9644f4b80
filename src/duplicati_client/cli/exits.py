"""Translate outcomes and errors into exit statuses; the only place that knows the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

SUCCESS = 0
SERVERS_DIFFER = 1
BUG = 70
CANNOT_CREATE = 73
INPUT_OUTPUT_FAILED = 74
INVALID = 65
NOT_DONE = 75
NOT_ALLOWED = 77
WAIT_TIMED_OUT = 124
INTERRUPTED_BY_USER = 130
READER_GONE = 141  # what a shell reports of any program whose reader closed the pipe

_OF_OUTCOME = {"success": 0, "warning": 2, "error": 3, "fatal": 4, "interrupted": 5, "unknown": 6}

# The first class that fits counts, so what is more special stands before what is more general.
_OF_ERROR: tuple[tuple[type[errors.DuplicatiClientError], int], ...] = (
    (errors.UsageInvalid, 64),
    (errors.InvalidValue, 65),
    (errors.AmbiguousName, 64),
    (errors.NotFound, 66),
    (errors.NotSupported, 66),
    (errors.Unreachable, 69),
    (errors.CannotCreate, CANNOT_CREATE),
    (errors.InputOutputFailed, INPUT_OUTPUT_FAILED),
    (errors.Busy, 75),
    (errors.NotUnderstood, 76),
    (errors.NotAllowed, 77),
    (errors.ConfigurationInvalid, 78),
    (errors.ExtraMissing, 78),
    (errors.WaitTimedOut, WAIT_TIMED_OUT),
    (errors.TaskCancelled, _OF_OUTCOME["interrupted"]),
    (errors.OutcomeUnknown, _OF_OUTCOME["unknown"]),
)

MEANINGS = {
    0: "success",
    1: "several servers were asked and they did not all end alike",
    2: "finished with warnings",
    3: "finished with errors",
    4: "failed",
    5: "stopped or aborted before its end",
    6: "ended, but how it went cannot be known",
    64: "wrong usage",
    65: "a file or value given is invalid",
    66: "no such backup, version, file, task …",
    69: "server not reachable",
    70: "a bug: message, and where the trace was written",
    73: "output cannot be created",
    74: "input or output failed",
    75: "cannot be done now",
    76: "the server answered something that cannot be understood",
    77: "not allowed: login missing or refused, host name, key, policy",
    78: "configuration",
    124: "--timeout ran out while waiting; the work goes on",
    130: "Ctrl-C",
}


def status_of_outcome(outcome: str) -> int:
    """Return the status for how work went; an outcome that this release does not know is `unknown`."""
    return _OF_OUTCOME.get(str(outcome), _OF_OUTCOME["unknown"])


def status_of_error(error: errors.DuplicatiClientError) -> int:
    """Return the status for a failure reported on purpose; a class without a number would be a bug."""
    return next((status for kind, status in _OF_ERROR if isinstance(error, kind)), BUG)


def worst(statuses: Sequence[int]) -> int:
    """Return the status of several pieces of work on one server: the highest, 0 for none."""
    return max(statuses, default=SUCCESS)


def merge(statuses: Sequence[int]) -> int:
    """Return the status of the same work on several servers: theirs if all ended alike, else 1."""
    return statuses[0] if len(set(statuses)) == 1 else SERVERS_DIFFER
