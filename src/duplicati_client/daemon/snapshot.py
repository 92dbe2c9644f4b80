"""The snapshot of a daemon: how it is at this moment, as `daemon status` and monitoring get it; changes nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .. import __version__
from .entries import Step
from .health import describe_contact, describe_event, find_problems, write_time

if TYPE_CHECKING:
    from .loop import Daemon

STATUS_FILE = "status.json"
_RUNNING_COUNT = 50


def take(daemon: Daemon, state: str = "running") -> dict[str, Any]:
    """Return it, in plain values."""
    parts, policy = daemon.parts, daemon.ruling.policy
    steps = [entry.step for entry in list(parts.journal.entries.values())]
    running = daemon.list_running()
    pending, slow = parts.reporter.count_pending()
    snapshot: dict[str, Any] = {
        "state": state,
        "name": parts.config.name,
        "version": __version__,
        "pid": os.getpid(),
        "config": parts.config.path,
        "started_at": write_time(daemon.started_at),
        "at": write_time(parts.now()),
        "task_server": describe_contact(parts.health.contact, parts.link.address, parts.link.level),
        "tasks": {
            "open_count": sum(step is not Step.CONFIRMED for step in steps),
            "ended_count": sum(step is Step.OUTCOME for step in steps),
        },
        "running": [one._asdict() for one in running[:_RUNNING_COUNT]],
        "results": {"pending_count": pending, "slow_count": slow},
        "held": daemon.list_held(),
        "policy": {"digest": policy.digest, "preset": policy.preset, "error": daemon.ruling.error},
        "storage": _describe_storage(daemon),
        "clock_offset_seconds": parts.link.clock_offset_seconds,
        "servers": [_describe_server(daemon, alias) for alias in sorted(daemon.workers)],
        "plain_count": len(parts.config.plain_urls),
        "events": [describe_event(event) for event in parts.events.last()],
    }
    problems = find_problems(snapshot)
    return {**snapshot, "problems": [problem._asdict() for problem in problems]}


def _describe_storage(daemon: Daemon) -> dict[str, Any]:
    free_bytes = total_bytes = 0
    with suppress(OSError):
        free_bytes, total_bytes = daemon.parts.folder.room()
    return {
        "folder": daemon.parts.config.state_folder,
        "free_bytes": free_bytes,
        "total_bytes": total_bytes,
        "floor_bytes": daemon.parts.config.floor_bytes,
        "is_below_floor": daemon.room.is_below_floor(),
        "failure": "the journal cannot be written" if daemon.parts.journal.is_failed else None,
        "damage": daemon.parts.journal.opening.describe_damage(),
    }


def _describe_server(daemon: Daemon, alias: str) -> dict[str, Any]:
    worker = daemon.workers[alias]
    failure, running = worker.failure, list(worker.running)
    state = running[0].state if running else "idle"
    told: dict[str, Any] = {"alias": alias, "state": state, "tasks_count": len(running)}
    if failure is not None:
        told |= {"state": "failing", "code": failure.code, "message": failure.message}
    return told
