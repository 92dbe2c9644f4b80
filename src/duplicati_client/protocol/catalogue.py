"""Every operation there is: name, what it is about, typed parameters, what a repeat does, what comes back."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Effect(StrEnum):
    """What an operation does to a Duplicati server, and so what may be repeated when its answer is lost."""

    READ = "read"
    """Changes nothing."""
    COALESCING = "coalescing"
    """E1: the server joins a repeat to what runs or waits already."""
    SET_STATE = "set-state"
    """E4: leads to a state that can be read back; a repeat finds it reached."""


class Parameter(NamedTuple):
    """A typed parameter; `values` lists the only ones allowed, if there is such a list."""

    name: str
    kind: type[str] | type[int] | type[bool] | type[float]
    help: str
    values: tuple[str, ...] = ()


class Operation(NamedTuple):
    """An operation; `resource_types` says what it may be about, `results` names the types in `operations` it gives.

    A result `object` is the server's own JSON; a listing gives one type for each resource type, in that order.
    """

    name: str
    resource_types: tuple[str, ...]
    effect: Effect
    results: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()


LISTABLE = ("backup", "task", "log", "notification", "setting", "version")

CATALOGUE: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("status", (), Effect.READ, ("status.Status",)),
        Operation(
            "list",
            LISTABLE,
            Effect.READ,
            (
                "list.BackupSummary",
                "list.TaskSummary",
                "logs.LogLine",
                "list.Notification",
                "object",
                "list.Version",
            ),
            (Parameter("backup", str, "id, name or pattern of the backup whose versions or log are wanted"),),
        ),
        Operation("get", ("backup", "task", "notification", "setting"), Effect.READ, ("object",)),
        Operation("describe", ("backup",), Effect.READ, ("describe.BackupDescription",)),
        Operation(
            "logs",
            ("backup",),
            Effect.READ,
            ("logs.LogLine",),
            (
                Parameter("count", int, "how many lines, newest first"),
                Parameter("level", str, "lowest level of live lines", ("Information", "Warning", "Error")),
            ),
        ),
        Operation(
            "run",
            ("backup",),
            Effect.COALESCING,
            ("run.Ended",),
            (
                Parameter("wait", bool, "follow the run to its outcome"),
                Parameter("timeout", float, "seconds to wait at most; the run goes on"),
                Parameter("skip-queue", bool, "go before what waits already (2.2 and later)"),
            ),
        ),
        Operation("stop", ("task", "backup"), Effect.SET_STATE, ("stop.Asked",)),
        Operation("abort", ("task", "backup"), Effect.SET_STATE, ("stop.Asked",)),
    )
}
