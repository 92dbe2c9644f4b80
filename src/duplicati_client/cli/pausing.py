"""What `pause` and `resume` share: telling whether the server is paused now, until when, and what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .output.cells import format_value
from .output.pages import StreamRecord

if TYPE_CHECKING:
    from datetime import datetime

    from ..operations.pause import Pausing


def make_record(found: Pausing) -> StreamRecord:
    """Return the line of a stream for it."""
    return StreamRecord("state", found._asdict(), tell_pausing(found))


def tell_pausing(found: Pausing) -> str:
    """Say it in words."""
    if found.is_paused:
        return f"paused {tell_end(found.pause_ends_at)}{_tell_before(found)}{_tell_running(found)}"
    told = "running again" if found.was_paused else "not paused, as before"
    running = f"; task {found.running_task_id} runs" if found.running_task_id is not None else ""
    waiting = f"; waiting: {', '.join(map(str, found.waiting_task_ids))}" if found.waiting_task_ids else ""
    return told + running + waiting


def tell_end(ends_at: datetime | None) -> str:
    """Say until when, in local time."""
    return "until it is resumed" if ends_at is None else f"until {format_value('time', ends_at).strip()}"


def _tell_before(found: Pausing) -> str:
    if not found.was_paused:
        return ""
    if found.was_ending_at == found.pause_ends_at:
        return ", as before"
    before = tell_end(found.was_ending_at)
    return "" if before == tell_end(found.pause_ends_at) else f" (before: {before})"


def _tell_running(found: Pausing) -> str:
    if found.running_task_id is None:
        return ""
    deed = {None: "goes on", True: "stands still", False: "still transfers data"}[found.are_transfers_halted]
    return f"; task {found.running_task_id} {deed}"
