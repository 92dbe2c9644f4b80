"""The state machine behind the sandbox's server: backups, one queue, one worker, and what remains of each run.

The faces (modern and legacy API, WebSocket) call it and decide nothing; it knows nothing of HTTP. Everything is
synchronous except `start`, `close`, `wait_event` and `delete`; a running event loop is needed from `start` on.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from ..clock import Clock
from ..release import Release
from . import keeping
from .configuration import Configuration
from .database import Database, Databases
from .events import Events, Subscriber
from .failures import OperationFailed, database_locked
from .logs import LiveLog, ServerLog
from .model import Backup
from .notices import Notices
from .operations import perform
from .progress import Progress
from .queue import Task, TaskQueue
from .settings import ServerSettings
from .state import state_of

HOUSEKEEPING_SECONDS = 0.25
START_SECONDS = 0.03
# An aborted task goes on for a moment (2.3.1.0 control:78).
ABORT_SECONDS = 0.2
FORCED_DELETE_SECONDS = 10


class Engine:
    """One server's state. `folder` keeps it over restarts; without one it lives in a folder removed by `close`."""

    def __init__(self, release: Release, *, folder: str | None = None, clock: Clock | None = None) -> None:
        self.release = release
        self.clock = clock or Clock()
        self.is_temporary = folder is None
        self.folder = os.path.abspath(folder or tempfile.mkdtemp(prefix="duplicati-sandbox-"))
        self.password = ""
        self.events = Events(self.clock)
        self.queue = TaskQueue()
        self.settings = ServerSettings(release)
        self.notices = Notices()
        self.server_log = ServerLog()
        self.live_log = LiveLog(self.clock)
        self.databases = Databases()
        self.configuration = Configuration(self)
        self.ui_settings: dict[str, dict[str, str]] = {}
        self.connection_strings: dict[int, dict[str, Any]] = {}
        self.reports: dict[str, bytes] = {}
        self.progress_now: Progress | None = None
        self.language = ""
        self.is_paused = False
        self.pauses_transfers = False
        self.pause_ends_at: datetime | None = None
        self._is_fresh = False
        self._loops: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        if release.warns_of_unencrypted_database:
            self.notices.warn_of_unencrypted_database(self.clock.now())
            self.events.count("notifications")

    @property
    def data_folder(self) -> str:
        """Return the server's data folder, where local databases lie."""
        return os.path.join(self.folder, "data")

    @property
    def backups(self) -> dict[str, Backup]:
        """Return the stored backups by id, in order of creation."""
        return self.configuration.backups

    # Life

    async def start(self) -> None:
        """Start the worker and the scheduler."""
        if self.release.warns_of_unencrypted_database:
            tag, text = "Duplicati.Server.Program-MissingEncryptionKey", "The database is kept without encryption"
            self.live_log.write("Warning", tag, text, backup_id=None, task_id=None)
        tag = "Duplicati.Server.WebServerLoader-ServerListening"
        self.live_log.write("Information", tag, "Server has started and is listening", backup_id=None, task_id=None)
        self._note_hopeless_schedules()
        self._loops = [asyncio.create_task(self._work()), asyncio.create_task(self._keep_house())]

    async def close(self) -> None:
        """End the worker at once; remove the folder if it is the engine's own."""
        await self._end_loops()
        if self.is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def restart(self, *, kill: bool = False) -> None:
        """Restart the server, in mid-run too: whatever runs leaves no trace, the queue and all numbers are lost.

        Both kinds of end treat a run alike (2.0.8.1 restart-in-mid-run 783-786); `kill` only skips saving.
        """
        await self._end_loops()
        self.configuration.take_back(self.queue.waiting)
        if not kill:
            self.save()
        self.queue = TaskQueue()
        self.progress_now = None
        self.live_log = LiveLog(self.clock)
        self.configuration.temporary.clear()
        self.language = ""
        if not self.release.keeps_pause:
            self.is_paused, self.pause_ends_at = False, None
        self.pauses_transfers = False
        self.events.restart()
        self._is_fresh = True
        await self.start()

    async def _end_loops(self) -> None:
        for loop in self._loops:
            loop.cancel()
        for loop in self._loops:
            with suppress(asyncio.CancelledError):
                await loop
        self._loops = []

    # Backups

    def create(self, body: Any, *, is_temporary: bool = False) -> str:
        """Store a new backup (`{"Backup", "Schedule"}`, names in any case) and return its id."""
        backup_id = self.configuration.create(body, is_temporary=is_temporary).backup_id
        self._queue_due()
        return backup_id

    def replace(self, backup_id: str, body: Any) -> None:
        """Replace a backup's configuration."""
        self.configuration.replace(backup_id, body)
        self._queue_due()

    def backup(self, backup_id: str) -> Backup:
        """Return a stored or temporary backup; Refused 404 `Backup not found`."""
        return self.configuration.find(backup_id)

    async def delete(
        self, backup_id: str, *, force: bool = False, remote_files: bool = False, local_db: bool = False
    ) -> tuple[int, str | None]:
        """Queue a deletion; return its task id and None, or the running task's id and the reason of a refusal."""
        self.backup(backup_id)
        active = self.queue.active
        if active and active.backup_id == backup_id and self.release.refuses_delete_in_run:
            if not force:
                return active.task_id, "backup-in-progress"
            if not await self._force_end(active):
                return active.task_id, "backup-unstoppable"
        options = {"remote_files": remote_files, "local_db": local_db}
        return self.enqueue("Delete", backup_id, options=options), None

    async def _force_end(self, active: Task) -> bool:
        was_paused = self.is_paused
        self.pause(None)
        self.abort(active.task_id)
        deadline = self.clock.now() + timedelta(seconds=FORCED_DELETE_SECONDS)
        while self.queue.active is active and self.clock.now() < deadline:
            await self.clock.sleep(0.1)
        if not was_paused:
            self.resume()
        return self.queue.active is not active

    # Tasks

    def enqueue(
        self,
        kind: str,
        backup_id: str | None,
        *,
        skip_queue: bool = False,
        options: dict[str, Any] | None = None,
        is_scheduled: bool = False,
    ) -> int:
        """Queue a task and return its id; a run of a busy backup returns the id of the task that keeps it busy.

        Kinds: Backup, Restore, Verify, Repair, RepairUpdate, Compact, Vacuum, Delete, CreateReport, ListRemote,
        PurgeBrokenFiles, DeleteVersions, CommandLine (the last without a backup).
        """
        backup = None if backup_id is None else self.backup(backup_id)
        if kind == "Backup" and backup_id is not None:
            busy = next(self.queue.of_backup(backup_id), None)
            if busy is not None:
                return busy.task_id
        task = Task(self.queue.next_id(), kind, backup.copy() if backup else None, dict(options or {}))
        # Before `skipQueue` existed, a run asked for by hand always went first.
        is_first = skip_queue or (kind == "Backup" and not is_scheduled and not self.release.has_skip_queue)
        self.queue.put(task, is_first=is_first)
        self.events.count("taskqueue")
        self._wake.set()
        return task.task_id

    def tasks(self) -> list[Task]:
        """Return the running task, then the waiting ones in order."""
        return self.queue.live()

    def task(self, task_id: int) -> Task | None:
        """Return a running, waiting or remembered task."""
        return self.queue.find(task_id)

    def stop(self, task_id: int) -> bool:
        """Ask a task to end gracefully; False when it is unknown or over. Waiting tasks take no notice."""
        task = self._live_task(task_id)
        if task is not None and task is self.queue.active:
            task.is_stop_requested = True
        return task is not None

    def abort(self, task_id: int) -> bool:
        """Ask a task to end at once; False when it is unknown or over. Waiting tasks take no notice."""
        task = self._live_task(task_id)
        if task is not None and task is self.queue.active:
            task.is_abort_requested = True
            seconds = 0 if self.release.finishes_aborted_upload else ABORT_SECONDS
            task.abort_due_at = task.abort_due_at or self.clock.now() + timedelta(seconds=seconds)
        return task is not None

    def _live_task(self, task_id: int) -> Task | None:
        task = self.queue.find(task_id)
        return task if task in self.queue.live() else None

    def is_active(self, backup_id: str) -> bool:
        """Say whether a backup has a running or waiting task; a waiting command line counts for every backup."""
        if any(task.backup is None for task in self.queue.waiting) and not self.release.is_legacy:
            return True
        return any(self.queue.of_backup(backup_id))

    # Pause

    def pause(self, seconds: float | None, *, transfers: bool = False) -> None:
        """Let no further task start, for a while or (None) until `resume`; perhaps halt transfers too."""
        self.is_paused = True
        self.pauses_transfers = transfers and self.release.has_pause_of_transfers
        self.pause_ends_at = None if seconds is None else self.clock.now() + timedelta(seconds=seconds)
        self.events.count("serversettings")

    def resume(self) -> None:
        """End a pause."""
        self.is_paused = self.pauses_transfers = False
        self.pause_ends_at = None
        self.events.count("serversettings")
        self._wake.set()

    # State

    async def wait_event(self, last_event_id: int, seconds: float) -> None:
        """Return when the event number differs from the given one, or after so many seconds."""
        await self.events.wait(last_event_id, seconds)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Hear of every change (`Events.subscribe`); the returned function ends that."""
        return self.events.subscribe(subscriber)

    def state(self) -> dict[str, Any]:
        """Return what `serverstate` answers."""
        return state_of(self)

    def progress(self) -> dict[str, Any] | None:
        """Return the progress of the latest task, stale once it is over; None before the first one."""
        return self.progress_now.as_dict() if self.progress_now else None

    def dismiss(self, notice_id: int) -> bool:
        """Remove a notification; False when there is none."""
        if not self.notices.remove(notice_id):
            return False
        self.events.count("notifications")
        return True

    # Reading

    def database(self, backup_id: str) -> Database:
        """Return a backup's local database, which need not exist yet."""
        return self.databases.open(self.backup(backup_id).db_path)

    def is_running(self, backup_id: str) -> bool:
        """Say whether a task of this backup runs right now."""
        active = self.queue.active
        return active is not None and active.backup_id == backup_id and active.status == "Running"

    def check_lock(self, backup_id: str) -> None:
        """Refuse with `DatabaseLocked` where the release does so in mid-run."""
        if self.release.locks_database_in_run and self.is_running(backup_id):
            raise database_locked()

    def log_rows(self, backup_id: str, page_size: int, before_id: int | None = None) -> list[dict[str, Any]]:
        """Return result rows, newest first, below an id."""
        return self._page(self._rows(backup_id).rows, page_size, before_id)

    def remote_log_rows(self, backup_id: str, page_size: int, before_id: int | None = None) -> list[dict[str, Any]]:
        """Return operations on the destination, newest first, below an id."""
        return self._page(self._rows(backup_id).remote_rows, page_size, before_id)

    def _rows(self, backup_id: str) -> Database:
        self.backup(backup_id)
        self.check_lock(backup_id)
        return self.database(backup_id)

    @staticmethod
    def _page(rows: list[dict[str, Any]], page_size: int, before_id: int | None) -> list[dict[str, Any]]:
        newest_first = [row for row in reversed(rows) if before_id is None or row["ID"] < before_id]
        return newest_first[: min(max(page_size, 10), 500)]

    # Keeping

    def save(self) -> None:
        """Write everything that outlives a restart to the folder."""
        keeping.save(self)

    def load(self) -> bool:
        """Read what `save` wrote; False when there is nothing."""
        return keeping.load(self)

    # Work

    async def _work(self) -> None:
        while True:
            if self.is_paused or not self.queue.waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._perform(self.queue.take())

    async def _perform(self, task: Task) -> None:
        task.status = "Running"
        task.started_at = self.clock.now()
        # The first task after a restart has another start at first, in UTC (2.3.1.0 restart:35, 37).
        task.is_in_utc, self._is_fresh = self._is_fresh, False
        self.progress_now = Progress(task.task_id, task.backup_id, self.release)
        self.events.count("taskqueue")
        self._note_hopeless_schedules()
        await self.clock.sleep(START_SECONDS)
        if task.is_in_utc:
            task.started_at, task.is_in_utc = self.clock.now(), False
        if not self.release.is_legacy:
            self.events.count()
            self.events.publish("progress", self.progress())
        try:
            await perform(self, task)
        except OperationFailed as failure:
            self._note_failure(task, failure)
        else:
            task.status = "Completed"
        task.finished_at = self.clock.now()
        self.queue.remember(task)
        await self._tell_end(task)
        self._note_hopeless_schedules()

    async def _tell_end(self, task: Task) -> None:
        # The end is told while the task still counts as active (2.3.1.0 extra:9-12; not 2.0.8.1 long-poll:552-554).
        if self.release.is_legacy:
            self.queue.active = None
        self.events.count("backuplist")
        self.events.publish("progress", self.progress())
        await self.clock.sleep(0.02)
        self.queue.active = None
        self.events.count("taskqueue")
        self.events.publish("taskcompleted", task.as_dict())
        self.events.publish("progress", self.progress())

    def _note_failure(self, task: Task, failure: OperationFailed) -> None:
        self.server_log.write(self.clock.now(), "Error in worker", failure.details(), task.backup_id)
        if self.release.calls_failed_tasks_completed:
            task.status = "Completed"
            return
        task.status = "Failed"
        task.error_message = failure.message
        task.exception = failure.details()

    async def _keep_house(self) -> None:
        while True:
            if self.is_paused and self.pause_ends_at and self.pause_ends_at <= self.clock.now():
                self.resume()
            self._queue_due()
            await self.clock.sleep(HOUSEKEEPING_SECONDS)

    def _queue_due(self) -> None:
        for backup, due_at in self.configuration.due():
            # The scheduler skips an occurrence while a run of the same backup waits or runs.
            if not any(task.kind == "Backup" for task in self.queue.of_backup(backup.backup_id)):
                options = {"due_at": due_at}
                self.enqueue("Backup", backup.backup_id, options=options, is_scheduled=True)

    def _note_hopeless_schedules(self) -> None:
        """Write down the schedules that never come true, as the scheduler does at each of its rounds."""
        for schedule in self.configuration.hopeless():
            text = f"System.Exception: Unable to find a valid date, the repetition interval is {schedule.repeat}"
            message = "Scheduler failed to find next date"
            self.server_log.write(self.clock.now(), message, text, str(schedule.schedule_id))
