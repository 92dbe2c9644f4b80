"""What one server's part of a command says and prints; with several servers each line tells whose it is."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .console import Console
    from .output.pages import StreamRecord
    from .output.printer import Printer


class Talk:
    """Says and prints for one server. `label` is None if there is only one; threads share `lock`."""

    def __init__(self, console: Console, printer: Printer, label: str | None = None, lock: RLock | None = None) -> None:
        self.console = console
        self.form = printer.form
        self.label = label
        self._printer = printer
        self._lock = lock or RLock()

    def say(self, text: str) -> None:
        """Tell the person something."""
        with self._lock:
            self.console.say(self._name(text))

    def detail(self, text: str) -> None:
        """Tell something only wanted with --verbose."""
        with self._lock:
            self.console.detail(self._name(text))

    def complain(self, message: str, hint: str | None = None) -> None:
        """Tell of an error."""
        with self._lock:
            self.console.complain(self._name(message), hint)

    def print_record(self, record: StreamRecord) -> None:
        """Write one step of something that goes on."""
        if self.label is not None:
            text = self._name(record.text) if record.text else None
            record = record._replace(item={"server": self.label, **record.item}, text=text)
        with self._lock:
            self._printer.print_record(record)

    def _name(self, text: str) -> str:
        return text if self.label is None else f"{self.label}: {text}"
