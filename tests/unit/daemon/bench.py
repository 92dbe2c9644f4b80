"""What the daemon's parts work with, in memory: journal, history, a task server's answers, a clock turned by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from duplicati_client.daemon.answers import Away
from duplicati_client.daemon.entries import Entry, Step
from duplicati_client.daemon.events import Event, Events
from duplicati_client.daemon.history import Tombstone
from duplicati_client.daemon.intake import Intake, Verdict
from duplicati_client.daemon.journal import StorageFailed
from duplicati_client.daemon.pace import Pace
from duplicati_client.daemon.policy import Decision
from duplicati_client.daemon.reporter import Reporter
from duplicati_client.protocol.result import Result
from duplicati_client.protocol.task import Malformed, Task, read_task

START_AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALLOWED = Decision(is_allowed=True, code="", rule="preset:run", reason="")
PROHIBITED = Decision(is_allowed=False, code="prohibited", rule="built-in:unlisted", reason="no rule allows it")


class Clock:
    """Seconds that pass when a test says so, and the time of day that goes with them unless it jumps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.jump = timedelta()

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START_AT + timedelta(seconds=self.seconds - 1000.0) + self.jump


class FakeJournal:
    """Entries without a disk; `is_failed` lets records fail after memory has them, as the real one does.

    `fails_at` lets the next one of a step fail, and only that; `is_full` that most of its file counts no more.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.is_failed = self.is_full = False
        self.open_bytes = 0
        self.fails_at: Step | None = None

    def record(self, key: str, step: Step, fields: Mapping[str, Any]) -> Entry:
        return self.record_all(key, {step: fields})

    def record_all(self, key: str, steps: Mapping[Step, Mapping[str, Any]]) -> Entry:
        for step, fields in steps.items():
            known = self.entries.get(key) or Entry(key, Step.RECEIVED, {})
            self.entries[key] = known.after(step, fields)
        if self.is_failed or self.fails_at in steps:
            self.fails_at = None
            raise StorageFailed("no room")
        return self.entries[key]

    @property
    def open_count(self) -> int:
        return sum(entry.step is not Step.CONFIRMED for entry in self.entries.values())

    def is_worth_compacting(self) -> bool:
        return self.is_full

    def compact(self) -> list[Entry]:
        gone = [entry for entry in self.entries.values() if entry.step is Step.CONFIRMED]
        for entry in gone:
            del self.entries[entry.key]
        return gone


class FakeHistory:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.tombstones: dict[str, Tombstone] = {}

    def remember(self, entries: list[Entry]) -> None:
        for entry in entries:
            outcome, digest = entry.steps[Step.OUTCOME], entry.steps[Step.RECEIVED]["Digest"]
            told = Tombstone(
                key=entry.key,
                digest=digest,
                status=outcome["Status"],
                data=outcome["Data"],
                confirmed_at=self._clock.now(),
            )
            self.tombstones[entry.key] = told

    def find(self, key: str) -> Tombstone | None:
        return self.tombstones.get(key)


class FakeLink:
    """Confirms what is posted, unless `replies` holds something else to be said, or done, first.

    It chokes on what is about `broken_ids`, each time.
    """

    def __init__(self) -> None:
        self.posted: list[Result] = []
        self.replies: list[Any] = []
        self.broken_ids: set[Any] = set()

    def post(self, result: Result) -> Any:
        self.posted.append(result)
        if result.task_id in self.broken_ids:
            raise Away("the task server cannot serve now (status 500)")
        reply = self.replies.pop(0) if self.replies else None
        if isinstance(reply, Exception):
            raise reply
        return reply() if callable(reply) else reply


class FakeLog:
    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    def append(self, data: bytes) -> None:
        self._lines.append(data)

    def sync(self) -> None: ...

    def close(self) -> None: ...


class FakeFolder:
    def __init__(self) -> None:
        self.lines: dict[str, list[bytes]] = {}

    def open_log(self, name: str) -> FakeLog:
        return FakeLog(self.lines.setdefault(name, []))

    def read(self, name: str) -> bytes | None:
        return b"".join(self.lines[name]) if name in self.lines else None

    def read_part(self, name: str, offset_bytes: int, size_bytes: int) -> bytes:
        return (self.read(name) or b"")[offset_bytes : offset_bytes + size_bytes]

    def create(self, name: str, data: bytes) -> None:
        self.lines[name] = [data]

    def rename(self, name: str, new_name: str) -> None:
        self.lines[new_name] = self.lines.pop(name)

    def remove(self, name: str) -> None:
        self.lines.pop(name, None)


class Bench:
    """Intake and reporter on one journal; `decision` is what the policy says of every task."""

    def __init__(self, *aliases: str, accepted_seconds: float = 0.0) -> None:
        self.clock = Clock()
        self.journal, self.history, self.link = FakeJournal(), FakeHistory(self.clock), FakeLink()
        self.folder = FakeFolder()
        self.told: list[Event] = []
        self.events = Events(self.told.append, self.clock.now, self.clock)
        self.decision = ALLOWED
        self._accepted_seconds = accepted_seconds
        self.reporter = self._make_reporter()
        judge = self._judge
        self.judged: list[Task] = []
        self.intake = Intake(self.journal, self.history, judge, aliases or ("main",), self.reporter)

    def restart_reporter(self) -> None:
        """Let another process send what there is to be said."""
        self.reporter = self._make_reporter()
        for entry in self.journal.entries.values():
            if entry.step is Step.OUTCOME:
                self.reporter.tell_end(entry.key)

    def _make_reporter(self) -> Reporter:
        pace = Pace(lambda low, high: high)
        return Reporter(
            self.journal, self.history, self.link, self.folder, self.events, pace, self.clock, self.clock.now,
            accepted_seconds=self._accepted_seconds,
        )  # fmt: skip

    def _judge(self, task: Task) -> Verdict:
        self.judged.append(task)
        return Verdict(self.decision, "d1")

    def take(self, *, level: int = 0, **members: Any) -> Any:
        return self.intake.take(make_task(**members), at=self.clock.now(), has_levels=level == 1)

    def end(self, key: str, status: str = "completed", data: Mapping[str, Any] | None = None) -> None:
        self.journal.record(key, Step.OUTCOME, {"Status": status, "Data": data or {"Outcome": "success"}})
        self.reporter.tell_end(key)

    def send_all(self) -> list[tuple[Any, str]]:
        """Send while something can be sent; return id and status of each that went out now."""
        before = len(self.link.posted)
        for _ in range(50):
            if not self.reporter.send_next():
                break
        return [(result.task_id, result.status.value) for result in self.link.posted[before:]]


def make_task(**members: Any) -> Task | Malformed:
    known = {"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}
    return read_task({**known, **members})
