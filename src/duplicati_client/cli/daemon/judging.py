"""What would become of tasks, judged as the daemon does it at this moment; nothing is counted, kept or sent."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import errors
from ...daemon import intake
from ...daemon.intake import Verdict
from ...daemon.policy import Facts, Policy
from ...daemon.rates import Rates
from ...daemon.storage import open_folder
from ...protocol import codec
from ...protocol.exchange import TASKS_BYTES_MAX
from ...protocol.task import Malformed, Task, hide_secrets, read_tasks
from .. import exits
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section
from .wording import tell_resources

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig
    from ..call import Call

ACCEPTED, REFUSED, MALFORMED = "accepted", "refused", "malformed"
TASKS = (
    Column("task_id", "TASK", "id", 0, about="the task server's id of it"),
    Column("operation", "OPERATION", "text", 1, about="what is to be done"),
    Column("alias", "SERVER", "text", 3, about="alias of the Duplicati server"),
    Column("verdict", "VERDICT", "outcome", 0, about="accepted, refused or malformed"),
    Column("code", "CODE", "text", 2, about="the code that the refusal has"),
    Column("rule", "RULE", "text", 1, about="the rule that decides"),
    Column("reason", "REASON", "text", 4, about="why, a sentence"),
)
LIMITS = (
    Column("rule", "LIMIT", "id", 0, about="name of the limit"),
    Column("counted", "OF", "text", 2, about="what it counts apart: a backup, an operation, or nothing"),
    Column("accepted_count", "ACCEPTED", "number", 0, about="how many were accepted before"),
    Column("at_most", "AT MOST", "number", 0, about="how many it lets through"),
    Column("per", "PER", "text", 1, about="hour or day"),
    Column("is_reached", "REACHED", "flag", 0, about="whether it holds this task"),
)
_LATE = ", but it is past its NotAfter: five minutes after that it ends as an error (expired) and nothing is done"
_STATUSES = {ACCEPTED: exits.SUCCESS, MALFORMED: 65, REFUSED: 77}


class LimitState(NamedTuple):
    """A limit that a task counts for, and how far it is used up; `counted` is None where it counts all together."""

    rule: str
    counted: str | None
    accepted_count: int
    at_most: int
    per: str
    is_reached: bool


class Judged(NamedTuple):
    """What would become of one item; `content` is the task without secrets, None where it is none."""

    task_id: str | None
    operation: str | None
    alias: str | None
    verdict: str
    code: str | None
    rule: str | None
    reason: str
    limits: tuple[LimitState, ...]
    content: Mapping[str, Any] | None


def read_items(call: Call, file: str) -> list[Task | Malformed]:
    """Read tasks as they would be offered; raises `NotFound` and `InvalidValue`."""
    body = call.console.stdin.read(TASKS_BYTES_MAX + 1).encode("utf-8", "surrogatepass") if file == "-" else _read(file)
    if len(body) > TASKS_BYTES_MAX:
        raise errors.InvalidValue(f"more than {TASKS_BYTES_MAX >> 20} MiB are no tasks")
    try:
        items = read_tasks(body)
    except codec.Undecodable as exc:
        hint = 'a task is written as {"ID": 1, "Operation": "status"}'
        raise errors.InvalidValue(f"{_call(file)} cannot be read: {exc.message}", hint=hint) from exc
    if not items:
        raise errors.InvalidValue(f"there is no task in {_call(file)}")
    return items


def _call(file: str) -> str:
    return "stdin" if file == "-" else file


def _read(path: str) -> bytes:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read(TASKS_BYTES_MAX + 1)
    except FileNotFoundError as exc:
        raise errors.NotFound(f"there is no file {path}", hint="duplicati daemon policy check - reads stdin") from exc
    except OSError as exc:
        raise errors.InvalidValue(f"{path} cannot be read: {exc.strerror}") from exc


def judge(
    config: DaemonConfig, policy: Policy, items: Sequence[Task | Malformed], names: Mapping[str, str]
) -> list[Judged]:
    """Return what would become of each; `names` are those of the backups by their ids, on whichever server."""
    at = datetime.now(UTC)
    is_counting = os.path.isdir(config.state_folder)
    rates = Rates(open_folder(config.state_folder), lambda: at, time.monotonic) if is_counting else None

    def find_facts(task: Task) -> Facts:
        alias = task.server or next(iter(config.servers))
        return Facts(alias, names, rates.count) if rates is not None else Facts(alias, names)

    def judge_one(item: Task | Malformed) -> Judged:
        if isinstance(item, Malformed):
            return _refuse(item)
        decided = intake.decide(
            item, config.servers, lambda task: Verdict(policy.judge(task, at, find_facts(task)), policy.digest)
        )
        judged = _describe(item, decided, _list_limits(policy, item, at, find_facts(item)), list(config.servers))
        is_late = item.not_after is not None and item.not_after < at
        return judged._replace(reason=judged.reason + _LATE) if is_late and judged.verdict == ACCEPTED else judged

    return [judge_one(item) for item in items]


def _refuse(item: Malformed) -> Judged:
    task_id = None if item.task_id is None else str(item.task_id)
    return Judged(task_id, None, None, MALFORMED, item.code, None, item.reason, (), None)


def _describe(task: Task, decided: Mapping[str, Any], limits: Sequence[LimitState], aliases: Sequence[str]) -> Judged:
    code = decided.get("Code")
    verdict = ACCEPTED if decided["Verdict"] == "accept" else MALFORMED if code == MALFORMED else REFUSED
    content = {name: value for name, value in hide_secrets(task.raw).items() if not name.startswith("x-")}
    return Judged(
        task_id=str(task.task_id),
        operation=task.operation,
        alias=task.server or (aliases[0] if len(aliases) == 1 else None),
        verdict=verdict,
        code=code,
        rule=decided.get("Rule"),
        reason=decided["Reason"],
        limits=() if verdict == MALFORMED else tuple(limits),
        content=content,
    )


def _list_limits(policy: Policy, task: Task, at: datetime, facts: Facts) -> list[LimitState]:
    from ...protocol.catalogue import CATALOGUE  # noqa: PLC0415 - the policy has loaded it

    if task.operation not in CATALOGUE:
        return []
    limits = {limit.rule.name: limit for limit in policy.limits}
    found = []
    for question, wanted_count in Counter(policy.find_limits(task, at, facts)).items():
        limit, counted = limits[question.limit], question.key or None
        state = LimitState(question.limit, counted, facts.count(question), limit.at_most, limit.per, is_reached=False)
        found.append(state._replace(is_reached=state.accepted_count + wanted_count > state.at_most))
    return found


def status_of(judged: Sequence[Judged]) -> int:
    """Return 0 if all would be accepted, 77 if one would be refused, else 65: one is malformed."""
    return exits.worst([_STATUSES[one.verdict] for one in judged])


def show(call: Call, policy: Policy, judged: Sequence[Judged]) -> None:
    """Print them in the form that was chosen."""
    from ..asking import make_printer  # noqa: PLC0415 - programs of ours need none

    rules = (*policy.allow, *policy.deny, *(limit.rule for limit in policy.limits))
    if not call.value("backup") and any(isinstance(entry, str) for rule in rules for entry in rule.backups or ()):
        call.console.say("the policy goes by names of backups, which are not known here: --backup ID=NAME tells them")
    printer = make_printer(call)
    if printer.form in ("csv", "ids"):
        printer.print_listing(Listing("verdicts", TASKS, [one[: len(TASKS)] for one in judged]))
        return
    item = {"digest": policy.digest, "preset": policy.preset, "tasks": judged}
    printer.print_page(Page("verdicts", item, [_make_section(one) for one in judged]))


def _make_section(one: Judged) -> Section:
    parameters = (one.content or {}).get("Parameters") or {}
    fields = [
        Field("task", one.task_id or "without an id"),
        Field("operation", one.operation),
        Field("about", tell_resources(one.content)),
        *(
            Field(name, value if isinstance(value, str) else codec.encode(value).decode())
            for name, value in parameters.items()
        ),
        Field("server", one.alias),
        Field("verdict", one.verdict, "outcome"),
        Field("rule", one.rule),
        Field("reason", one.reason),
    ]
    table = Listing("limits", LIMITS, one.limits) if one.limits else None
    return Section("", fields, table)
