"""Every operation there is: name, what it is about, typed parameters, what a repeat does, what comes back."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Effect(StrEnum):
    """What an operation does to a Duplicati server, and so what may be repeated when its answer is lost."""

    READ = "read"
    """E0: changes nothing; repeated at will."""
    COALESCING = "coalescing"
    """E1: the server joins a repeat to what runs or waits already; repeated once evidence says that it was lost."""
    HARMLESS_REPEAT = "harmless-repeat"
    """E2: a repeat does the same once more, to no harm; on doubt at most one more."""
    KEYED_CREATE = "keyed-create"
    """E3: makes something under a name of which there is one; a repeat finds it made."""
    SET_STATE = "set-state"
    """E4: leads to a state that can be read back; a repeat finds it reached, and undoes no newer change of others."""
    CONVERGENT_DELETE = "convergent-delete"
    """E5: takes something away; a repeat finds it gone. Never given a second time under an id used before."""
    NOT_REPEATABLE = "not-repeatable"
    """E6: nothing proves what became of it; on doubt it ends as `outcome-unknown` and is never repeated."""

    @property
    def short_name(self) -> str:
        """E0 to E6, as a policy may call it."""
        return f"E{list(type(self)).index(self)}"


class Parameter(NamedTuple):
    """A typed parameter; `values` lists the only ones allowed, if there is such a list.

    What `may_hold_secrets` is kept only where it is needed to perform the task, and shown nowhere.
    """

    name: str
    kind: type[str] | type[int] | type[bool] | type[float]
    help: str
    values: tuple[str, ...] = ()
    may_hold_secrets: bool = False


class Operation(NamedTuple):
    """An operation; `resource_types` says what it may be about, `results` names the types in `operations` it gives.

    A result `object` is the server's own JSON; a listing gives one type for each resource type, in that order. A task
    names each resource by id or name, but for the `whole_types`, which may stand for all there is of them; it has at
    least one resource where it `needs_resource`, and one of the parameters in `needs_one_of` where there are any.
    """

    name: str
    resource_types: tuple[str, ...]
    effect: Effect
    results: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    needs_resource: bool = False
    whole_types: tuple[str, ...] = ()
    needs_one_of: tuple[str, ...] = ()


_WAITING = (
    Parameter("wait", bool, "follow the work to its outcome"),
    Parameter("timeout", float, "seconds to wait at most; the work goes on"),
)
LISTABLE = ("backup", "task", "log", "notification", "setting", "version")

CATALOGUE: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("status", (), Effect.READ, ("status.Status",)),
        Operation("doctor", (), Effect.READ, ("doctor.Report",)),
        Operation(
            "list",
            LISTABLE,
            Effect.READ,
            (
                "list.BackupSummary",
                "queue.TaskSummary",
                "logs.LogLine",
                "list.Notification",
                "object",
                "list.Version",
            ),
            (Parameter("backup", str, "id, name or pattern of the backup whose versions or log are wanted"),),
            needs_resource=True,
            whole_types=LISTABLE,
        ),
        Operation("get", ("backup", "task", "notification", "setting"), Effect.READ, ("object",), needs_resource=True),
        Operation("describe", ("backup",), Effect.READ, ("describe.BackupDescription",), needs_resource=True),
        Operation(
            "logs",
            ("backup",),
            Effect.READ,
            ("logs.LogLine",),
            (
                Parameter("count", int, "how many lines, newest first"),
                Parameter(
                    "level",
                    str,
                    "leave out what is less important",
                    ("Profiling", "Verbose", "Retry", "Information", "Warning", "Error"),
                ),
                Parameter("since", str, "leave out what is older than this time or age"),
            ),
        ),
        Operation(
            "watch",
            (),
            Effect.READ,
            ("watch.Change",),
            (
                Parameter("until-idle", bool, "end when nothing runs or waits"),
                Parameter("count", int, "end after so many changes"),
                Parameter("timeout", float, "seconds to watch at most"),
            ),
            needs_one_of=("until-idle", "count", "timeout"),
        ),
        Operation(
            "run",
            ("backup",),
            Effect.COALESCING,
            ("following.Ending",),
            (
                *_WAITING,
                Parameter("skip-queue", bool, "go before what waits already (2.2 and later)"),
            ),
            needs_resource=True,
        ),
        Operation("verify", ("backup",), Effect.HARMLESS_REPEAT, ("following.Ending",), _WAITING, needs_resource=True),
        Operation("repair", ("backup",), Effect.HARMLESS_REPEAT, ("following.Ending",), _WAITING, needs_resource=True),
        Operation("compact", ("backup",), Effect.HARMLESS_REPEAT, ("following.Ending",), _WAITING, needs_resource=True),
        Operation(
            "dismiss",
            ("notification", "backup"),
            Effect.CONVERGENT_DELETE,
            ("dismiss.Dismissal",),
            (Parameter("all", bool, "all that are there when it begins, instead of those named"),),
        ),
        Operation("vacuum", ("backup",), Effect.HARMLESS_REPEAT, ("following.Ending",), _WAITING, needs_resource=True),
        Operation(
            "edit",
            ("backup",),
            Effect.SET_STATE,
            ("edit.Edited",),
            (Parameter("definition", str, "the definition as the YAML text that edit shows", may_hold_secrets=True),),
            needs_resource=True,
            needs_one_of=("definition",),
        ),
        Operation(
            "set",
            ("backup", "setting"),
            Effect.SET_STATE,
            ("edit.Edited", "set.SettingsChanged"),
            (Parameter("assignments", str, "FIELD=VALUE, one a line", may_hold_secrets=True),),
            needs_resource=True,
            whole_types=("setting",),
            needs_one_of=("assignments",),
        ),
        Operation("stop", ("task", "backup"), Effect.SET_STATE, ("stop.Asked",)),
        Operation("abort", ("task", "backup"), Effect.SET_STATE, ("stop.Asked",)),
        Operation(
            "pause",
            (),
            Effect.SET_STATE,
            ("pause.Pausing",),
            (
                Parameter("duration", float, "seconds, from one to 49 days; without it until resume"),
                Parameter("transfers", bool, "halt the transfers of what runs, too (2.2 and later)"),
            ),
        ),
        Operation("resume", (), Effect.SET_STATE, ("pause.Pausing",)),
    )
}
