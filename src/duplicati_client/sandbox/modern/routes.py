"""The modern API on an engine: its table of routes, and the endpoints for state, tasks, logs and notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine.failures import BadBinding, Refused
from ..engine.logs import LEVELS
from ..engine.timespan import read_timespan
from ..web.serve import Call, Handler, Reply, empty_reply, json_reply
from . import api, backups, contents, server, shapes
from .api import Answer, flag, number, page_size

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.queue import Task

V1 = "/api/v1/"
V2 = "/api/v2/"
LONG_POLL_SECONDS = (10, 3600)
LONGEST_PAUSE_SECONDS = 2**32 // 1000  # what the timer of .NET takes (LiveControls.cs)


def routes(engine: Engine) -> dict[tuple[str, str], Handler]:
    """Return (verb, path template) -> handler for everything the release has, except `auth/*` and the socket."""
    release = engine.release
    table: dict[tuple[str, str], Handler] = {}
    parts = (Activity(engine).answers(), backups.answers(engine), contents.answers(engine))
    for part in (*parts, server.answers(engine)):
        for (verb, path), answer in part.items():
            table[verb, V1 + path] = api.v1(answer, release)
    if release.has_v2:
        for part in (contents.v2_answers(engine), server.v2_answers(engine)):
            for (verb, path), answer in part.items():
                table[verb, V2 + path] = api.v2(answer)
    return table


class Activity:
    """What a server does: state, pause, tasks, progress, notifications, logs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answers(self) -> dict[tuple[str, str], Answer]:
        """Return the answers by verb and path."""
        release = self._engine.release
        table: dict[tuple[str, str], Answer] = {
            ("GET", "serverstate"): self.state,
            ("POST", "serverstate/pause"): self.pause,
            ("POST", "serverstate/resume"): self.resume,
            ("GET", "progressstate"): self.progress,
            ("GET", "tasks"): self.tasks,
            ("GET", "task/{id}"): self.task,
            ("POST", "task/{id}/abort"): self.abort,
            ("GET", "notifications"): self.notifications,
            ("GET", "notification/{id}"): self.notification,
            ("DELETE", "notification/{id}"): self.dismiss,
            ("GET", "logdata/poll"): self.live_log,
            ("GET", "logdata/log"): self.server_log,
        }
        for word in ("stop",) if release.has_single_stop else ("stopaftercurrentfile", "stopnow"):
            table["POST", f"task/{{id}}/{word}"] = self.stop
        if release.has_v2:
            table["GET", "logdata/crashlog"] = self.crash_log
        return table

    async def state(self, call: Call) -> Reply:
        """Answer `serverstate`, perhaps after a long poll."""
        if flag(call, "longpoll"):
            last_event_id = number(call, "lasteventid")
            if last_event_id is None:
                raise Refused(400, "When activating long poll, the request must include the last event id")
            seconds = read_timespan(call.query.get("duration"))
            if not call.query.get("duration") or seconds is None:
                raise Refused(400, "When activating long poll, the request must include the duration")
            if not LONG_POLL_SECONDS[0] <= seconds <= LONG_POLL_SECONDS[1]:
                raise Refused(400, "The duration must be between 10 seconds and 1 hour")
            await self._engine.wait_event(last_event_id, seconds)
        return json_reply(self._engine.state())

    async def pause(self, call: Call) -> Reply:
        """Answer `serverstate/pause`."""
        seconds = read_timespan(call.query.get("duration"))
        if seconds is None:
            raise Refused(400, "The duration must be a valid time span")
        if seconds > LONGEST_PAUSE_SECONDS:
            raise Refused(500, "An error occurred")
        self._engine.pause(max(seconds, 0) or None, transfers=flag(call, "pausetransfers"))
        return empty_reply()

    async def resume(self, call: Call) -> Reply:
        """Answer `serverstate/resume`."""
        self._engine.resume()
        return empty_reply()

    async def progress(self, call: Call) -> Reply:
        """Answer `progressstate`."""
        progress = self._engine.progress()
        if progress is None:
            raise Refused(404, "No active backup")
        return json_reply(progress)

    async def tasks(self, call: Call) -> Reply:
        """Answer `tasks`, where waiting tasks seem to run."""
        if not self._engine.release.has_task_times:
            return json_reply([shapes.runner(self._engine, task) for task in self._engine.tasks()])
        return json_reply([task.as_dict(status="Running") for task in self._engine.tasks() if _is_open(task)])

    async def task(self, call: Call) -> Reply:
        """Answer `task/{id}`."""
        found = self._engine.task(_task_id(call))
        if found is None:
            raise Refused(404, "No such task found")
        item = found.as_dict()
        is_breaking_off = found.kind == "Restore" and found.is_abort_requested and found is self._engine.queue.active
        if is_breaking_off and not self._engine.release.has_task_times and not found.has_stumbled:
            # Seen once, and gone with the next poll (2.1.0.5 extra:30).
            found.has_stumbled = True
            return empty_reply(500)
        if not self._engine.release.has_task_times:
            del item["TaskStarted"], item["TaskFinished"]
        return json_reply(item)

    async def stop(self, call: Call) -> Reply:
        """Answer a graceful stop; waiting tasks take no notice."""
        if not self._engine.stop(_task_id(call)):
            raise Refused(404, "No such task found")
        return empty_reply()

    async def abort(self, call: Call) -> Reply:
        """Answer a hard stop; waiting tasks take no notice."""
        if not self._engine.abort(_task_id(call)):
            raise Refused(404, "No such task found")
        return empty_reply()

    async def notifications(self, call: Call) -> Reply:
        """Answer `notifications`."""
        return json_reply(self._engine.notices.items)

    async def notification(self, call: Call) -> Reply:
        """Answer `notification/{id}`."""
        found = self._engine.notices.find(_task_id(call))
        if found is None:
            raise Refused(404, "Notification not found")
        return json_reply(found)

    async def dismiss(self, call: Call) -> Reply:
        """Answer the removal of a notification."""
        if not self._engine.dismiss(_task_id(call)):
            raise Refused(404, "Notification not found")
        return empty_reply()

    async def live_log(self, call: Call) -> Reply:
        """Answer `logdata/poll`."""
        level = next((name for name in LEVELS if name.lower() == call.query.get("level", "").lower()), None)
        after_id = number(call, "id")
        if level is None or after_id is None:
            raise BadBinding
        size = number(call, "pagesize")
        size = 100 if size is None else min(max(size, 1), 500)
        return json_reply(self._engine.live_log.read(level, after_id, size))

    async def server_log(self, call: Call) -> Reply:
        """Answer `logdata/log`."""
        return json_reply(self._engine.server_log.read(number(call, "offset"), page_size(call)))

    async def crash_log(self, call: Call) -> Reply:
        """Answer `logdata/crashlog`."""
        return json_reply({"Logdata": None})


def _task_id(call: Call) -> int:
    try:
        return int(call.parts["id"])
    except ValueError:
        raise BadBinding from None


def _is_open(task: Task) -> bool:
    return task.status in {"Running", "Waiting"}
