"""A task server of level 0 or 1 in memory: it hands tasks out, forgets, starts again, is restored from older copies.

Its store outlives a restart. `results` is the simulation's own record of every result that came, `offers` of each task
how often it was handed out.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import format_datetime
from random import Random
from typing import Any, NamedTuple

from duplicati_client.http import Answer, Request

from .clock import START_AT, Clock

TERMINAL = ("refused", "completed", "error")
LEASE_SECONDS = 120.0
_WAIT_SECONDS_MAX = 50.0
_JSON = ("Content-Type", "application/json")

Key = tuple[type, Any]
Reply = Callable[[Answer], None]


def key_of(task_id: Any) -> Key:
    """Return an id with its type: 7 and "7" are two."""
    return type(task_id), task_id


class Given:
    """A task of the store. `seen_at` is when the daemon last showed that it has it."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        self.item = dict(item)
        self.is_accepted = False
        self.terminal: dict[str, Any] | None = None
        self.attempt = 0
        self.offered_at = self.seen_at = float("-inf")


class Received(NamedTuple):
    """A result as it came, and what was made of it."""

    at: float
    body: Mapping[str, Any]
    recorded: str


class TaskServer:
    """One task server. `is_shut` refuses the daemon's credential."""

    name = "task server"

    def __init__(self, clock: Clock, chance: Random, level: int, tell: Callable[[str], None]) -> None:
        self.level = level
        self.is_up = True
        self.is_shut = False
        self.life = 1
        self.wall_offset = timedelta()
        self.store: dict[Key, Given] = {}
        self.results: dict[Key, list[Received]] = {}
        self.offers: dict[Key, list[float]] = {}
        self.cancelled: list[Any] = []
        self.restores_count = 0
        self.requests_count = 0
        self._clock, self._chance, self._tell = clock, chance, tell
        self._epoch = "epoch-0"
        self._waiting: list[tuple[int, Reply]] = []
        self._version = 0

    # --- for the world --------------------------------------------------------------------------------

    def give(self, item: Mapping[str, Any]) -> None:
        """Put a task into the store."""
        self.store[key_of(item["ID"])] = Given(item)
        self._change()

    def keep(self) -> dict[Key, Given]:
        """Return a copy of the store, for `restore`."""
        return copy.deepcopy(self.store)

    def restore(self, store: dict[Key, Given]) -> None:
        """Be as an older copy says; tasks given since are put in again, and what is not over is handed out again."""
        newer = {key: Given(given.item) for key, given in self.store.items() if key not in store}
        self.store = {**copy.deepcopy(store), **newer}
        for given in self.store.values():
            given.is_accepted = False
            given.offered_at = float("-inf")
        self.restores_count += 1
        self._epoch = f"epoch-{self.restores_count}"
        self._change()

    def forget_accepted(self) -> None:
        """Lose what was not written yet: that tasks were accepted."""
        for given in self.store.values():
            given.is_accepted = False
        self._change()

    def go_down(self) -> None:
        self.is_up = False
        self.life += 1
        self._waiting.clear()

    def come_up(self) -> None:
        self.is_up = True

    def find_open(self) -> list[Key]:
        """Return the tasks that have no end."""
        return [key for key, given in self.store.items() if given.terminal is None]

    # --- what it does ---------------------------------------------------------------------------------

    def answer(self, request: Request, reply: Reply) -> None:
        """Answer a request, now or, where it asks for patience, later."""
        self.requests_count += 1
        path = request.path.partition("?")[0]
        if self.is_shut:
            reply(self._dress(Answer(401, "Unauthorized", (), b"")))
        elif path == "api/tasks/status":
            self._answer_status(request, reply)
        elif path == "api/tasks":
            reply(self._dress(self._hand_out()))
        elif path.endswith("/result"):
            reply(self._dress(self._take(json.loads(request.body or b"{}"), path.split("/")[2])))
        elif self.level == 0:
            reply(self._dress(Answer(404, "Not Found", (), b"")))
        elif path == "api/daemon/heartbeat":
            reply(self._dress(self._beat(json.loads(request.body or b"{}"))))
        else:
            reply(self._dress(Answer(204, "No Content", (), b"")))

    def _dress(self, answer: Answer) -> Answer:
        at = START_AT + timedelta(seconds=self._clock.seconds) + self.wall_offset
        headers = [("Date", format_datetime(at.replace(microsecond=0), usegmt=True))]
        if self.level:
            headers += [("Duplicati-Task-Protocol", "1"), ("Duplicati-Epoch", self._epoch)]
        return answer._replace(headers=(*headers, *answer.headers))

    def _offerable(self) -> list[Given]:
        """Return what may be handed out: at level 1 a lease ends, also that of an accepted task nobody speaks of."""
        now = self._clock.seconds
        open_ones = [given for given in self.store.values() if given.terminal is None]
        if not self.level:
            return [given for given in open_ones if not given.is_accepted]
        return [given for given in open_ones if now - max(given.offered_at, given.seen_at) >= LEASE_SECONDS]

    def _answer_status(self, request: Request, reply: Reply) -> None:
        prefer = request.headers.get("Prefer", "").partition("wait=")[2]
        wait_seconds = min(float(prefer or 0), _WAIT_SECONDS_MAX) if self.level else 0.0
        if self._offerable() or not wait_seconds:
            reply(self._tell_status())
            return
        waiter = (self.life, reply)
        self._waiting.append(waiter)
        self._clock.after(wait_seconds, lambda: self._release(waiter))

    def _release(self, waiter: tuple[int, Reply]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            waiter[1](self._tell_status())

    def _tell_status(self) -> Answer:
        headers = (("ETag", f'"{self._version}"'),) if self.level else ()
        return self._dress(Answer(303 if self._offerable() else 304, "", headers, b""))

    def _change(self) -> None:
        self._version += 1
        for waiter in list(self._waiting):
            if self._offerable():
                self._release(waiter)

    def _hand_out(self) -> Answer:
        items = []
        for given in self._offerable():
            given.offered_at = self._clock.seconds
            key = key_of(given.item["ID"])
            self.offers.setdefault(key, []).append(self._clock.seconds)
            if self.level:
                given.attempt += 1
                items.append({**given.item, "Attempt": given.attempt})
            else:
                items.append(given.item)
        if items and self._chance.random() < 0.1:
            items.append(items[0])
        forms: list[Any] = [items, {"Tasks": items}] + ([items[0]] if len(items) == 1 else [])
        return Answer(200, "OK", (_JSON,), json.dumps(self._chance.choice(forms)).encode())

    def _take(self, body: Mapping[str, Any], path_id: str) -> Answer:
        key = key_of(body["ID"])
        assert str(body["ID"]) == path_id, body
        recorded = self._record(self.store.get(key), body)
        self.results.setdefault(key, []).append(Received(self._clock.seconds, body, recorded))
        data = body.get("Data", {})
        told = {name: data[name] for name in ("Outcome", "Code", "CoalescedWith", "Starts", "Message") if name in data}
        self._tell(f"{body['ID']!r} {body['Status']} {told or ''}: {recorded}")
        if not self.level:
            return Answer(200, "OK", (), self._chance.choice((b"", b"OK", b"{}")))
        receipt = {"ID": body["ID"], "Status": body["Status"], "Recorded": recorded}
        return Answer(200, "OK", (_JSON,), json.dumps(receipt).encode())

    def _record(self, given: Given | None, body: Mapping[str, Any]) -> str:
        if given is None:
            return "orphan"
        given.seen_at = self._clock.seconds
        if self.level and body.get("Attempt", given.attempt) != given.attempt:
            return "stale"
        if given.terminal is not None:
            is_same = all(given.terminal.get(name) == body.get(name) for name in ("Status", "Data"))
            return "duplicate" if is_same or body["Status"] == "accepted" else "conflict"
        if body["Status"] in TERMINAL:
            given.terminal = dict(body)
            return "recorded"
        was_accepted, given.is_accepted = given.is_accepted, True
        return "duplicate" if was_accepted else "recorded"

    def _beat(self, body: Mapping[str, Any]) -> Answer:
        for running in body.get("Running", ()):
            given = self.store.get(key_of(running["ID"]))
            if given is not None:
                given.seen_at = self._clock.seconds
        open_ones = [task_id for task_id in self.cancelled if key_of(task_id) in self.find_open()]
        return Answer(200, "OK", (_JSON,), json.dumps({"Cancel": open_ones}).encode())
