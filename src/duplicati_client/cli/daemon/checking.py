"""`daemon journal check` and `repair`: what of a daemon's files cannot be believed, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ...daemon import inspection
from ...daemon.entries import Step
from ...daemon.history import NAME as HISTORY
from ...daemon.inspection import Doubt, FileState, Gap, State
from ...daemon.records import Piece
from ...operations.changes import Change
from ..asking import make_printer
from ..difference import draw_changes
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section, StreamRecord
from .locking import take_lock
from .wording import call_task, name_task, tell_state

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig
    from ...daemon.storage import PathFolder
    from ..call import Call
    from ..output.printer import Printer

_DAMAGED = 65
_SHOWN_COUNT = 20
_TOLD_COUNT = 1000
_REPAIR = "with the daemon stopped: duplicati daemon journal repair"
_LOST = "perhaps: tasks of which nothing is left; offered again, they are not begun unless they only read"
_FORGOTTEN = "a task that was in it counts as a new one if it is offered again"
_DAMAGE_COLUMNS = (
    Column("line", "LINE", "number", 0),
    Column("task", "TASK", "id", 0),
    Column("what", "WHAT", "text", 0),
)
_DOUBT_COLUMNS = (Column("task", "TASK", "id", 0), Column("state", "KNOWN SO FAR", "text", 0))


class DamagedLine(NamedTuple):
    """A line that is no record, and whose task it was, as far as that is known."""

    line: int
    size_bytes: int
    task_id: str | None
    id_type: str | None


class FileItem(NamedTuple):
    """What was found of a file; `size_bytes` is null if there is none. Long lists are cut."""

    name: str
    size_bytes: int | None
    records_count: int
    torn_bytes: int
    is_unfinished: bool
    damaged_count: int
    damaged: Sequence[DamagedLine]
    gaps_count: int
    gaps: Sequence[Gap]


class DoubtItem(NamedTuple):
    """A task that is in doubt; `step` is the last that is known of it."""

    task_id: str
    id_type: str
    step: str | None


def check(call: Call, config: DaemonConfig) -> int:
    """Print what is wrong with both files; the exit status says whether anything is."""
    with inspection.opened(config.state_folder) as folder:
        state = inspection.inspect(folder)
    make_printer(call).print_page(make_page(state))
    if state.is_sound:
        return 0
    call.console.say(_REPAIR)
    return _DAMAGED


def repair(call: Call, config: DaemonConfig) -> int:
    """Show what would be written anew, ask, and write it."""
    printer = make_printer(call)
    with inspection.opened(config.state_folder) as folder:
        if folder is None:
            printer.print_record(_tell_sound())
            return 0
        lock = take_lock(folder, "repair")
        try:
            _repair(call, printer, folder)
        finally:
            lock.close()
    return 0


def _repair(call: Call, printer: Printer, folder: PathFolder) -> None:
    state = inspection.inspect(folder)
    if state.is_sound:
        printer.print_record(_tell_sound())
    elif _is_wanted(call, state):
        copies = inspection.repair(folder, state, datetime.now(UTC))
        printer.print_record(_tell_repaired(state, copies))
    else:
        call.console.say("nothing was written")


def make_page(state: State) -> Page:
    """Return the verdict, and what it rests on."""
    files = (state.tasks, state.history)
    open_count = sum(entry.step is not Step.CONFIRMED for entry in state.entries.values())
    items = [_make_file_item(file) for file in files]
    item = {
        "is_sound": state.is_sound,
        "open_count": open_count,
        "files": items,
        "doubts": [_make_doubt_item(doubt) for doubt in state.doubts[:_TOLD_COUNT]],
        "has_lost": state.has_lost,
    }
    verdict = Field("journal", "sound", mark="ok") if state.is_sound else Field("journal", "damaged", mark="refused")
    sections = [
        Section("", (verdict, Field("lost", _LOST if state.has_lost else None, mark="warning"))),
        *map(_make_section, files, items),
    ]
    if state.doubts:
        rows = [(call_task(doubt.key), _tell_doubt(doubt, state)) for doubt in state.doubts[:_SHOWN_COUNT]]
        told = Field("tasks", len(state.doubts), "number")
        sections.append(Section("Put in doubt", (told,), Listing("doubts", _DOUBT_COLUMNS, rows)))
    return Page("journal-check", item, sections)


def _make_section(file: FileState, item: FileItem) -> Section:
    damage = list(_list_damage(file))
    fields = (
        Field("size", "there is none" if file.size_bytes is None else file.size_bytes, _kind_of_size(file)),
        Field("records", file.records_count, "number"),
        Field("torn tail", f"{file.torn_bytes} bytes: a line that was never finished" if file.torn_bytes else None),
        Field("last line", "its end is missing" if file.is_unfinished else None),
        Field("damaged", item.damaged_count or None, "number"),
        Field("gaps", item.gaps_count or None, "number"),
        Field("means", _FORGOTTEN if file.is_damaged and file.name == HISTORY else None),
        Field("more", f"{len(damage) - _SHOWN_COUNT} that are not shown" if len(damage) > _SHOWN_COUNT else None),
    )
    return Section(file.name, fields, Listing("damage", _DAMAGE_COLUMNS, damage[:_SHOWN_COUNT]))


def _kind_of_size(file: FileState) -> str:
    return "text" if file.size_bytes is None else "size"


def _list_damage(file: FileState) -> Iterator[tuple[int, str, str]]:
    found = [
        (piece.line, call_task(piece.key) if piece.key else "?", f"{len(piece.text)} bytes that are no record")
        for piece in file.damaged
    ]
    yield from sorted([*found, *((gap.line, "?", _tell_gap(gap)) for gap in file.gaps)])


def _tell_gap(gap: Gap) -> str:
    return f"number {gap.number} after {gap.after}: {gap.missing_count} missing before it"


def _make_file_item(file: FileState) -> FileItem:
    return FileItem(
        name=file.name,
        size_bytes=file.size_bytes,
        records_count=file.records_count,
        torn_bytes=file.torn_bytes,
        is_unfinished=file.is_unfinished,
        damaged_count=len(file.damaged),
        damaged=[_make_damaged_line(piece) for piece in file.damaged[:_TOLD_COUNT]],
        gaps_count=len(file.gaps),
        gaps=file.gaps[:_TOLD_COUNT],
    )


def _make_damaged_line(piece: Piece) -> DamagedLine:
    task_id, id_type = (None, None) if piece.key is None else name_task(piece.key)
    return DamagedLine(piece.line, len(piece.text), task_id, id_type)


def _make_doubt_item(doubt: Doubt) -> DoubtItem:
    return DoubtItem(*name_task(doubt.key), None if doubt.step is None else doubt.step.value)


def _tell_doubt(doubt: Doubt, state: State) -> str:
    return "nothing" if doubt.step is None else tell_state(state.entries[doubt.key]._replace(is_uncertain=False))


# --- repair ---------------------------------------------------------------------------------------------


def _is_wanted(call: Call, state: State) -> bool:
    """Show what would change; ask unless that was settled before."""
    console = call.console
    changes = list(list_changes(state))
    console.say("this would be written anew:")
    if not console.is_quiet or console.is_stdin_terminal:
        console.draw(draw_changes(changes[:_TOLD_COUNT], is_coloured=console.is_talk_coloured))
        if len(changes) > _TOLD_COUNT:
            console.say(f"and {len(changes) - _TOLD_COUNT} more")
    return call.flag("yes") or console.ask_choice("Repair it? A copy is kept [y/n]: ", "yn", "n") == "y"


def list_changes(state: State) -> Iterator[Change]:
    """Yield what would be other afterwards: lines that go, and tasks that are in doubt then."""
    for file in (state.tasks, state.history):
        for piece in file.damaged:
            whose = f" of task {call_task(piece.key)}" if piece.key is not None else ""
            yield Change(f"{file.name}, line {piece.line}", f"{len(piece.text)} bytes{whose} that are no record", None)
        if file.torn_bytes:
            yield Change(f"{file.name}, end", f"{file.torn_bytes} bytes of a line that was never finished", None)
        if file.is_unfinished:
            yield Change(f"{file.name}, end", None, "the end of the last line")
        for gap in file.gaps:
            yield Change(f"{file.name}, line {gap.line}", _tell_gap(gap), "numbered anew")
    for doubt in state.doubts:
        entry = state.entries[doubt.key]
        known = None if doubt.step is None else tell_state(entry._replace(is_uncertain=False))
        yield Change(f"task {call_task(doubt.key)}", known, f"{tell_state(entry)}: in doubt")


def _tell_sound() -> StreamRecord:
    return StreamRecord("sound", {"copies": (), "doubts": (), "has_lost": False}, "sound, nothing to repair")


def _tell_repaired(state: State, copies: list[str]) -> StreamRecord:
    doubted = [_make_doubt_item(doubt) for doubt in state.doubts]
    item = {"copies": copies, "doubts": doubted, "has_lost": state.has_lost}
    count = len(state.doubts)
    doubts = f"; in doubt: {count}, which the next round looks into" if count else ""
    doubts += f"; lost {_LOST}" if state.has_lost else ""
    return StreamRecord("repaired", item, f"repaired; what was there is kept as {', '.join(copies)}{doubts}")
