"""`daemon journal show`: the records of a task, or of all open ones, as a person and a program read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import errors
from ...daemon import inspection
from ...daemon.entries import Entry, Step
from ...daemon.inspection import State
from ...daemon.records import Piece
from ..asking import make_printer
from ..output.cells import format_second
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section
from .wording import (
    call_task,
    explain,
    hide,
    is_mistakable,
    name_task,
    read_time,
    show_too,
    summarise,
    tell_end,
    tell_operation,
    tell_resources,
    tell_state,
)

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig
    from ..call import Call


class RecordRow(NamedTuple):
    """A line of the task list as it is listed, column by column."""

    line: int
    number: int | None
    at: datetime | None
    task_id: str | None
    id_type: str | None
    step: str
    text: str


class RecordItem(NamedTuple):
    """A line of one of the two files as programs get it; `fields` are the record's own, without secrets."""

    file: str
    line: int
    number: int | None
    at: datetime | None
    step: str
    is_uncertain: bool
    fields: Mapping[str, Any]


class _Found(NamedTuple):
    """A line of one of the two files."""

    file: str
    piece: Piece


def show(call: Call, config: DaemonConfig, columns: Sequence[Column], word: str | None) -> int:
    """Print the records; what is damaged is among them, and told of."""
    with inspection.opened(config.state_folder) as folder:
        state = inspection.inspect(folder, lambda key: word in (key[2:], key))
    printer = make_printer(call)
    if word is None:
        pieces = state.tasks.pieces
        rows = [_make_row(piece) for piece in pieces]
        needed = ["id_type"] if any(piece.key and is_mistakable(*name_task(piece.key)) for piece in pieces) else []
        printer.print_listing(Listing("journal-records", show_too(columns, needed), rows))
    else:
        key = find_key(word, _list_keys(state))
        printer.print_page(make_page(key, state))
    if not state.is_sound:
        call.console.say("some of it cannot be believed: duplicati daemon journal check")
    return 0


def find_key(word: str, keys: Iterable[str]) -> str:
    """Return the task that a word means: its id, or its id with `i:` or `s:` before it, as the journal writes it."""
    found = sorted({key for key in keys if word in (key[2:], key)})
    exact = [key for key in found if key == word]
    if not found:
        told = f"there is no task {word} in the journal or its history"
        raise errors.NotFound(told, hint="duplicati daemon tasks --all")
    if len(found) > 1 and not exact:
        named = " and ".join(found)
        raise errors.AmbiguousName(f"{word} fits {len(found)} tasks: {named}", hint="i: means a number, s: a text")
    return (exact or found)[0]


def make_page(key: str, state: State) -> Page:
    """Return all that both files say of a task."""
    found = [_Found(file.name, piece) for file in (state.tasks, state.history) for piece in file.pieces]
    own = [one for one in found if one.piece.key == key]
    entry = state.entries.get(key)
    task_id, id_type = name_task(key)
    item = {
        "task_id": task_id,
        "id_type": id_type,
        "state": _tell_state(entry, own),
        "is_uncertain": entry is not None and entry.is_uncertain,
        "records": [_make_item(one) for one in own],
    }
    sections = [Section("", _make_head(key, entry, item)), *map(_make_section, own)]
    return Page("journal-task", item, sections, key)


def _list_keys(state: State) -> Iterator[str]:
    for file in (state.tasks, state.history):
        yield from (piece.key for piece in file.pieces if piece.key is not None)


def _tell_state(entry: Entry | None, own: Sequence[_Found]) -> str:
    """Say how the task is by the task list, else how it has ended by the history."""
    if entry is not None:
        return tell_state(entry)
    records = [one.piece.record for one in own if one.piece.record is not None]
    return tell_end(records[-1].get("Status"), records[-1].get("Data")) if records else "not known any more"


def _make_head(key: str, entry: Entry | None, item: Mapping[str, Any]) -> Sequence[Field]:
    received = {} if entry is None else entry.steps.get(Step.RECEIVED, {})
    content = received.get("Content")
    doubt = "yes: more may have happened than is known" if item["is_uncertain"] else None
    return (
        Field("task", call_task(key)),
        Field("operation", tell_operation(content)),
        Field("about", tell_resources(content)),
        Field("state", item["state"]),
        Field("in doubt", doubt),
    )


def _make_section(found: _Found) -> Section:
    record, line = found.piece.record, found.piece.line
    place = f"{found.file}, line {line}"
    if record is None:
        return Section(_name_step(found.piece), (Field("where", place), Field("what", _tell_loss(found.piece))))
    at = read_time(record["At"])
    when = record["At"] if at is None else format_second(at)
    fields = [Field(label, text) for label, text in explain(record)]
    marked = [Field("in doubt", "yes")] if "Uncertain" in record else []
    head = (Field("when", when), Field("where", f"{place}, number {record['LSN']}"))
    return Section(_name_step(found.piece), (*head, *marked, *fields))


def _make_item(found: _Found) -> RecordItem:
    record = found.piece.record or {}
    return RecordItem(
        file=found.file,
        line=found.piece.line,
        number=record.get("LSN"),
        at=read_time(record.get("At")),
        step=_name_step(found.piece),
        is_uncertain="Uncertain" in record,
        fields=hide(record),
    )


def _make_row(piece: Piece) -> RecordRow:
    record = piece.record or {}
    task_id, id_type = name_task(piece.key) if piece.key is not None else (None, None)
    return RecordRow(
        line=piece.line,
        number=record.get("LSN"),
        at=read_time(record.get("At")),
        task_id=task_id,
        id_type=id_type,
        step=_name_step(piece),
        text=summarise(record) if record else _tell_loss(piece),
    )


def _name_step(piece: Piece) -> str:
    if piece.record is not None:
        return str(piece.record["Step"])
    return "torn" if piece.is_torn else "damaged"


def _tell_loss(piece: Piece) -> str:
    size = len(piece.text)
    return f"{size} bytes of a line that was never finished" if piece.is_torn else f"{size} bytes that are no record"
