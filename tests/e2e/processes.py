"""Whose child a process is, and whether it lives, as `/proc` tells it."""

from __future__ import annotations

from pathlib import Path


def list_children(process_id: int) -> list[int]:
    """Return the processes that one has started and that have not been buried."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [number for number in numbers if _read_stat(number)[1:2] == [str(process_id)]]


def list_descendants(process_id: int) -> list[int]:
    """Return them and theirs."""
    found = list_children(process_id)
    return found + [later for child in found for later in list_descendants(child)]


def is_alive(process_id: int) -> bool:
    """Say whether it has not ended, buried or not."""
    return _read_stat(process_id)[:1] not in ([], ["Z"])


def _read_stat(process_id: int) -> list[str]:
    """Return what the system says of a process from its state on, nothing if it is gone."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
