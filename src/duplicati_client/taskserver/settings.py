"""What an administrator can change while the task server runs, and what of it holds now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from .store.database import Change
from .store.interface import RegisterStore

_LOOK_AGAIN_SECONDS: Final = 30.0
"""How long a change by another replica may go unnoticed, should its notification be lost."""
_EPOCH: Final = "epoch"
_VERSION: Final = "version"


class Settings(NamedTuple):
    """All of them, each a whole number; days and seconds count from the end of what they are about."""

    poll_seconds: int = 10
    lease_seconds: int = 120
    tasks_days: int = 90
    results_days: int = 30
    audit_days: int = 730
    open_tasks_max: int = 10_000
    requests_per_minute: int = 60
    body_kibibytes: int = 1024


class Bounds(NamedTuple):
    """What a setting may be, and what it says, in words for a person."""

    least: int
    most: int
    about: str


BOUNDS: Final[Mapping[str, Bounds]] = {
    "poll_seconds": Bounds(1, 3600, "how long daemons shall wait between two polls at least; more of them wait longer"),
    "lease_seconds": Bounds(10, 3600, "how long a daemon has to answer for a task before it is offered again"),
    "tasks_days": Bounds(1, 3650, "how long a task is kept after its end"),
    "results_days": Bounds(1, 3650, "how long a result is kept that came for no task, late, or twice unlike"),
    "audit_days": Bounds(1, 36500, "how long an entry of the audit log is kept"),
    "open_tasks_max": Bounds(1, 1_000_000, "how many open tasks a daemon may have"),
    "requests_per_minute": Bounds(0, 60_000, "how often a daemon may ask without anything new coming of it; 0: always"),
    "body_kibibytes": Bounds(64, 8192, "how large the body of a request may be"),
}


def read_settings(texts: Mapping[str, str]) -> Settings:
    """Return what a store holds; what is not there, or not as it may be, is as it is without."""
    known = {}
    for name, bounds in BOUNDS.items():
        text = texts.get(name, "")
        if text.isascii() and text.isdecimal() and bounds.least <= int(text) <= bounds.most:
            known[name] = int(text)
    return Settings(**known)


class Current:
    """What holds now: settings, their version, and the store's epoch; belongs to one event loop, as `clock` does."""

    def __init__(self, register: RegisterStore, clock: Callable[[], float]) -> None:
        self._register, self._clock = register, clock
        self._stale_at = 0.0
        self.settings = Settings()
        self.version = 0
        self.epoch = ""

    async def load(self) -> None:
        """Read them."""
        epoch = await self._register.get_epoch()
        self.take(await self._register.list_settings())
        self.epoch = epoch

    def take(self, texts: Mapping[str, str]) -> None:
        """Let hold what a store holds."""
        self.settings = read_settings(texts)
        self.version = int(texts.get(_VERSION, "0"))
        self.epoch = texts.get(_EPOCH, self.epoch)
        self._stale_at = self._clock() + _LOOK_AGAIN_SECONDS

    async def look_again(self) -> None:
        """Read them if they may have changed."""
        if self._clock() >= self._stale_at:
            self.take(await self._register.list_settings())

    def hear(self, change: Change) -> None:
        """Remember that they changed."""
        if change.topic == "settings":
            self._stale_at = 0.0
