"""Show a run's progress: a line that redraws itself on a terminal, a line now and then with --verbose elsewhere."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..text import measure, neutralise
from .cells import format_duration, format_size

if TYPE_CHECKING:
    from ...sdk.activity import Progress
    from ..talk import Talk

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 30.0
_BAR_COLUMNS = 20
_READING_ENDS = 0.9  # what comes then is told by phases, whose shares say nothing of the time they take
_PHASES = {
    "Starting_Operation": "starting",
    "Backup_Begin": "starting",
    "Backup_PreBackupVerify": "checking the destination",
    "Backup_PostBackupTest": "testing samples",
    "Backup_PreviousBackupFinalize": "completing an earlier run",
    "Backup_ProcessingFiles": "reading files",
    "Backup_Finalize": "writing the file list",
    "Backup_WaitForUpload": "uploading",
    "Backup_Delete": "removing old versions",
    "Backup_Compact": "compacting",
    "Backup_Lock": "locking",
    "Backup_VerificationUpload": "uploading verification data",
    "Backup_PostBackupVerify": "checking the result",
    "Backup_Complete": "ending",
    "Backup_RemoteSynchronization": "copying to other destinations",
    "Verify_Running": "testing samples",
    "Recreate_Running": "rebuilding the local database",
    "Vacuum_Running": "tidying the local database",
}


class ProgressLine:
    """Draws for one run. `clock` is monotonic seconds."""

    def __init__(self, talk: Talk, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        console = talk.console
        is_wanted = not console.is_quiet and talk.form == "table"
        self._talk = talk
        self._name = name
        self._clock = clock
        self._began_at: float | None = None  # the first progress: time in the queue says nothing of the speed
        self._is_live = is_wanted and console.is_stderr_terminal and talk.label is None
        self._is_dotted = is_wanted and not self._is_live and console.is_verbose
        self._next_at = clock() + (0.0 if self._is_live else _LINE_SECONDS)
        self._last: Progress | None = None

    def show(self, progress: Progress) -> None:
        """Show how far the run is, unless it was shown just now."""
        self._last = progress
        self.tick()

    def tick(self) -> None:
        """Show the time that passes also while nothing new is known."""
        now = self._clock()
        if self._last is None:
            return
        self._began_at = now if self._began_at is None else self._began_at
        if now < self._next_at:
            return
        width = self._talk.console.talk_width() - 1 if self._is_live else None
        text = describe(self._last, self._name, now - self._began_at, width)
        if self._is_live:
            self._next_at = now + _REDRAW_SECONDS
            self._talk.console.show_line(text)
        elif self._is_dotted:
            self._next_at = now + _LINE_SECONDS
            self._talk.say(text)

    def clear(self) -> None:
        """Take the line away, for something else to be said, or for good; safe to repeat."""
        self._talk.console.clear_line()


def describe(progress: Progress, name: str, elapsed_seconds: float, width: int | None = None) -> str:
    """Return one line of what is known of the run; in a narrow terminal the least telling parts are left out."""
    left = estimate_left(progress, elapsed_seconds)
    has_counts = bool(progress.files_done or progress.files_total)
    speed = progress.speed_bytes_per_second
    # In the order of the line, each with its rank: the highest go first where room is short.
    parts = [
        (0, neutralise(name)),
        (1, draw_bar(progress.fraction)),
        (2, describe_phase(progress.phase)),
        (6, count_files(progress) if has_counts else ""),
        (4, count_bytes(progress) if has_counts else ""),
        (5, f"{format_size(int(speed))}/s" if speed else ""),
        (3, f"{format_duration(left)} left" if left is not None else format_duration(elapsed_seconds)),
    ]
    return fit_parts(parts, width, 2)


def fit_parts(parts: Sequence[tuple[int, str]], width: int | None, least: int = 1) -> str:
    """Join ranked parts in their order; where room is short those with the highest ranks are left out whole."""
    kept = [part for part in parts if part[1]]
    while width is not None and len(kept) > least and measure("  ".join(text for _, text in kept)) > width:
        kept.remove(max(kept))
    return "  ".join(text for _, text in kept)


def draw_bar(fraction: float | None, columns: int = _BAR_COLUMNS) -> str:
    """Return a bar with its percentage, nothing where no fraction is known."""
    if fraction is None:
        return ""
    filled = round(fraction * columns)
    return f"[{'#' * filled}{'.' * (columns - filled)}] {fraction:4.0%}"


def describe_phase(phase: str) -> str:
    """Return a phase in words; one that this release does not know by its own name, taken apart."""
    known = _PHASES.get(phase)
    if known is not None:
        return known
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", phase.removeprefix("Backup_"))
    return neutralise(words.replace("_", " ").lower()) or "waiting"


def estimate_left(progress: Progress, elapsed_seconds: float) -> float | None:
    """Return seconds, from how long the part that is done took; None where that says nothing."""
    fraction = progress.fraction
    if fraction is None or elapsed_seconds < 2 or not 0.02 <= fraction < _READING_ENDS:
        return None
    return elapsed_seconds * (1 - fraction) / fraction


def make_progress_item(progress: Progress, name: str) -> dict[str, Any]:
    """Return what programs get of it."""
    item = progress._asdict()
    del item["raw"], item["overall_fraction"]
    return {**item, "name": name, "fraction": progress.fraction}


def count_files(progress: Progress) -> str:
    """Return how many files are done, and of how many once that is known."""
    if progress.is_counting or not progress.files_total:
        return f"{progress.files_done} files"
    return f"{progress.files_done} of {progress.files_total} files"


def count_bytes(progress: Progress) -> str:
    """Return how many bytes are done, and of how many once that is known."""
    done = format_size(progress.bytes_done)
    return (
        done if progress.is_counting or not progress.bytes_total else f"{done} of {format_size(progress.bytes_total)}"
    )
