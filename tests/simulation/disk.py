"""The daemon's disk: a model that forgets what was not synced, with delays, errors, and an end at a counted step."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from random import Random

from tests.model_folder import Fault, ModelDisk, ModelFolder, ModelLog

from .clock import Clock, Killed, Machine

ENDLESS_BYTES = 1 << 40
Hear = Callable[[str, bytes, bool], None]


class Disk:
    """A disk over several lives of the daemon; `hear` gets a file's name, bytes of it, and whether they are durable."""

    def __init__(self, clock: Clock, chance: Random, fired: Counter[str], hear: Hear) -> None:
        self.model = ModelDisk(seed=chance.randrange(2**32))
        self._hear = hear
        self.clock, self.chance, self._fired = clock, chance, fired
        self._faults: list[Fault] = []
        self._heard_bytes: dict[str, int] = {}
        self._loses_power = False

    def mount(self, machine: Machine) -> Folder:
        """Return the state folder for one process."""
        if self.model.is_off and self._loses_power:
            self.lose_power()
        self._loses_power = False
        self.model.is_off, self.model.cut_at, self.model.at_cut = False, None, machine.kill
        self._heard_bytes.clear()
        return Folder(self, machine)

    def kill_at(self, steps_count: int, *, loses_power: bool) -> None:
        """Let the process that has it mounted die so many steps from now, perhaps with the whole machine."""
        self.model.cut_at = self.model.operations_count + steps_count
        self._loses_power = loses_power

    def lose_power(self) -> None:
        """Keep what was synced, and of the rest what chance leaves of it."""
        self._count()
        image = self.model.any_image()
        self._fired.update(f"disk: {kind}" for kind in image.kinds)
        self.model = ModelDisk(image.files, seed=self.chance.randrange(2**32))

    def tell(self, name: str, *, is_anew: bool = False) -> None:
        """Let the world hear what has become durable of a file, also what an earlier process had left unsynced."""
        start = 0 if is_anew else self._heard_bytes.get(name, 0)
        data = bytes(self.model.find(name).live)
        self._heard_bytes[name] = len(data)
        self._hear(name, data[start:], True)

    def tell_written(self, name: str, data: bytes) -> None:
        """Let the world hear what was written, and may get lost."""
        self._hear(name, data, False)

    def trouble(self, number: int) -> None:
        """Let operations fail for a while: with EIO some, with EROFS all that write, with ENOSPC those that add."""
        if number == errno.ENOSPC:
            used_bytes = self.model.capacity_bytes - self.model.left_bytes()
            self.model.capacity_bytes = used_bytes + self.chance.choice((0, 300, 3000))
            return
        if number == errno.EROFS:
            self._faults.append(self.model.fault("write", number, times=None))
            return
        operation = self.chance.choice(("sync", "append", "write", "any", "replace"))
        nth, times = self.chance.randint(1, 5), self.chance.randint(1, 6)
        self._faults.append(self.model.fault(operation, number, nth=nth, times=times))

    def recover(self) -> None:
        """Be well again."""
        self.model.capacity_bytes = ENDLESS_BYTES
        self._count()
        for fault in self._faults:
            fault.end()
        self._faults.clear()

    def _count(self) -> None:
        """Count what has failed since the last time, on the model that there is."""
        for fault in self._faults:
            self._fired[f"disk: {errno.errorcode[fault.number]}"] += fault.fired_count
            fault.fired_count = 0
        self._fired["disk: ENOSPC"] += self.model.fired.pop("full", 0)


class Folder:
    """The state folder of one process: every durable step takes its time, and none comes after its death."""

    path = "state"

    def __init__(self, disk: Disk, machine: Machine) -> None:
        self._disk, self._machine = disk, machine
        self._model = ModelFolder(disk.model)

    def wait(self) -> None:
        """Let the disk take its time."""
        if self._machine.is_dead:
            raise Killed
        chance = self._disk.chance
        self._disk.clock.sleep(chance.uniform(0.0002, 0.02) if chance.random() < 0.9 else chance.uniform(0.02, 1.5))

    def read(self, name: str) -> bytes | None:
        return self._now().read(name)

    def read_part(self, name: str, offset_bytes: int, size_bytes: int) -> bytes:
        return self._now().read_part(name, offset_bytes, size_bytes)

    def open_log(self, name: str) -> Log:
        return Log(self, self._now().open_log(name), name, self._disk)

    def create(self, name: str, data: bytes) -> None:
        self.wait()
        self._now().create(name, data)

    def reserve(self, name: str, size_bytes: int) -> None:
        self._now().reserve(name, size_bytes)

    def rename(self, name: str, new_name: str) -> None:
        self.wait()
        self._now().rename(name, new_name)
        self._disk.tell(new_name, is_anew=True)

    def remove(self, name: str) -> None:
        self._now().remove(name)

    def names(self) -> list[str]:
        return self._now().names()

    def room(self) -> tuple[int, int]:
        return self._now().room()

    def _now(self) -> ModelFolder:
        if self._machine.is_dead:
            raise Killed
        return self._model


class Log:
    """A log in it."""

    def __init__(self, folder: Folder, model: ModelLog, name: str, disk: Disk) -> None:
        self._folder, self._model, self._name, self._disk = folder, model, name, disk

    def append(self, data: bytes) -> None:
        self._folder.wait()
        self._model.append(data)
        self._disk.tell_written(self._name, data)

    def sync(self) -> None:
        self._folder.wait()
        self._model.sync()
        self._disk.tell(self._name)

    def close(self) -> None:
        self._model.close()
