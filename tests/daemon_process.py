"""Processes of the daemon that die on purpose, forked from one that has loaded it: `python -m tests.daemon_process`.

A line of JSON on stdin is one life, a line on stdout what came of it. `Dying` counts what a state folder makes durable,
and kills its process before or after the step with a given number: no list of such places has to be kept.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

from duplicati_client.daemon import round as rounds
from duplicati_client.daemon.assembly import Surroundings, assemble
from duplicati_client.daemon.config import load
from duplicati_client.daemon.storage import Folder, Log
from tests.model_folder import ModelDisk, ModelFolder

PATIENCE_SECONDS = 60.0


class Steps:
    """Counts durable steps over all threads; `ends_at` is the one at which the process dies.

    Or it dies when a line is durable that holds `fatal`, unless it holds `harmless` too.
    """

    def __init__(self, ends_at: int, when: str, fatal: str = "", harmless: str = "") -> None:
        self.count = 0
        self._ends_at, self._when = ends_at, when
        self._fatal, self._harmless = fatal.encode(), harmless.encode()
        self._lock = threading.Lock()

    def is_last(self, data: bytes) -> bool:
        """Say whether the process dies with these bytes."""
        is_spared = bool(self._harmless) and self._harmless in data
        return bool(self._fatal) and self._fatal in data and not is_spared

    def take(self, step: Any) -> Any:
        with self._lock:
            self.count += 1
            is_last = self.count == self._ends_at
            if is_last and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = step()
            if is_last:
                os.kill(os.getpid(), signal.SIGKILL)
        return result


class DyingLog:
    def __init__(self, log: Log, steps: Steps) -> None:
        self._log, self._steps = log, steps
        self._is_last = False

    def append(self, data: bytes) -> None:
        self._is_last = self._steps.is_last(data)
        self._log.append(data)

    def sync(self) -> None:
        self._steps.take(self._log.sync)
        if self._is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class Dying:
    """A state folder whose durable steps are counted, and are the last of their process when their number comes."""

    def __init__(self, folder: Folder, steps: Steps) -> None:
        self._folder, self._steps = folder, steps

    def open_log(self, name: str) -> DyingLog:
        return DyingLog(self._folder.open_log(name), self._steps)

    def create(self, name: str, data: bytes) -> None:
        self._steps.take(lambda: self._folder.create(name, data))

    def rename(self, name: str, new_name: str) -> None:
        self._steps.take(lambda: self._folder.rename(name, new_name))

    def remove(self, name: str) -> None:
        self._steps.take(lambda: self._folder.remove(name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._folder, name)


class Power:
    """A model disk under a daemon: the power fails before its durable step `cut_at`; what is left is for the next life.

    The file named `path` holds it in between: the files of the disk, and what the power cut did to them.
    """

    def __init__(self) -> None:
        self._disk, self._path = ModelDisk(), Path()

    @property
    def steps_count(self) -> int:
        return self._disk.durable_count

    def mount(self, order: dict[str, Any]) -> ModelFolder:
        self._path = Path(order["path"])
        files, _ = pickle.loads(self._path.read_bytes()) if self._path.exists() else ({}, ())
        self._disk = ModelDisk(files, seed=order.get("seed", 0), block_bytes=order.get("block_bytes", 64))
        self._disk.cut_at_durable, self._disk.at_cut = order.get("cut_at"), self._cut
        return self._disk.mount()

    def leave(self) -> None:
        """Let the power stay: all that was written is for the next life."""
        if self._path.name:
            self._path.write_bytes(pickle.dumps((self._disk.files(), ())))

    def _cut(self) -> None:
        self._path.write_bytes(pickle.dumps(tuple(self._disk.any_image())))
        os.kill(os.getpid(), signal.SIGKILL)


class Life(NamedTuple):
    """What came of a process: whether it died on purpose, its durable steps, and what it has left undone."""

    has_died: bool
    steps_count: int = 0
    left_count: int = 0
    pending_count: int = 0
    events: tuple[str, ...] = ()


class Nursery:
    """Starts lives; for a `with`."""

    def __enter__(self) -> Nursery:
        command = [sys.executable, "-m", "tests.daemon_process"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(PATIENCE_SECONDS)

    def live(self, config: str, ends_at: int = 0, when: str = "before", **options: Any) -> Life:
        """Let a daemon do one round, or die at its durable step `ends_at`."""
        order = {"config": config, "ends_at": ends_at, "when": when, **options}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert "error" not in told, told
        return Life(**told)


def _live(order: dict[str, Any]) -> dict[str, Any]:
    power = Power()
    steps = Steps(order["ends_at"], order["when"], order.get("fatal", ""), order.get("harmless", ""))
    events: list[str] = []
    around = Surroundings(
        environ=os.environ,
        write=lambda event: events.append(f"{event.code}: {event.text}"),
        wrap=lambda folder: power.mount(order["disk"]) if "disk" in order else Dying(folder, steps),
        settle_seconds=order.get("settle_seconds", 0.1),
    )
    daemon = assemble(load(order["config"]), around)
    done = rounds.perform(daemon, order.get("max_duration", 20.0), lambda seconds: threading.Event().wait(seconds / 5))
    daemon.close()
    power.leave()
    if daemon.crash is not None:
        raise daemon.crash
    return Life(
        has_died=False,
        steps_count=steps.count or power.steps_count,
        left_count=done.left_count,
        pending_count=done.pending_count,
        events=tuple(events),
    )._asdict()


def _raise_child(order: dict[str, Any]) -> dict[str, Any]:
    """Fork one life and return what it says at its end; one that was killed says nothing."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            told = _live(order)
        except BaseException as exc:
            import traceback

            told = {"error": "".join(traceback.format_exception(exc))[-3000:]}
        os.write(writer, json.dumps(told).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return {"has_died": True}
    return json.loads(said) if said else {"error": f"it ended with status {status} and said nothing"}


def main() -> None:
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_raise_child(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
