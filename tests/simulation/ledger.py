"""What the daemon's journal has made durable, as it happens: so that each effect can be laid to the task behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from duplicati_client.daemon.journal import NAME
from duplicati_client.daemon.records import read_lines

from .clock import Clock
from .duplicati import Effect


class Intent(NamedTuple):
    """A task that has written down, at that second, that it is about to do something; `about` is a backup's id."""

    key: str
    at: float
    alias: str
    operation: str
    about: str | None
    leader: str | None


class Ledger:
    """Reads along; believes only what was synced. `wrongs` are effects that nobody intended."""

    def __init__(self, clock: Clock) -> None:
        self.intents: list[Intent] = []
        self.steps: dict[str, str] = {}
        self.contents: dict[str, Mapping[str, Any]] = {}
        self.wrongs: list[str] = []
        self.bytes_max = 0
        self._clock = clock
        self._aliases: dict[str, str] = {}
        self._written_at: dict[tuple[Any, ...], float] = {}

    def hear(self, name: str, data: bytes, is_durable: bool) -> None:
        """Take bytes that were written, or are durable now."""
        if name != NAME:
            return
        self.bytes_max = max(self.bytes_max, len(data))
        for record in read_lines(data).records:
            self._written_at.setdefault((record["Task"], record["Step"], record.get("Attempt")), self._clock.seconds)
            if is_durable:
                self._note(record)

    def find_cause(self, alias: str, effect: Effect) -> str | None:
        """Return the task that has said durably that it is about to bring this effect about; complain if none has."""
        for intent in reversed(self.intents):
            is_meant = intent.alias == alias and intent.operation == effect.operation
            is_about = intent.about in (None, effect.about)
            if is_meant and is_about and intent.leader is None and self.steps[intent.key] == "intent":
                return intent.key
        self.wrongs.append(f"phantom: {effect.operation} of {effect.about} on {alias} without an intent on the disk")
        return None

    def _note(self, record: Mapping[str, Any]) -> None:
        key, step = record["Task"], record["Step"]
        if step == "received":
            self.contents[key] = record.get("Content") or {}
            self._aliases[key] = record.get("Server") or ""
        is_new = self.steps.get(key) != step or step == "intent"
        self.steps[key] = step
        if step == "intent" and is_new:
            content = self.contents.get(key, {})
            intent = Intent(
                key=key,
                at=self._written_at[key, step, record.get("Attempt")],
                alias=self._aliases.get(key, ""),
                operation=str(content.get("Operation")),
                about=record.get("BackupID"),
                leader=record.get("CoalescedWith"),
            )
            self.intents.append(intent)
