"""One operation at work: its options, its log lines, its transfers, and the points where it can be stopped."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..clock import compact, duration
from .destination import Destination, RemoteFile, digest
from .failures import USER_INFORMATION, OperationFailed, aborted
from .known_options import unknown
from .model import Backup
from .progress import Progress, Transfer
from .results import Result
from .timespan import read_size, read_timespan, write_size

if TYPE_CHECKING:
    from .engine import Engine
    from .queue import Task

STEP_SECONDS = 0.02
CHUNK_BYTES = 65536
# How many commits the live log is told of after an upload; enough to push everything else out of it.
COMMITS = 16
CONTROLLER = "Duplicati.Library.Main.Controller"
EVENT_TAG = "Duplicati.Library.Main.BasicResults-BackendEvent"


class Work:
    """What an operation on a backup needs while it runs."""

    def __init__(self, engine: Engine, task: Task, backup: Backup, operation: str) -> None:
        self.engine = engine
        self.task = task
        self.backup = backup
        self.operation = operation
        self.release = engine.release
        self.clock = engine.clock
        self.options = engine.settings.global_options() | backup.options()
        self.database = engine.databases.open(backup.db_path)
        self.had_database = self.database.exists
        self.destination = self._open_destination()
        self.result = Result(engine.release, operation, engine.clock.now())
        self._told_at = 0
        self._is_abort_shown = False
        self.is_compacting_due = True

    def _open_destination(self) -> Destination:
        prefix = self.options.get("prefix") or "duplicati"
        return Destination(self.backup.target_url, prefix=prefix, passphrase=self.passphrase)

    def use_passphrase(self, passphrase: str) -> None:
        """Take another passphrase than the backup's own, as a restore may."""
        self.options["passphrase"] = passphrase
        self.destination = self._open_destination()

    @property
    def passphrase(self) -> str:
        """Return the passphrase in use; empty without encryption."""
        if self.is_on("no-encryption"):
            return ""
        return self.options.get("passphrase", "")

    @property
    def passphrase_mark(self) -> str:
        """Return what tells two passphrases apart."""
        return self.destination.seal(b"").hex()

    def check_passphrase(self) -> None:
        """Refuse a passphrase that the destination was not begun with (`2.3.1.0 outcomes:321`)."""
        if not self.database.versions or self.database.passphrase_mark in {None, self.passphrase_mark}:
            return
        text = (
            "You have attempted to change a passphrase to an existing backup, which is not supported. "
            "Please configure a new clean backup if you want to change the passphrase."
        )
        raise OperationFailed(USER_INFORMATION, text, help_id="PassphraseChangeNotSupported")

    @property
    def progress(self) -> Progress:
        """Return the progress that the server shows."""
        if self.engine.progress_now is None:
            self.engine.progress_now = Progress(self.task.task_id, self.backup.backup_id, self.release)
        return self.engine.progress_now

    def is_on(self, option: str) -> bool:
        """Say whether a yes-or-no option is set."""
        return self.options.get(option, "false").lower() not in {"false", "0", "no", "off", ""}

    # Log lines

    def log(self, level: str, tag: str, text: str) -> str:
        """Log a line to the result and the live log, and return it."""
        self.engine.live_log.write(level, tag, text, backup_id=self.backup.backup_id, task_id=self.task.task_id)
        return self.result.lines.add(level, self.clock.now(), tag, text)

    def warn_of_options(self, too_new: frozenset[str] = frozenset()) -> None:
        """Warn of options that the engine does not know, or that are newer than the release."""
        for name in self.options:
            if name in too_new or unknown([name]):
                text = f"The supplied option --{name} is not supported and will be ignored"
                self.log("Warning", f"{CONTROLLER}-UnsupportedOption", text)

    def detail(self, tag: str, text: str) -> None:
        """Log a line that only a client listening to the live log in full detail gets to see."""
        self.engine.live_log.write("Profiling", tag, text, backup_id=self.backup.backup_id, task_id=self.task.task_id)

    def transfer_line(self, action: str, state: str, name: str = "", size: int | None = None) -> None:
        """Log what happens on the destination."""
        shown = "" if size is None else write_size(size, self.release.size_units, self.engine.language)
        self.log("Information", EVENT_TAG, f"Backend event: {action} - {state}: {name} ({shown})")

    # Points to stop at

    def tell_progress(self) -> None:
        """Tell subscribers how far the operation is, no more than once a second, as the server's socket does."""
        if self.now_seconds != self._told_at:
            self._told_at = self.now_seconds
            self.engine.events.publish("progress", self.progress.as_dict())

    def phase(self, name: str) -> None:
        """Show another phase."""
        self.progress.phase = name
        self.detail("Timer.Begin-Duplicati.Library.Main.OperationProgressUpdater-Phase", f"Starting - {name}")
        self.engine.events.publish("progress", self.progress.as_dict())

    def checkpoint(self) -> None:
        """Fail if the operation was aborted."""
        if self.task.abort_due_at is None or self.clock.now() < self.task.abort_due_at:
            return
        if not (self.release.finishes_aborted_upload and self.operation == "Backup"):
            raise aborted()
        if not self._is_abort_shown:
            # An aborted backup of 2.0.8.1 says so at once, but goes on until all is uploaded (stop-and-abort:468-484).
            self._is_abort_shown = True
            self.progress.phase = "Error"

    async def wait(self, seconds: float = STEP_SECONDS) -> None:
        """Let time pass in small steps, each of which an abort ends."""
        left = seconds
        while left > 0:
            self.checkpoint()
            step = min(left, 0.25)
            await self.clock.sleep(step)
            left -= step
        self.checkpoint()

    async def hold(self) -> None:
        """Wait while transfers are paused."""
        while self.engine.is_paused and self.engine.pauses_transfers:
            await self.wait(0.1)

    async def step(self, phase: str) -> None:
        """Enter a phase and stay in it for a moment."""
        self.checkpoint()
        self.phase(phase)
        await self.wait()

    # The destination

    async def list_remote(self) -> list[RemoteFile]:
        """List the destination, creating it at the first failure and retrying as the engine does."""
        retries, delay = self._retries()
        for attempt in range(retries + 1):
            self.transfer_line("List", "Started")
            self.result.statistics.remote_calls += 1
            self.checkpoint()
            try:
                found = self.destination.files()
            except OperationFailed:
                if attempt == retries:
                    self.transfer_line("List", "Failed")
                    self._create_folder()
                    raise
                self.transfer_line("List", "Retrying")
                self.result.statistics.retries += 1
                self._create_folder()
                if not self._can_list():
                    await self.wait(delay)
            else:
                return self._note_listing(found)
        raise AssertionError("unreachable")

    def _retries(self) -> tuple[int, int]:
        """Return how often to try again, and after how many seconds."""
        retries = int(self.options.get("number-of-retries", "5")) - self.release.counts_first_try
        return retries, read_timespan(self.options.get("retry-delay", "10s")) or 0

    def _create_folder(self) -> None:
        self.destination.create()
        if self.release.warns_of_folder_creation and not self._can_list():
            part = "Backend.Handler" if self.release.has_v2 else "BackendManager"
            text = f"Failed to create folder: {self.destination.folder}"
            self.log("Warning", f"Duplicati.Library.Main.{part}-FolderCreateError", text)

    def _can_list(self) -> bool:
        try:
            self.destination.files()
        except OperationFailed:
            return False
        return True

    def _note_listing(self, found: list[RemoteFile]) -> list[RemoteFile]:
        shown = "" if not found else f"{len(found)} bytes"
        self.log("Information", EVENT_TAG, f"Backend event: List - Completed:  ({shown})")
        if self.release.has_v2:
            self.transfer_line("QuotaInfo", "Started")
            self.result.statistics.remote_calls += 1
        else:
            self.progress.last_transfer = Transfer("List")
        data = "[\n" + ",\n".join(_json(self._listed(item)) for item in found) + "\n]"
        self.database.add_remote_row(self.now_seconds, "list", "", data)
        statistics = self.result.statistics
        statistics.total_space, statistics.free_space = self.destination.free_space()
        statistics.assigned_space = -1
        return found

    def _listed(self, item: RemoteFile) -> dict[str, Any]:
        if self.release.has_v2:
            return item.as_dict()
        names = ("Name", "LastAccess", "LastModification", "Size", "IsFolder")
        return {name: item.as_dict()[name] for name in names}

    def count_known(self, found: list[RemoteFile]) -> None:
        """Take the number and size of known files from a listing."""
        statistics = self.result.statistics
        known = [item for item in found if item.name in self.database.volumes]
        unknown = [item for item in found if item.name not in self.database.volumes]
        statistics.known_file_count, statistics.known_file_size = len(known), sum(item.size for item in known)
        statistics.unknown_file_count, statistics.unknown_file_size = len(unknown), sum(item.size for item in unknown)
        lists = [version for version in self.database.versions if not version.is_open]
        statistics.known_filesets = statistics.backup_list_count = len(lists)
        latest = max((version.time for version in lists), default=None)
        if latest is not None:
            statistics.last_backup_at = _moment(latest)

    async def put(self, name: str, content: bytes) -> None:
        """Upload a volume at the allowed speed."""
        self.transfer_line("Put", "Started", name, len(content))
        self.detail("Timer.Begin-Duplicati.Library.Main.Backend.PutOperation-Upload", f"Starting - upload of {name}")
        self.result.statistics.remote_calls += 1
        await self._transfer("Put", name, len(content), "throttle-upload", "max-upload-speed")
        self.destination.put(name, content)
        self.transfer_line("Put", "Completed", name, len(content))
        for _ in range(COMMITS):
            self.detail("Timer.Begin-Duplicati.Library.Main.Database.ReusableTransaction-Commit", "Starting - a commit")
            self.detail("Timer.Finished-Duplicati.Library.Main.Database.ReusableTransaction-Commit", "Ended a commit")
        self.database.volumes[name] = {"size": len(content), "hash": digest(content)}
        data = _json({"Size": len(content), "Hash": digest(content)})
        self.database.add_remote_row(self.now_seconds, "put", name, data)
        self.result.statistics.bytes_uploaded += len(content)
        self.result.statistics.files_uploaded += 1

    async def get(self, name: str) -> bytes:
        """Download a volume at the allowed speed; fails after retries when it is not what was uploaded."""
        retries, delay = self._retries()
        for attempt in range(retries + 1):
            content = self._read(name)
            self.transfer_line("Get", "Started", name, len(content))
            self.result.statistics.remote_calls += 1
            await self._transfer("Get", name, len(content), "throttle-download", "max-download-speed")
            self.result.statistics.bytes_downloaded += len(content)
            problem = self._problem_of(name, content)
            if problem is None:
                break
            if attempt == retries:
                self.transfer_line("Get", "Failed", name, len(content))
                raise problem
            self.transfer_line("Get", "Retrying", name, len(content))
            self.result.statistics.retries += 1
            await self.wait(delay)
        self.transfer_line("Get", "Completed", name, len(content))
        if self.release.logs_downloads:
            data = _json({"Size": len(content), "Hash": digest(content)})
            self.database.add_remote_row(self.now_seconds, "get", name, data)
        self.result.statistics.files_downloaded += 1
        return content

    def _problem_of(self, name: str, content: bytes) -> OperationFailed | None:
        known = self.database.volumes.get(name, {}).get("hash")
        if known not in {None, digest(content)}:
            return _hash_mismatch(name, known, digest(content))
        if self.release.is_legacy:
            try:
                self.destination.unseal(content)
            except OperationFailed as failure:
                return failure
        return None

    def _read(self, name: str) -> bytes:
        try:
            return self.destination.get(name)
        except OSError as failure:
            kind = "Duplicati.Library.Interface.FileMissingException"
            raise OperationFailed(kind, f"The requested file does not exist: {name}") from failure

    async def delete(self, name: str) -> None:
        """Delete a volume."""
        size = self.database.volumes.get(name, {}).get("size", 0)
        self.transfer_line("Delete", "Started", name, size)
        self.result.statistics.remote_calls += 1
        self.destination.delete(name)
        self.database.volumes.pop(name, None)
        self.transfer_line("Delete", "Completed", name, size)
        self.database.add_remote_row(self.now_seconds, "delete", name, None)
        self.result.statistics.files_deleted += 1
        await self.wait(0)

    async def _transfer(self, action: str, name: str, size: int, option: str, setting: str) -> None:
        speed = read_size(self.options.get(option), "kb") or read_size(self.engine.settings.get(setting), "kb")
        transfer = Transfer(action, name, size)
        self.progress.start_transfer(transfer)
        try:
            if not speed:
                await self.wait(0)
                transfer.done = size
                return
            chunk = max(CHUNK_BYTES, speed // 4)
            while transfer.done < size:
                await self.hold()
                share = speed / max(len(self.progress.transfers), 1)
                await self.wait(min(chunk, size - transfer.done) / share)
                transfer.done = min(size, transfer.done + chunk)
                transfer.speed = speed
                self.progress.speed = speed
                for word in ("Begin", "Finished"):
                    self.detail(f"Timer.{word}-Duplicati.Library.Main.Backend-Part", f"{action} {transfer.done} bytes")
                self.tell_progress()
        finally:
            self.progress.end_transfer(transfer)

    # Afterwards

    @property
    def now_seconds(self) -> int:
        """Return the present as epoch seconds."""
        return int(self.clock.now().timestamp())

    def note_times(self, name: str) -> None:
        """Write start, end and length of an operation into the metadata."""
        end_at = self.result.end_at or self.clock.now()
        metadata = self.backup.metadata
        values = {
            "Started": compact(self.result.begin_at),
            "Finished": compact(end_at),
            "Duration": duration((end_at - self.result.begin_at).total_seconds()),
        }
        order = ("Started", "Finished", "Duration") if name == "Backup" else ("Duration", "Started", "Finished")
        metadata.update({f"Last{name}{word}": values[word] for word in order})


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _hash_mismatch(name: str, known: str | None, actual: str) -> OperationFailed:
    text = f'Hash mismatch on file "{name}", recorded hash: {known}, actual hash {actual}'
    return OperationFailed("SharpAESCrypt.HashMismatchException", text)
