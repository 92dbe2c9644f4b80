"""Lay out watched servers as lines that fit a screen of any size; how they come onto the screen is not its business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..text import cut, measure, neutralise, wrap
from .cells import format_duration, format_second, format_size, format_time_of
from .changes import elapsed_seconds, name_task, summarise_notification
from .columns import Column, Listing
from .progress import count_bytes, count_files, describe_phase, draw_bar, fit_parts
from .table import colour, render_listing

if TYPE_CHECKING:
    from datetime import datetime

    from ...operations.list import BackupSummary
    from ...operations.view import NextRun, Queued, Running, View
    from ...sdk.activity import Progress
    from ...sdk.models import Notification
    from .table import Look

_INDENT = "  "
_BAR_COLUMNS = 30
_BAR_COLUMNS_MIN = 5
_BAR_TAIL = len("[] 100%")
_ROWS_FOR_GAPS = 16
_RUNNING_ROWS = 3
_TROUBLE_ROWS = 2
_LABEL_COLUMNS_MIN = 4
_COLUMNS_FOR_LAYOUT = 12
_ROWS_FOR_FOOT = 5
_ROWS_OF_A_PANEL = 3
_CLOCK_TOLERANCE_SECONDS = 60

_WAITING = (Column("name", "WAITING ({})", "text", 0), Column("task", "TASK", "number", 1))
_LAST = (
    Column("name", "LAST RUNS", "text", 0),
    Column("outcome", "OUTCOME", "outcome", 0),
    Column("when", "WHEN", "time", 1),
    Column("took", "TOOK", "seconds", 2),
    Column("reason", "WHY", "text", 3),
)
_NEXT = (
    Column("name", "NEXT RUNS", "text", 0),
    Column("when", "WHEN", "time", 1),
    Column("left", "IN", "seconds", 0),
)
_NEWS = (
    Column("title", "UNREAD ({})", "text", 0),
    Column("kind", "KIND", "outcome", 1),
    Column("when", "WHEN", "time", 2),
)


class Panel(NamedTuple):
    """One server on the screen; `failure` says why it is watched no more."""

    label: str
    view: View | None = None
    failure: str | None = None


class _Section(NamedTuple):
    """Lines that belong together, what matters most first: `least` of them come before anything of later sections.

    A table needs two lines to say something; what `is_divisible` is shown as far as there is room.
    """

    lines: Sequence[str]
    least: int
    is_divisible: bool = False


def lay_out(panels: Sequence[Panel], columns: int, rows: int, look: Look) -> list[str]:
    """Return the lines of a screen, each at least a column narrower than it; `look.now` is the present."""
    width = max(1, columns - 1)
    look = look._replace(width=width, is_coloured=look.is_coloured and width >= _COLUMNS_FOR_LAYOUT)
    foot = [_dim(cut("q leaves", width, ""), look)] if rows >= _ROWS_FOR_FOOT else []
    shown = panels if len(panels) <= rows - len(foot) else panels[: max(0, rows - len(foot) - 1)]
    if len(shown) < len(panels):
        foot = [_dim(cut(f"and {len(panels) - len(shown)} more", width, ""), look), *foot]
    room = rows - len(foot)
    is_brief = room < _ROWS_OF_A_PANEL * len(shown)
    gap = 0 if is_brief or room < _ROWS_FOR_GAPS else 1
    sections = [_make_sections(panel, look, is_brief=is_brief, is_first=not at) for at, panel in enumerate(shown)]
    shares = _share_rows([_count_rows(each) for each in sections], room - gap * (len(shown) - 1))
    lines: list[str] = []
    for each, share in zip(sections, shares, strict=True):
        lines += [*[""] * (gap if lines else 0), *_fit(each, share)]
    lines = [*lines, *[""] * (room - len(lines)), *foot][:rows]
    return lines if width >= _COLUMNS_FOR_LAYOUT else [cut(line, width, "") for line in lines]


def _share_rows(wanted: Sequence[int], room: int) -> list[int]:
    """Give each what it wants, or an equal part of what those that want less have left."""
    shares = [0] * len(wanted)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for position, index in enumerate(order):
        shares[index] = min(wanted[index], room // (len(order) - position))
        room -= shares[index]
    return shares


def _count_rows(sections: Sequence[_Section]) -> int:
    return sum(len(section.lines) + 1 for section in sections) - 1


def _fit(sections: Sequence[_Section], rows: int) -> list[str]:
    """Choose lines: the least of every section in their order, then one more of each in turn."""
    gap = 1 if rows >= min(_ROWS_FOR_GAPS, _count_rows(sections)) else 0
    counts: list[int] = []
    for section in sections:
        room = rows - (gap if counts else 0)
        least = min(section.least, max(0, room)) if section.is_divisible else section.least
        counts.append(least if least <= room else 0)
        rows = room - counts[-1] if counts[-1] else rows
    growing = [index for index, count in enumerate(counts) if count]
    while rows > 0 and growing:
        growing = [index for index in growing if counts[index] < len(sections[index].lines)][:rows]
        for index in growing:
            counts[index] += 1
        rows -= len(growing)
    lines: list[str] = []
    for count, section in zip(counts, sections, strict=True):
        lines += [*[""] * (gap if lines and count else 0), *section.lines[:count]]
    return lines


def _make_sections(panel: Panel, look: Look, *, is_brief: bool, is_first: bool) -> list[_Section]:
    view = panel.view
    head = _make_head(panel, look, is_brief=is_brief, with_clock=is_first and not is_brief)
    trouble = _tell_trouble(panel, look)
    sections = [_Section([head, *trouble], 1 + len(trouble), is_divisible=True)]
    if view is None:
        return sections
    if view.running is not None:
        running = _make_running(view.running, view, look)
        sections.append(_Section(running, min(_RUNNING_ROWS, len(running)), is_divisible=True))
    listings = (
        Listing("waiting", _count_in_title(_WAITING, len(view.waiting)), [_waiting_row(item) for item in view.waiting]),
        Listing("last runs", _LAST, [_last_row(item) for item in view.last_runs]),
        Listing(
            "notifications",
            _count_in_title(_NEWS, view.notifications_count),
            [_news_row(n) for n in view.notifications],
        ),
        Listing("next runs", _NEXT, [_next_row(item, view, look) for item in view.next_runs]),
    )
    tables = [_render(listing, look) for listing in listings]
    return [*sections, *[_Section(lines, 2) for lines in tables if lines]]


def _count_in_title(columns: Sequence[Column], count: int) -> list[Column]:
    """Say how many there are, for not all may be seen."""
    first, *rest = columns
    return [first._replace(title=first.title.format(count)), *rest]


def _render(listing: Listing, look: Look) -> list[str]:
    """Draw a table, narrower than any table is meant to be where the screen is."""
    width = look.width or 1
    lines = render_listing(listing, look._replace(is_coloured=False)).splitlines()
    if any(measure(line) > width for line in lines):
        return [cut(line, width, look.ellipsis) for line in lines]
    return render_listing(listing, look).splitlines()


def _make_head(panel: Panel, look: Look, *, is_brief: bool, with_clock: bool) -> str:
    """Return the line that names the server and says how it is, with the time at its end where there is room."""
    width, view = look.width or 1, panel.view
    state, word = _name_state(panel, look)
    brief = _summarise(view, look, is_brief=is_brief) if view is not None else ""
    # How a server is must be seen, however long its name is.
    name = cut(neutralise(panel.label), max(_LABEL_COLUMNS_MIN, width - len(state) - 2), look.ellipsis)
    version = neutralise(view.version if view is not None else "")
    text = fit_parts([(0, name), (3, version), (1, state), (2, brief)], width)
    painted = cut(text, width, look.ellipsis)
    if painted == text:  # whole, so that its parts can be found again
        rest = text[len(name) :].replace(state, colour(state, word, look), 1)
        painted = _bold(name, look) + rest
    clock = format_second(look.now)[-8:] if look.now is not None and with_clock else ""
    gap = width - measure(text) - len(clock)
    return f"{painted}{' ' * gap}{_dim(clock, look)}" if clock and gap >= 2 else painted


def _name_state(panel: Panel, look: Look) -> tuple[str, str]:
    """Return how a server is, in a word or two, and the outcome in whose colour that is written."""
    view = panel.view
    if panel.failure is not None:
        return "given up", "error"
    if view is None or (view.away_since_at is None and not view.version):
        return "asking", "unknown"
    if view.away_since_at is not None:
        return "away", "error"
    if view.is_paused:
        return "paused", "warning"
    return ("running", "running") if view.running is not None else ("ready", "success")


def _seconds_since(at: datetime, look: Look) -> float:
    return max(0.0, (look.now - at).total_seconds()) if look.now is not None else 0.0


def _summarise(view: View, look: Look, *, is_brief: bool) -> str:
    """Return how long a server has been away, else what it does in a few words where there is no room for more."""
    if view.away_since_at is not None:
        return f"for {format_duration(_seconds_since(view.away_since_at, look))}"
    parts = []
    if not is_brief:
        return ""
    if view.running is not None:
        running = view.running
        name = neutralise(name_task(running.backup_name, running.backup_id, running.operation))
        fraction = running.progress.fraction if running.progress is not None else None
        parts.append(name if fraction is None else f"{name} {fraction:.0%}")
    if view.waiting:
        parts.append(f"{len(view.waiting)} waiting")
    return ", ".join(parts)


def _tell_trouble(panel: Panel, look: Look) -> list[str]:
    """Return lines on what is in the way: an absence, a pause, clocks that differ."""
    view, parts = panel.view, []
    if panel.failure is not None:
        parts.append(panel.failure)
    elif view is not None and view.away_since_at is not None:
        parts.append(f"since {format_second(view.away_since_at)}: {view.away_reason}")
    elif view is not None:
        offset = view.clock_offset_seconds or 0.0
        if view.is_paused and view.pause_ends_at is not None:
            left = format_duration(max(0.0, -_seconds_past(view.pause_ends_at, view, look)))
            parts.append(f"until {format_time_of(view.pause_ends_at, look.now)}, {left} left")
        if abs(offset) >= _CLOCK_TOLERANCE_SECONDS:
            parts.append(f"its clock is {format_duration(abs(offset))} {'ahead' if offset > 0 else 'behind'}")
    text = neutralise("; ".join(parts))
    width = (look.width or 1) - len(_INDENT)
    lines = wrap(text, max(1, width)) if text else []
    if len(lines) > _TROUBLE_ROWS:
        lines = [*lines[: _TROUBLE_ROWS - 1], " ".join(lines[_TROUBLE_ROWS - 1 :])]
    return [_INDENT + cut(line, width, look.ellipsis) for line in lines]


def _seconds_past(at: datetime, view: View, look: Look) -> float:
    """Return the seconds from a moment of the server's clock to now, below 0 while it is to come."""
    return ((look.now - at).total_seconds() if look.now is not None else 0.0) + (view.clock_offset_seconds or 0.0)


