"""Which of the sandbox's ids and moments stand for recorded ones; learnt from two answers to the same question."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from recordings import Entry


class Names:
    """Which of the sandbox's ids and moments stands for which recorded one."""

    def __init__(self) -> None:
        self.backups: dict[str, str] = {}
        self.tasks: dict[str, str] = {}
        self.captchas: dict[str, str] = {}
        self.runs: dict[str, str] = {}
        self.moments: dict[str, str] = {}

    def learn(self, entry: Entry, ours: Any) -> None:
        """Take ids and moments from two answers to the same question."""
        recorded, path = entry.answer, entry.path.partition("?")[0]
        if isinstance(recorded, dict) and isinstance(ours, dict):
            if entry.method == "POST" and path.endswith("/backups"):
                self.backups[str(recorded.get("ID"))] = str(ours.get("ID"))
            elif path.endswith("/import") and recorded.get("Id"):
                self.backups[str(recorded["Id"])] = str(ours.get("Id"))
            elif path.endswith("/commandline"):
                self.runs[str(recorded.get("ID"))] = str(ours.get("ID"))
            elif recorded.get("ActiveTask") and ours.get("ActiveTask"):
                self.tasks[str(recorded["ActiveTask"]["Item1"])] = str(ours["ActiveTask"]["Item1"])
            elif isinstance(recorded.get("token"), str) and isinstance(ours.get("token"), str):
                self.captchas[recorded["token"]] = ours["token"]
            elif "TaskID" in recorded and "Phase" not in recorded:
                self.tasks[str(recorded["TaskID"])] = str(ours.get("TaskID"))
            elif isinstance(recorded.get("ID"), int) and isinstance(ours.get("ID"), int):
                self.tasks[str(recorded["ID"])] = str(ours["ID"])
        self._learn_moments(recorded, ours)

    def _learn_moments(self, recorded: Any, ours: Any) -> None:
        if isinstance(recorded, dict) and isinstance(ours, dict):
            if isinstance(recorded.get("Time"), str) and isinstance(ours.get("Time"), str):
                self.moments[recorded["Time"][:19]] = ours["Time"][:19]
            for name in recorded.keys() & ours.keys():
                self._learn_moments(recorded[name], ours[name])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for one, other in zip(recorded, ours, strict=False):
                self._learn_moments(one, other)

    def value(self, value: Any) -> Any:
        """Return a recorded value with the sandbox's backup ids."""
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if not isinstance(value, dict):
            return value
        mapped = {name: self.value(item) for name, item in value.items()}
        for name in ("BackupID", "Item2"):
            known = mapped.get(name)
            if isinstance(known, (str, int)) and str(known) in self.backups:
                mapped[name] = type(known)(self.backups[str(known)])
        return mapped

    def path(self, path: str) -> str:
        """Return a recorded path with the sandbox's ids."""
        path = re.sub(r"(?<=/backup/)[0-9a-f-]+", lambda found: self.backups.get(found[0], found[0]), path)
        path = re.sub(r"(?<=/task/)\d+", lambda found: self.tasks.get(found[0], found[0]), path)
        return re.sub(r"(?<=/commandline/)[0-9a-f-]{36}", lambda found: self.runs.get(found[0], found[0]), path)

    def text(self, text: str) -> str:
        """Return a recorded text with the sandbox's moments."""
        known = self.captchas | self.moments | {quote(recorded): quote(ours) for recorded, ours in self.moments.items()}
        if not known:
            return text
        return re.sub("|".join(map(re.escape, known)), lambda found: known[found[0]], text)
