"""`daemon run`: takes tasks until it is stopped."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ..daemonoptions import CONFIG, find_config_file
from ..verbs import Verb

if TYPE_CHECKING:
    from ...daemon.control import Control
    from ...daemon.loop import Daemon
    from ...daemon.supervisor import Supervisor
    from ..call import Call
    from .signals import Signals

_TICK_SECONDS = 5.0
_STATUS_SECONDS = 60.0

VERB = Verb(
    "daemon run",
    "daemon run [options]",
    "Take tasks until it is stopped. It stays in the foreground and tells one line an event: a service manager keeps "
    "it going. SIGTERM or Ctrl-C ends it within ten seconds and stops no backup; a second one ends it at once. "
    "SIGHUP reads policy and token anew.",
    options=(CONFIG,),
    examples=(
        ("duplicati daemon run --config daemon.toml", "and Ctrl-C to end it"),
        ("duplicati daemon run --output json", "a JSON object a line, for a program"),
        ("duplicati daemon service install", "let the system start it instead"),
    ),
    statuses=(0, 74, 75, 78),
)


def perform(call: Call) -> int:
    """Be the daemon."""
    from ...daemon.assembly import Surroundings, assemble  # noqa: PLC0415 - not for --help
    from ...daemon.config import load  # noqa: PLC0415
    from ...daemon.supervisor import Supervisor  # noqa: PLC0415
    from .log import make_writer  # noqa: PLC0415
    from .signals import Signals  # noqa: PLC0415

    config = load(find_config_file(call))
    daemon = assemble(config, Surroundings(call.process.environ, make_writer(call)))
    signals, supervisor = Signals(), Supervisor(call.process.environ)
    control = open_control(daemon)
    aliases = ", ".join(sorted(config.servers))
    daemon.parts.events.tell("started", f"daemon {config.name} takes tasks for {aliases}")
    daemon.start()
    supervisor.say_ready(f"takes tasks for {aliases}")
    try:
        _watch_over(daemon, signals, supervisor)
    finally:
        supervisor.say_stopping()
        daemon.parts.events.tell("stopping", "nothing new is begun; what the servers do goes on")
        daemon.stop()
        write_status(daemon, "stopped")
        if control is not None:
            control.close()
        daemon.close()
    if daemon.crash is not None:
        raise daemon.crash
    daemon.parts.events.tell("stopped", "stopped")
    return 0


def open_control(daemon: Daemon) -> Control | None:
    """Let other programs of the owner ask; None where that cannot be, and they have to read the files."""
    from ...daemon import control, snapshot  # noqa: PLC0415 - not for --help

    def answer(question: str) -> dict[str, object]:
        if question == "release":
            return {"released_count": daemon.release()}
        return snapshot.take(daemon)

    if not control.is_supported():
        return None
    with suppress(OSError):
        return control.Control(daemon.parts.config.state_folder, answer)
    return None


def write_status(daemon: Daemon, state: str) -> None:
    """Leave the snapshot in a file, for whoever asks when nobody answers."""
    from ...daemon import snapshot  # noqa: PLC0415 - not for --help
    from ...daemon.storage import write  # noqa: PLC0415

    with suppress(OSError):
        write(daemon.parts.folder, snapshot.STATUS_FILE, json.dumps(snapshot.take(daemon, state)).encode())


def _watch_over(daemon: Daemon, signals: Signals, supervisor: Supervisor) -> None:
    tick_seconds = min(_TICK_SECONDS, (supervisor.watchdog_seconds or _TICK_SECONDS * 2) / 2)
    written_at = -_STATUS_SECONDS
    daemon.tick()
    while daemon.crash is None and not signals.wait(tick_seconds):
        daemon.tick()
        if signals.take_reload():
            daemon.reload()
        supervisor.say_alive(f"task server {daemon.parts.health.contact.state}")
        if time.monotonic() - written_at >= _STATUS_SECONDS:
            written_at = time.monotonic()
            write_status(daemon, "running")
