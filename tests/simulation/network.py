"""The network between daemon and servers: it takes its time, cuts, comes late or twice, and others answer in between.

A request travels, takes effect at one moment, and its answer travels back. Each of the three may go wrong for itself: a
request may take effect after its sender has given up, or is dead; an answer may be lost although all was done.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple, Protocol

from duplicati_client import errors
from duplicati_client.http import Answer, Request

from .clock import Clock, Killed, Machine, Strand

# Less than what the daemon takes for the longest time that a request may be on its way.
LATE_SECONDS_MAX = 25.0
_HASTY_SECONDS = 4.0
_WEIGHT = 3.0
_HTML = (("Content-Type", "text/html"),)
_PAGE = b"<!DOCTYPE html><html><body>Log in to this network</body></html>"


class Peer(Protocol):
    """What answers at the other end; each of its lives has a number."""

    is_up: bool
    life: int


Deliver = Callable[[Request, Callable[[Answer], None]], None]


TROUBLES = (
    "refused", "cut before", "cut after", "late", "slow", "hanging", "failing", "failing after", "page", "damaged",
    "twice",
)  # fmt: skip
"""What may go wrong with a request: before or after it has taken effect, or in its answer."""

Weather = Mapping[str, float]
"""How likely each kind of trouble is with one request."""


class End(NamedTuple):
    """The far end of a line: `kind` says whose weather it has, `deliver` what a request brings about there."""

    url: str
    kind: str
    name: str
    peer: Peer
    deliver: Deliver


class Exchange:
    """One request on its way, its answer on its way back, and who waits for it."""

    def __init__(self, clock: Clock, life: int) -> None:
        self.life = life
        self.answer: Answer | None = None
        self.error: errors.DuplicatiClientError | None = None
        self.is_over = False
        self._clock = clock
        self._sender: tuple[Strand, int] | None = None

    def enlist(self, strand: Strand, number: int) -> None:
        self._sender = (strand, number)

    def end(self, answer: Answer | None = None, error: errors.DuplicatiClientError | None = None) -> None:
        if not self.is_over:
            self.is_over, self.answer, self.error = True, answer, error
            if self._sender is not None:
                self._clock.wake(*self._sender)


class Network:
    """All lines. `fired` counts troubles by kind."""

    def __init__(self, clock: Clock, chance: Random, fired: Counter[str], tell: Callable[[str], None]) -> None:
        self.clock, self.chance, self.fired, self.tell = clock, chance, fired, tell
        self.weather: dict[str, Weather] = {}
        self.is_out: set[str] = set()
        self._open: dict[str, list[Exchange]] = {}

    def draw(self, kind: str, request: Request) -> str | None:
        """Draw the trouble of a request on a line of a kind: more of it where something is said or done."""
        dice = self.chance.random() / (1.0 if request.method == "GET" else _WEIGHT)
        for trouble, share in self.weather.get(kind, {}).items():
            dice -= share
            if dice < 0:
                self.fired[f"{kind}: {trouble}"] += 1
                return trouble
        return None

    def hang_up(self, name: str) -> None:
        """Cut every connection to a server that goes down."""
        for exchange in self._open.pop(name, []):
            exchange.end(error=errors.ConnectionLost("the connection was closed before its answer ended"))

    def begin(self, name: str, life: int) -> Exchange:
        exchange = Exchange(self.clock, life)
        known = [one for one in self._open.get(name, []) if not one.is_over]
        self._open[name] = [*known, exchange]
        return exchange


class Line:
    """The way from one process to one server: a `Transport`."""

    headers: Mapping[str, str] = {}

    def __init__(self, network: Network, machine: Machine, end: End) -> None:
        self.base_url = end.url
        self._network, self._machine, self._clock = network, machine, network.clock
        self._kind, self._name, self._peer, self._deliver = end.kind, end.name, end.peer, end.deliver

    def send(self, request: Request) -> Answer:
        network, chance = self._network, self._network.chance
        if self._machine.is_dead:
            raise Killed
        trouble = network.draw(self._kind, request)
        out_seconds = chance.uniform(0.0005, 0.02)
        if self._name in network.is_out:
            network.fired["a request without a way"] += 1
            self._clock.sleep(chance.choice((0.01, 3.0, 10.0)))
            raise errors.Unreachable("there is no way to it")
        if trouble == "refused":
            self._clock.sleep(out_seconds)
            raise errors.ConnectionRefused("it refuses connections")
        if trouble in ("slow", "late"):
            out_seconds = chance.uniform(0.5, LATE_SECONDS_MAX)
        exchange = network.begin(self._name, self._peer.life)
        is_surviving = chance.random() < 0.5
        self._clock.after(out_seconds, lambda: self._arrive(request, exchange, trouble, is_surviving=is_surviving))
        hasty_seconds = chance.uniform(0.0, min(_HASTY_SECONDS, out_seconds))
        seconds = hasty_seconds if trouble == "late" else request.deadline_seconds
        is_told = exchange.is_over or self._clock.wait(seconds, exchange.enlist)
        if not is_told:
            raise errors.DeadlineExceeded("no whole answer in time")
        if exchange.error is not None:
            raise exchange.error
        assert exchange.answer is not None
        return exchange.answer

    def open_socket(self, deadline_seconds: float) -> Any:
        raise errors.NotSupported("there are no sockets here")

    def close(self) -> None: ...

    def _arrive(self, request: Request, exchange: Exchange, trouble: str | None, *, is_surviving: bool) -> None:
        """Let a request take effect; one whose sender died on the way may still come in, or not."""
        if self._machine.is_dead:
            if not is_surviving:
                return
            self._network.fired["a request of a dead process"] += 1
        if not self._peer.is_up or exchange.life != self._peer.life:
            refused = errors.ConnectionRefused("it refuses connections")
            exchange.end(error=refused if not self._peer.is_up else errors.ConnectionLost("it is another by now"))
        elif trouble == "cut before":
            exchange.end(error=errors.ConnectionLost("cut off before it arrived"))
        elif trouble in ("failing", "page"):
            self._clock.after(0.001, lambda: exchange.end(self._spoil(trouble)))
        else:
            self._deliver(request, lambda answer: self._return(answer, exchange, trouble))
            if trouble == "twice":
                self._clock.after(self._network.chance.uniform(0.0, 5.0), lambda: self._repeat(request))

    def _repeat(self, request: Request) -> None:
        if self._peer.is_up:
            self._deliver(request, lambda answer: None)

    def _return(self, answer: Answer, exchange: Exchange, trouble: str | None) -> None:
        if trouble == "hanging":
            return
        if trouble == "cut after":
            exchange.end(error=errors.ConnectionLost("cut off before its answer ended"))
            return
        if trouble in ("failing after", "damaged"):
            answer = self._spoil(trouble, answer)
        self._clock.after(self._network.chance.uniform(0.0005, 0.01), lambda: exchange.end(answer))

    def _spoil(self, trouble: str, answer: Answer | None = None) -> Answer:
        """Return what comes instead of an answer."""
        if trouble == "page":
            return Answer(200, "OK", _HTML, _PAGE)
        if trouble == "damaged" and answer is not None and answer.body:
            return answer._replace(body=answer.body[: len(answer.body) // 2] or b"{")
        status = self._network.chance.choice((500, 502, 503, 504, 429))
        headers = (("Retry-After", "7"),) if status in (429, 503) and self._kind == "tasks" else ()
        text = json.dumps({"Error": "An error occurred"}).encode() if status == 500 else b""
        return Answer(status, "Trouble", headers, text)