def _make_running(running: Running, view: View, look: Look) -> list[str]:
    """Return the name, the bar with the phase, the counts, and the file in hand."""
    width, progress = (look.width or 1) - len(_INDENT), running.progress
    name = neutralise(name_task(running.backup_name, running.backup_id, running.operation))
    is_known = look.now is not None and view.away_since_at is None
    elapsed = elapsed_seconds(running, look.now, view) if is_known and look.now is not None else None
    took = format_duration(elapsed) if elapsed is not None else ""
    head = fit_parts([(0, name), (2, f"task {running.task_id}"), (1, took)], width)
    lines = [head]
    if progress is not None:
        columns = min(_BAR_COLUMNS, width - _BAR_TAIL)
        bar = draw_bar(progress.fraction, columns) if columns >= _BAR_COLUMNS_MIN else ""
        left_seconds = running.left_seconds if is_known else None
        left = f"{format_duration(left_seconds)} left" if left_seconds is not None else ""
        parts = [bar, describe_phase(progress.phase), left]
        doing = ", ".join(part for part in parts[1:] if part)
        if measure(f"{bar}{_INDENT}{doing}") <= width:
            parts = [f"{bar}{_INDENT}{doing}" if bar else doing]
        lines += parts if measure(doing) > width or len(parts) == 1 else [bar, doing]
        lines += [_count(progress, width), _cut_path(neutralise(progress.current_file or ""), width, look.ellipsis)]
    first, *rest = [cut(line, width, look.ellipsis) for line in lines if line]
    return [_INDENT + colour(first, "running", look), *[_INDENT + line for line in rest]]


