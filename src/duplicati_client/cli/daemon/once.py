"""`daemon once`: one round, for cron."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import errors
from .. import exits
from ..daemonoptions import CONFIG, find_config_file
from ..options import Option
from ..output.columns import Column, Listing
from ..verbs import Verb

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig
    from ...daemon.entries import Entry
    from ...daemon.loop import Daemon
    from ...daemon.round import Round
    from ..call import Call

VERB = Verb(
    "daemon once",
    "daemon once [options]",
    "Do one round: send what is pending, fetch tasks, perform them, send what came of them. A backup that is still "
    "running at the end of --max-duration goes on, and the next round watches it.",
    options=(
        CONFIG,
        Option(
            "max-duration", "end the round after this time, whatever goes on", "seconds", "DURATION", scope="daemon"
        ),
        Option("skip-if-running", "when a daemon runs already, do nothing and be content", "flag", scope="daemon"),
    ),
    examples=(
        ("duplicati daemon once", "the exit status says whether every task of the round went well"),
        ("duplicati daemon once --max-duration 50m --skip-if-running --quiet", "as a line of cron has it"),
        ("duplicati daemon service install --cron", "prints such a line, and a timer of systemd"),
    ),
    statuses=(0, 2, 3, 4, 5, 6, 65, 69, 74, 75, 76, 77, 78),
)
COLUMNS = (
    Column("task_id", "TASK", "id", 0, about="the task server's id of it"),
    Column("operation", "OPERATION", "text", 1, about="what was asked for"),
    Column("alias", "SERVER", "text", 3, about="alias of the Duplicati server"),
    Column("status", "STATUS", "text", 0, about="completed, error or refused"),
    Column("outcome", "OUTCOME", "outcome", 0, about="how it went, where it was work that was followed"),
    Column("message", "MESSAGE", "text", 4, about="why it was refused or could not be done"),
)
# Codes of results that are no error's; everything else that failed is plainly that.
_STATUSES = {"outcome-unknown": 6, "interrupted": 5, "cancelled": 5, "prohibited": 77, "malformed": 65}
_STATUSES |= {"id-reused": 65, "id-conflict": 65}
_FAILED = 4


def perform(call: Call) -> int:
    """Do it, print what has ended, and return the highest status of it all."""
    from ...daemon.config import load  # noqa: PLC0415 - not for --help
    from ...daemon.guard import Held  # noqa: PLC0415
    from ..asking import make_printer  # noqa: PLC0415

    config = load(find_config_file(call))
    try:
        done, status = _perform(call, config)
    except Held:
        if call.flag("skip_if_running"):
            return exits.SUCCESS
        raise
    is_wanted = done.ended and (status != exits.SUCCESS or not call.console.is_quiet)
    if is_wanted or call.value("output") != "table":
        make_printer(call).print_listing(Listing("round", COLUMNS, [_make_row(entry) for entry in done.ended]))
    if done.failure is not None:
        call.console.complain(done.failure.message, done.failure.hint)
    if done.left_count:
        call.console.say(f"left to the next round: {done.left_count} of the tasks")
    if done.pending_count:
        call.console.say(f"results that are not confirmed yet: {done.pending_count}; they are sent again")
    return status


def _perform(call: Call, config: DaemonConfig) -> tuple[Round, int]:
    from ...daemon import round as rounds  # noqa: PLC0415 - not for --help
    from ...daemon.assembly import Surroundings, assemble  # noqa: PLC0415
    from .log import make_writer  # noqa: PLC0415
    from .run import open_control, write_status  # noqa: PLC0415
    from .signals import Signals  # noqa: PLC0415

    write = make_writer(call) if call.value("output") == "table" else _hush
    daemon = assemble(config, Surroundings(call.process.environ, write))
    signals, control = Signals(), open_control(daemon)
    try:
        done = rounds.perform(daemon, call.value("max_duration"), signals.wait)
        write_status(daemon, "stopped")
    finally:
        if control is not None:
            control.close()
        daemon.close()
    if daemon.crash is not None:
        raise daemon.crash
    failures: list[errors.DuplicatiClientError] = [done.failure] if done.failure is not None else []
    failures += [worker.failure for worker in daemon.workers.values() if worker.failure is not None and done.left_count]
    statuses = [exits.status_of_error(failure) for failure in failures]
    if _is_disk_in_the_way(daemon, done):
        statuses.append(exits.INPUT_OUTPUT_FAILED)
    return done, exits.worst([*statuses, *map(status_of_entry, done.ended)])


def _is_disk_in_the_way(daemon: Daemon, done: Round) -> bool:
    """Say whether tasks wait for the disk; the lock is let go of, so that nothing may be tried on the journal."""
    is_failed = daemon.parts.journal.is_failed or any(one.state == "storage-failed" for one in daemon.list_running())
    return is_failed or (daemon.room.is_below_floor() and not done.ended)


def status_of_entry(entry: Entry) -> int:
    """Return the exit status for what came of a task."""
    from ...daemon.entries import Step  # noqa: PLC0415 - not for --help
    from ...operations.perform import FOLLOWED  # noqa: PLC0415

    outcome = entry.steps.get(Step.OUTCOME, {})
    data = outcome.get("Data") or {}
    if outcome.get("Status") != "completed":
        code = str(data.get("Code"))
        return _STATUSES[code] if code in _STATUSES else _status_of_code(code)
    content = entry.steps.get(Step.RECEIVED, {}).get("Content") or {}
    is_followed = content.get("Operation") in FOLLOWED and "Outcome" in data
    return exits.status_of_outcome(data["Outcome"]) if is_followed else exits.SUCCESS


def _status_of_code(code: str) -> int:
    """Return the status of the error class that has this code; a code that none has is a failure."""
    kinds = [errors.DuplicatiClientError]
    for kind in kinds:
        if kind.code == code and kind is not errors.DuplicatiClientError:
            return exits.status_of_error(kind(""))
        kinds += kind.__subclasses__()
    return _FAILED


def _make_row(entry: Entry) -> tuple[Any, ...]:
    from ...daemon.entries import Step  # noqa: PLC0415 - not for --help

    received = entry.steps.get(Step.RECEIVED, {})
    content: Mapping[str, Any] = received.get("Content") or {}
    outcome = entry.steps.get(Step.OUTCOME, {})
    data = outcome.get("Data") or {}
    why = data.get("Reason") or data.get("Message")
    has_outcome = outcome.get("Status") == "completed" and isinstance(data.get("Outcome"), str)
    told = data["Outcome"] if has_outcome else data.get("Code")
    return (entry.key[2:], content.get("Operation"), received.get("Server"), outcome.get("Status"), told, why)


def _hush(event: object) -> None:
    """Programs get the listing at the end."""
