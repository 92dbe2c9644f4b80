"""The server's queue: what runs, what waits, how to stop it."""

from __future__ import annotations

from .. import errors
from ..http import LIST_ANSWER_BYTES
from . import answers, features
from .activity import ServerTask
from .channel import Channel


class Tasks:
    """Server tasks by number. Numbers restart with the server."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def list(self) -> list[ServerTask]:
        """Read the running task and then the waiting ones in order; finished ones are not shown.

        The server calls waiting tasks `Running` here (2.3.1.0 control:30): the first one with the number of
        `ServerState.active` runs, the others wait.
        """
        raw = self._channel.get("api/v1/tasks", "the tasks", max_bytes=LIST_ANSWER_BYTES)
        return [ServerTask.read(item) for item in answers.sequence(raw, "the tasks")]

    def get(self, task_id: int) -> ServerTask:
        """Read one of the last hundred or so; raises `TaskForgotten`."""
        raw = self._channel.get(f"api/v1/task/{_checked(task_id)}", "the task", max_bytes=1024 * 1024)
        return ServerTask.read(raw, task_id=task_id)

    def stop(self, task_id: int) -> None:
        """Ask for an orderly end: finish the current file, upload, end as a partial backup.

        The server answers alike when it will not (a waiting task, all files read): watch the task. Safe to repeat.
        """
        verb, other = "stop", "stopaftercurrentfile"
        if not features.has(self._channel, features.STOP_ENDPOINT):
            verb, other = other, verb
        try:
            self._ask(task_id, verb)
        except errors.EndpointMissing:  # a build between two releases, or one that is newer than the session
            self._ask(task_id, other)

    def abort(self, task_id: int) -> None:
        """Ask for a hard end. The server answers alike for a waiting task, and then does nothing. Safe to repeat."""
        self._ask(task_id, "abort")

    def _ask(self, task_id: int, verb: str) -> None:
        self._channel.post(f"api/v1/task/{_checked(task_id)}/{verb}", f"the {verb} of a task")


def _checked(task_id: int) -> int:
    if isinstance(task_id, bool) or not isinstance(task_id, int) or not 0 <= task_id < 10**18:
        raise errors.InvalidValue("a task has a number", hint="duplicati list tasks")
    return task_id
