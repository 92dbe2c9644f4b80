"""How the daemon is: what its threads note down, and the snapshot of it that `daemon status` shows; decides nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from .. import errors
from .answers import Away, CredentialRefused, InstanceConflict, LinkFailed, NotTaken
from .events import Event

SKEW_SECONDS = 300.0


class Connection(StrEnum):
    """How it stands with the task server."""

    UNKNOWN = "unknown"
    CONNECTED = "connected"
    AWAY = "away"
    REFUSED = "refused"
    CONFLICT = "conflict"
    NOT_UNDERSTOOD = "not-understood"


class Problem(NamedTuple):
    """Something that an owner should know; `code` tells monitoring what kind of thing it is."""

    code: str
    text: str


class Weakness(NamedTuple):
    """What a task server of level 0 makes of a promise, by the number that docs/reference/promises.md gives it."""

    promise: str
    text: str


WEAKNESSES: Final = (
    Weakness("G1", "a task that was taken back, or given to somebody else, is done all the same"),
    Weakness("G3", "a task that comes again ten minutes after its end is a new one, and is done again"),
    Weakness("G4", "that the task server was restored from an older copy shows by repeated ids alone"),
    Weakness("G5", "any short answer with status 200 counts as a receipt"),
    Weakness("G12", "the task server cannot say how often it wants to be asked"),
    Weakness("G15", "two machines with one identity are not noticed"),
)


class Contact(NamedTuple):
    """The last things that happened between daemon and task server."""

    state: Connection = Connection.UNKNOWN
    since: datetime | None = None
    polled_at: datetime | None = None
    answered_at: datetime | None = None
    beat_at: datetime | None = None
    message: str | None = None
    hint: str | None = None


_STATES: tuple[tuple[type[errors.DuplicatiClientError], Connection], ...] = (
    (CredentialRefused, Connection.REFUSED),
    (InstanceConflict, Connection.CONFLICT),
    (Away, Connection.AWAY),
    (NotTaken, Connection.NOT_UNDERSTOOD),
)


class Health:
    """What is known of the contact to the task server; any thread may note and read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.contact = Contact()

    @property
    def is_connected(self) -> bool:
        """Whether the last poll was answered as it should be."""
        return self.contact.state is Connection.CONNECTED

    def note_answer(self, at: datetime) -> bool:
        """Note that the task server has answered a poll as it should; say whether that is news."""
        with self._lock:
            is_news = not self.is_connected
            since = at if is_news else self.contact.since
            known = self.contact._replace(state=Connection.CONNECTED, since=since, message=None, hint=None)
            self.contact = known._replace(polled_at=at, answered_at=at)
            return is_news

    def note_failure(self, failure: LinkFailed, at: datetime) -> None:
        """Note that a poll has failed."""
        state = next((state for kind, state in _STATES if isinstance(failure, kind)), Connection.NOT_UNDERSTOOD)
        with self._lock:
            since = self.contact.since if self.contact.state is state else at
            known = self.contact._replace(state=state, since=since, polled_at=at)
            self.contact = known._replace(message=failure.message, hint=failure.hint)

    def note_beat(self, at: datetime) -> None:
        """Note that a heartbeat was answered."""
        with self._lock:
            self.contact = self.contact._replace(beat_at=at)


def describe_contact(contact: Contact, address: str, level: int | None) -> dict[str, Any]:
    """Return the part of the snapshot that is about the task server."""
    return {
        "state": contact.state.value,
        "url": address,
        "level": level,
        "weaker": [weakness._asdict() for weakness in WEAKNESSES] if level == 0 else [],
        "since": write_time(contact.since),
        "polled_at": write_time(contact.polled_at),
        "answered_at": write_time(contact.answered_at),
        "beat_at": write_time(contact.beat_at),
        "message": contact.message,
        "hint": contact.hint,
    }


def describe_event(event: Event) -> dict[str, Any]:
    """Return an event as programs get it."""
    members = {"at": write_time(event.at), "level": event.level, "code": event.code, "text": event.text}
    return members | ({"task": event.key} if event.key else {})


def find_problems(snapshot: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong, the worst first, as far as a snapshot tells."""
    found = [_find_contact_problem(snapshot["task_server"])]
    storage, policy = snapshot["storage"], snapshot["policy"]
    if storage["failure"]:
        found.insert(0, Problem("storage-failed", f"nothing can be made durable: {storage['failure']}"))
    if storage["is_below_floor"]:
        found.append(Problem("disk-full", f"no new tasks are taken: {storage['free_bytes'] >> 20} MiB are free"))
    if storage["damage"]:
        found.append(Problem("journal-damaged", f"found at the start: {storage['damage']}"))
    if policy["error"]:
        found.append(Problem("policy", f"the policy on the disk is not in force: {policy['error']}"))
    for server in snapshot["servers"]:
        if server.get("code"):
            found.append(Problem("server", f"server {server['alias']}: {server.get('message') or server['code']}"))
    if snapshot["held"]:
        held = len(snapshot["held"])
        found.append(Problem("held", f"{held} waiting for: duplicati daemon resume (the task server was restored)"))
    slow_count = snapshot["results"]["slow_count"]
    if slow_count:
        found.append(Problem("not-taken", f"results that the task server does not take: {slow_count}"))
    if abs(snapshot["clock_offset_seconds"] or 0.0) > SKEW_SECONDS:
        found.append(Problem("clock", f"the clocks are {snapshot['clock_offset_seconds']:.0f} s apart"))
    return [problem for problem in found if problem is not None]


def _find_contact_problem(contact: Mapping[str, Any]) -> Problem | None:
    if contact["state"] in (Connection.CONNECTED, Connection.UNKNOWN):
        return None
    return Problem(contact["state"], contact["message"] or f"the task server is {contact['state']}")


def write_time(moment: datetime | None) -> str | None:
    """Write a time for programs, None for none."""
    return None if moment is None else moment.isoformat(timespec="seconds")
