"""Looks at the Duplicati servers beside the tasks: for the inventory, and for the names that the policy goes by."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from .answers import LinkFailed
from .parts import Parts, Performer
from .ruling import Ruling


class Lookout:
    """Asks a server only when its worker finds it worth a look, and lets that worker know what came of it."""

    def __init__(self, parts: Parts, ruling: Ruling, workers: Mapping[str, Performer]) -> None:
        self._parts, self._ruling, self._workers = parts, ruling, workers
        self._knows_names = False

    def look(self) -> None:
        """Look at the servers where somebody wants to know, and tell the task server what has changed."""
        if self._parts.link.level == 1 or self._ruling.needs_names():
            self._look_at_all()
        with suppress(LinkFailed):
            self._parts.inventory.send_if_changed(self._parts.link, self._parts.clock())

    def learn_names(self) -> None:
        """Look at the servers before the first task is judged by a policy that has to know backups by their names."""
        if self._ruling.needs_names() and not self._knows_names:
            self._look_at_all()
        self._knows_names = True

    def forget(self) -> None:
        """Learn the names anew before the next task is judged: the policy may be another one."""
        self._knows_names = False

    def _look_at_all(self) -> None:
        for alias, worker in self._workers.items():
            if worker.is_worth_a_look():
                worker.note_look(self._parts.look(alias))
            elif worker.failure is not None:
                self._parts.inventory.note_failure(alias, worker.failure)
