"""What becomes of an offered task: a new one is recorded and judged, a repeat is answered; performs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from ..protocol.catalogue import CATALOGUE, Effect
from ..protocol.result import Result, Status
from ..protocol.task import Malformed, Task, TaskID, key_of, read_task
from .entries import Entry, Step
from .history import History, Tombstone
from .journal import Journal, StorageFailed
from .policy import RERUN, Decision

REPEAT_SECONDS = 600
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
_UNREPEATABLE = frozenset(Effect) - {Effect.READ, Effect.COALESCING, Effect.HARMLESS_REPEAT, Effect.SET_STATE}


class Taken(NamedTuple):
    """What to do now: report the task with this key, have it performed too, or send an answer that is kept nowhere.

    `is_new` tells that it was decided on just now.
    """

    key: str | None = None
    is_new: bool = False
    is_to_perform: bool = False
    answer: Result | None = None


class Verdict(NamedTuple):
    """Whether a task is taken on, and what becomes of it if it is lost; `policy` is the digest of what decided."""

    decision: Decision
    policy: str
    on_interrupted: str = RERUN


Judge = Callable[[Task], Verdict]


class Confirming(Protocol):
    """What knows when tasks were confirmed, and can put those away: the reporter."""

    def seconds_since_confirmed(self, key: str) -> float | None:
        """Return how long ago it was, by a clock that nobody sets; None if not since the start."""

    def retire(self) -> None:
        """Move what is confirmed from the journal to the history."""


def id_of(key: str) -> TaskID:
    """Return a task's id in the type it came in."""
    return int(key[2:]) if key.startswith("i:") else key[2:]


def is_unrepeatable(operation: str) -> bool:
    """Say whether doing an operation twice does harm: classes E5 and E6, and what nobody knows."""
    known = CATALOGUE.get(operation)
    return known is None or known.effect in _UNREPEATABLE


def decide(task: Task, aliases: Collection[str], judge: Judge) -> dict[str, Any]:
    """Return what is recorded as decided on a task: by its server, which must be one of the aliases, and the policy."""
    known = ", ".join(sorted(aliases))
    if task.server is None and len(aliases) > 1:
        return _refusal("malformed", f"Server is missing, and there are several: {known}")
    if task.server is not None and task.server not in aliases:
        return _refusal("malformed", f"there is no server {task.server} here, but: {known}")
    decision, policy, on_interrupted = judge(task)
    verdict = "accept" if decision.is_allowed else "refuse"
    told = {"Code": decision.code, "Reason": decision.reason, "Rule": decision.rule, "Policy": policy}
    if decision.is_allowed and on_interrupted != RERUN:
        told["OnInterrupted"] = on_interrupted
    return {"Verdict": verdict, **{name: value for name, value in told.items() if value}}