def _count(progress: Progress, width: int) -> str:
    """Return files, bytes and speed, as many of them as there is room for."""
    if not (progress.files_done or progress.files_total):
        return ""
    speed = progress.speed_bytes_per_second
    rate = f"{format_size(int(speed))}/s" if speed else ""
    return fit_parts([(2, count_files(progress)), (0, count_bytes(progress)), (1, rate)], width)


def _cut_path(path: str, width: int, ellipsis: str) -> str:
    """Shorten a path from its beginning: its end tells more."""
    if measure(path) <= width:
        return path
    return ellipsis + cut(path[::-1], max(0, width - len(ellipsis)), "")[::-1]


def _waiting_row(queued: Queued) -> tuple[Any, ...]:
    return name_task(queued.backup_name, queued.backup_id, queued.operation), queued.task_id


def _last_row(run: BackupSummary) -> tuple[Any, ...]:
    is_clear = run.outcome == "success"
    at = run.last_finished_at or run.last_started_at
    return run.name, run.outcome, at, run.duration_seconds, "" if is_clear else run.reason


def _news_row(notification: Notification) -> tuple[Any, ...]:
    return summarise_notification(notification), notification.kind.lower(), notification.created_at


def _next_row(run: NextRun, view: View, look: Look) -> tuple[Any, ...]:
    left_seconds = max(0.0, -_seconds_past(run.next_run_at, view, look))
    return run.backup_name or f"backup {run.backup_id}", run.next_run_at, left_seconds


def _bold(text: str, look: Look) -> str:
    return f"\x1b[1m{text}\x1b[0m" if look.is_coloured and text else text


def _dim(text: str, look: Look) -> str:
    return f"\x1b[2m{text}\x1b[0m" if look.is_coloured and text else text
