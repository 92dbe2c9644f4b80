"""`daemon journal import`: takes tasks from a list that a person wrote, all of them or none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ... import errors
from ...daemon import importing, inspection
from ...daemon.history import History
from ...daemon.journal import Journal
from ...daemon.storage import PathFolder, open_folder
from ...protocol.task import Task, key_of
from ..asking import make_printer
from ..output.pages import StreamRecord
from .locking import take_lock
from .wording import call_task, name_task, tell_operation, tell_resources

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig
    from ...daemon.importing import Item
    from ..call import Call

_TOLD_COUNT = 20


def enter_file(call: Call, config: DaemonConfig, path: str) -> int:
    """Read the list, and take it in if nothing speaks against any of it."""
    items = importing.read_list(_read(path))
    folder = open_folder(config.state_folder)
    lock = take_lock(folder, "import")
    try:
        entered = _enter(call, config, folder, items)
    finally:
        lock.close()
    printer = make_printer(call)
    for item in entered:
        printer.print_record(_tell(item))
    left_count = len(items) - len(entered)
    if left_count:
        call.console.say(f"{left_count} were open already")
    if entered:
        call.console.say("the daemon's next start or round judges them by its policy")
    return 0


def _enter(call: Call, config: DaemonConfig, folder: PathFolder, items: list[Item]) -> list[Item]:
    if not inspection.inspect(folder).tasks.is_sound:
        raise errors.InvalidValue("the journal is damaged", hint="duplicati daemon journal repair, and then again")
    try:
        history = History(folder)
    except OSError as exc:
        raise errors.InputOutputFailed(f"the state folder cannot be read: {exc.strerror}") from exc
    journal = Journal(folder)
    try:
        room_count = config.in_flight_count - journal.open_count
        faults = importing.find_faults(items, journal.entries, history, room_count)
        for fault in faults[:_TOLD_COUNT]:
            call.console.complain(f"line {fault.line}: {fault.reason}")
        if faults:
            raise errors.InvalidValue(f"nothing was imported: {len(faults)} of {len(items)} cannot be taken")
        return importing.enter(items, journal, config.servers)
    finally:
        journal.close()


def _read(path: str) -> bytes:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read(importing.BYTES_MAX + 1)
    except OSError as exc:
        raise errors.InputOutputFailed(f"{path} cannot be read: {exc.strerror or exc}") from exc


def _tell(item: Item) -> StreamRecord:
    task = item.task
    key = key_of(task.task_id) if task.task_id is not None else ""
    task_id, id_type = name_task(key)
    content = task.raw if isinstance(task, Task) else None
    told = {"operation": tell_operation(content), "resources": tell_resources(content)}
    text = " ".join(filter(None, (f"task {call_task(key)}:", told["operation"], told["resources"])))
    return StreamRecord("imported", {"task_id": task_id, "id_type": id_type, **told}, text, key)