class Intake:
    """Takes what a task server offers, and what a restart left half decided. Used by one thread."""

    def __init__(
        self, journal: Journal, history: History, judge: Judge, aliases: Collection[str], reporter: Confirming
    ) -> None:
        self._journal = journal
        self._history = history
        self._judge = judge
        self._aliases = aliases
        self._reporter = reporter
        self._undecided: set[str] = set()  # where nothing could be made durable in the middle of a decision

    def take(self, item: Task | Malformed, *, at: datetime, has_levels: bool) -> Taken:
        """Take one offered item; `has_levels` tells that this task server never gives an id twice (level 1)."""
        if item.task_id is None:
            return Taken()
        if isinstance(item, Malformed) and item.code != "malformed":
            return Taken(answer=_refuse(item, item.code, item.reason))
        key = key_of(item.task_id)
        entry = self._journal.entries.get(key)
        if entry is not None and entry.step is not Step.CONFIRMED:
            return self._meet_open(entry, item)
        if entry is not None:
            self._reporter.retire()
        twin_key = _twin_of(key)
        told = self._history.find(key) or self._history.find(twin_key)
        if told is not None:
            is_recent = has_levels or self._is_recent(told, at)
            answer = _answer_again(item, told, is_recent=is_recent, has_levels=has_levels)
            if answer is not None:
                return Taken(answer=answer)
        twin = self._journal.entries.get(twin_key)
        if twin is not None and twin.step is not Step.CONFIRMED:
            return self._meet_open(twin, item)
        return self._receive(key, item)

    def decide(self, entry: Entry) -> Taken:
        """Go on with an entry that was received: judge it, end it at once if it is refused."""
        received = entry.steps.get(Step.RECEIVED, {})
        item = read_task(received.get("Content"))
        if isinstance(item, Malformed):
            item = item._replace(reason=str(received.get("Reason") or item.reason))
        return self._decide(entry.key, item, {})

    def _decide(self, key: str, item: Task | Malformed, before: Mapping[Step, Mapping[str, Any]]) -> Taken:
        """Judge it and record that, with the steps `before`: the same again if only those are left after a crash."""
        self._undecided.add(key)
        if isinstance(item, Malformed):
            decided = _refusal("malformed", item.reason)
        else:
            decided = decide(item, self._aliases, self._judge)
        self._journal.record_all(key, {**before, Step.DECIDED: decided})
        self._undecided.discard(key)
        if decided["Verdict"] == "refuse":
            self.refuse(key, decided)
            return Taken(key=key, is_new=True)
        return Taken(key=key, is_new=True, is_to_perform=True)

    def refuse(self, key: str, decided: Mapping[str, Any]) -> None:
        """Record the end of a task that was decided against; without a disk memory has it, and it is told from there.

        After a crash the decision, which is durable, has the same end.
        """
        data = {name: decided[name] for name in ("Code", "Reason", "Rule", "Policy") if decided.get(name)}
        with suppress(StorageFailed):
            self._journal.record(key, Step.OUTCOME, {"Status": Status.REFUSED.value, "Data": data})

    def _is_recent(self, told: Tombstone, at: datetime) -> bool:
        seconds = self._reporter.seconds_since_confirmed(told.key)
        if seconds is None:
            seconds = (at - told.confirmed_at).total_seconds()
        return abs(seconds) < REPEAT_SECONDS

    def _meet_open(self, entry: Entry, item: Task | Malformed) -> Taken:
        if entry.steps.get(Step.RECEIVED, {}).get("Digest") != item.digest:
            return Taken(answer=_refuse(item, "id-conflict", "another task with this id is not over yet"))
        if entry.step is Step.RECEIVED or entry.key in self._undecided:
            return self.decide(entry)
        return Taken(key=entry.key)

    def _receive(self, key: str, item: Task | Malformed) -> Taken:
        if isinstance(item, Malformed):
            fields: dict[str, Any] = {"Content": None, "Digest": item.digest, "Server": None, "Reason": item.reason}
        else:
            fields = {"Content": item.raw, "Digest": item.digest, "Server": self._alias_of(item)}
        return self._decide(key, item, {Step.RECEIVED: fields})

    def _alias_of(self, task: Task) -> str | None:
        if task.server is None and len(self._aliases) == 1:
            return next(iter(self._aliases))
        return task.server


def _answer_again(item: Task | Malformed, told: Tombstone, *, is_recent: bool, has_levels: bool) -> Result | None:
    """Return what to say of a task whose like was confirmed, None where it is a new one."""
    is_same = told.digest == item.digest
    if has_levels and not is_same:
        return _refuse(item, "id-conflict", "a task with this id had another content")
    if is_same and is_recent:
        attempt = item.attempt if isinstance(item, Task) else None
        return Result(item.task_id or id_of(told.key), Status(told.status), told.data or {}, attempt)
    was_refused = told.status == Status.REFUSED  # nothing was done then, and the policy may be another one by now
    if is_same and not was_refused and isinstance(item, Task) and is_unrepeatable(item.operation):
        reason = "a task with this id and content was done before; give it another id if it is to be done again"
        return _refuse(item, "id-reused", reason, Status.REFUSED)
    return None


def _refuse(item: Task | Malformed, code: str, reason: str, status: Status = Status.ERROR) -> Result | None:
    if item.task_id is None:
        return None
    data = {"Code": code, ("Message" if status is Status.ERROR else "Reason"): reason}
    return Result(item.task_id, status, data, item.attempt if isinstance(item, Task) else None)


def _refusal(code: str, reason: str) -> dict[str, Any]:
    return {"Verdict": "refuse", "Code": code, "Reason": reason}


def _twin_of(key: str) -> str:
    """Return the key of the id that is written alike in the other type."""
    if key.startswith("i:"):
        return f"s:{key[2:]}"
    return f"i:{key[2:]}" if _WHOLE_NUMBER.fullmatch(key[2:]) else ""
