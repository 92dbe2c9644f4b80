"""A daemon of level 0 in few lines, to try the kit with: it claims to carry out `status`, and knows nothing else."""

from __future__ import annotations

import http.client
import re
import sys
import time
from contextlib import suppress
from typing import Any

from tests.conformance.exchange import Peer

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_KNOWN: dict[str, dict[str, type]] = {"status": {}, "get": {}, "logs": {"count": int}}


def judge(task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the status and data of a task's result."""
    known = _KNOWN.get(task["Operation"]) if isinstance(task.get("Operation"), str) else {}
    is_odd = set(task) - {"ID", "Operation", "Resources", "Parameters"} or not isinstance(task.get("Operation"), str)
    for resource in task.get("Resources", []):
        is_odd = is_odd or not isinstance(resource, dict) or not str(resource.get("ID")).isdigit()
    for name, value in task.get("Parameters", {}).items():
        is_odd = is_odd or (known is not None and not isinstance(value, known.get(name, ())))
    if is_odd:
        return "refused", {"Code": "malformed", "Reason": "odd"}
    if known is None:
        return "refused", {"Code": "prohibited", "Reason": "not known"}
    return "completed", {"Outcome": "success"}


def has_usable_id(task: Any) -> bool:
    """Say whether a task can be answered at all."""
    task_id = task.get("ID") if isinstance(task, dict) else None
    if isinstance(task_id, bool) or not isinstance(task_id, int | str):
        return False
    return isinstance(task_id, int) or bool(_ID.fullmatch(task_id) and task_id.strip("."))


class Daemon:
    """Keeps every result until it is confirmed, and after that for when its task is offered again."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._results: dict[tuple[type, Any], tuple[str, dict[str, Any]]] = {}
        self._unsent: list[tuple[type, Any]] = []

    def work(self) -> None:
        """Do one round."""
        for key in list(self._unsent):
            status, data = self._results[key]
            if self._peer.report(key[1], status, Data=data).status == 200:
                self._unsent.remove(key)
        if self._peer.ask("GET", "api/tasks/status", seconds=5).status != 303:
            return
        answer = self._peer.ask("GET", "api/tasks", seconds=5)
        if answer.status == 200 and "content-encoding" not in answer.headers:
            for task in filter(has_usable_id, answer.value or []):
                key = type(task["ID"]), task["ID"]
                self._results.setdefault(key, judge(task))
                self._unsent += [key] if key not in self._unsent else []


def main() -> None:
    """Poll for ever."""
    daemon = Daemon(Peer(sys.argv[1]))
    while True:
        with suppress(OSError, http.client.HTTPException):
            daemon.work()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
