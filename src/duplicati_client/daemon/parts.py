"""What a daemon is made of, as its loop knows it; makes nothing itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from .. import errors
from .config import DaemonConfig
from .events import Events
from .guard import Lock
from .health import Health
from .heartbeat import Running
from .history import History
from .inventory import Inventory
from .journal import Journal
from .link import Link
from .pace import Pace
from .policy import Policy
from .rates import Rates
from .reporter import Reporter
from .storage import Folder
from .threads import THREADS, Threads


class Performer(Protocol):
    """Performs the tasks of one server in order: a worker."""

    is_to_wait: Callable[[], bool]
    """Whether nothing new may begin, although it was accepted."""
    hear_of_begin: Callable[[], None]
    """Hears that something goes on with a task."""

    def put(self, key: str, *, has_died: bool = True) -> None:
        """Perform a task when its turn comes; `has_died`: a process has died with it begun, if it has begun."""

    def start(self) -> None:
        """Begin, in a thread of its own."""

    def stop(self) -> None:
        """Begin nothing more, and leave what goes on to the next start."""

    def join(self, seconds: float) -> None:
        """Wait until what was being written is written."""

    def cancel(self, key: str, *, may_stop: bool) -> bool:
        """Ask for the end of a task, and say whether it is here; `may_stop` lets a run be stopped."""

    def hurry(self) -> None:
        """Try the server now, whatever was being waited for."""

    def is_worth_a_look(self) -> bool:
        """Say whether the server may be asked something beside the tasks, of which `note_look` is to hear."""

    def note_look(self, failure: errors.DuplicatiClientError | None) -> None:
        """Take note of what came of asking the server something beside the tasks."""

    def is_resting(self) -> bool:
        """Say whether nothing can be done now: there is nothing, or it waits for a time or for its server."""

    @property
    def running(self) -> Sequence[Running]:
        """The tasks it has, and how far each is."""

    @property
    def failure(self) -> errors.DuplicatiClientError | None:
        """Why its server cannot be worked with, None if it can as far as is known."""


class Parts(NamedTuple):
    """What a daemon is made of; `make_worker` gets an alias and who is to hear of ends.

    `clock` counts seconds in which the machine sleeps, `awake` does not.
    """

    config: DaemonConfig
    folder: Folder
    lock: Lock
    journal: Journal
    history: History
    link: Link
    inventory: Inventory
    reporter: Reporter
    rates: Rates
    events: Events
    health: Health
    make_worker: Callable[[str, Callable[[str], None]], Performer]
    make_pace: Callable[[], Pace]
    look: Callable[[str], errors.DuplicatiClientError | None]
    load_policy: Callable[[], Policy]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    awake: Callable[[], float] = time.monotonic
    threads: Threads = THREADS
