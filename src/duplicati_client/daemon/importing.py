"""A YAML list of tasks that a person wrote: read so that nothing can mean something else, entered as received."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import yaml

from .. import errors
from ..protocol import codec
from ..protocol.task import Malformed, Task, key_of, read_task
from .entries import Entry, Step
from .history import History
from .journal import Journal

BYTES_MAX = 10 * 1024 * 1024
_DEPTH = 32
_ITEMS_MAX = 10_000
_EVENTS_MAX = codec.VALUES_MAX
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")
_WORDS = {"true": True, "false": False, "null": None}
_TEXT = "tag:yaml.org,2002:str"
_RESOLVER: Any = yaml.resolver.Resolver()
# The parser in C takes a tenth of the time; some systems have none.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Item(NamedTuple):
    """One item of the list, and the line on which it begins."""

    line: int
    task: Task | Malformed


class Fault(NamedTuple):
    """Why an item cannot be taken."""

    line: int
    reason: str


def read_list(data: bytes) -> list[Item]:
    """Read a list of tasks; any bytes give items or `InvalidValue`, which names line and column.

    What has more than one reading is refused: aliases, tags, members given twice, and unquoted texts that YAML takes
    for numbers, times or truths in ways in which JSON does not, such as `010`, `yes` or `12:30`.
    """
    if len(data) > BYTES_MAX:
        raise errors.InvalidValue(f"the list is larger than {BYTES_MAX >> 20} MiB")
    try:
        items = _read_items(yaml.parse(data.decode("utf-8"), Loader=_LOADER))
        found = list(islice(items, _ITEMS_MAX + 1))
    except UnicodeDecodeError as exc:
        raise errors.InvalidValue("the list is no UTF-8 text") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise _wrong(mark, f"this is no YAML: {exc.problem or exc.context}") from exc
    except yaml.YAMLError as exc:
        raise errors.InvalidValue(f"this is no YAML: {str(exc).partition(chr(10))[0]}") from exc
    if len(found) > _ITEMS_MAX:
        raise errors.InvalidValue(f"the list holds more than {_ITEMS_MAX} tasks")
    return found


def find_faults(items: Sequence[Item], entries: Mapping[str, Entry], history: History, room_count: int) -> list[Fault]:
    """Return what keeps the list from being taken; `room_count` is how many more tasks may be open."""
    faults = []
    seen: dict[str, int] = {}
    for line, task in items:
        reason = task.reason if isinstance(task, Malformed) else _find_conflict(task, entries, history)
        text = str(task.task_id)
        if reason is None and text in seen:
            reason = f"the task of line {seen[text]} has the same ID"
        seen.setdefault(text, line)
        if reason is not None:
            faults.append(Fault(line, reason))
    new_count = sum(not _is_open(item.task, entries) for item in items)
    if not faults and new_count > room_count:
        reason = f"there is room for {room_count} more open tasks, and these are {new_count}"
        faults.append(Fault(items[-1].line, reason))
    return faults


def enter(items: Iterable[Item], journal: Journal, aliases: Collection[str]) -> list[Item]:
    """Record those that are not open already as received, each durably, and return them; the next round judges them.

    Raises `StorageFailed`; the same list again then enters the rest.
    """
    only = next(iter(aliases)) if len(aliases) == 1 else None
    entered = []
    for item in items:
        task = item.task
        if isinstance(task, Task) and not _is_open(task, journal.entries):
            fields = {"Content": task.raw, "Digest": task.digest, "Server": task.server or only}
            journal.record(key_of(task.task_id), Step.RECEIVED, fields)
            entered.append(item)
    return entered


def _is_open(task: Task | Malformed, entries: Mapping[str, Entry]) -> bool:
    return task.task_id is not None and key_of(task.task_id) in entries


def _find_conflict(task: Task, entries: Mapping[str, Entry], history: History) -> str | None:
    for key in (f"i:{task.task_id}", f"s:{task.task_id}"):
        entry = entries.get(key)
        if entry is None or entry.step is Step.CONFIRMED:
            if entry is not None or history.find(key) is not None:
                return f"a task with the ID {task.task_id} is over already; give it another ID"
        elif key != key_of(task.task_id) or entry.steps.get(Step.RECEIVED, {}).get("Digest") != task.digest:
            return f"another task with the ID {task.task_id} is open"
    return None


# --- YAML to values -------------------------------------------------------------------------------------


class _Open:
    """A list or mapping that has begun; `name` is the member whose value comes next."""

    def __init__(self, value: list[Any] | dict[str, Any]) -> None:
        self.value = value
        self.name: str | None = None

    def add(self, value: Any, event: yaml.Event) -> None:
        """Put a value, or the name of the next one, where it belongs."""
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.name is not None:
            self.value[self.name] = value
            self.name = None
        elif not isinstance(value, str) or not isinstance(event, yaml.ScalarEvent):
            raise _wrong(event.start_mark, "a name is a text")
        elif value in self.value:
            raise _wrong(event.start_mark, f"“{value[:40]}” stands here a second time")
        else:
            self.name = value


def _read_items(events: Iterable[yaml.Event]) -> Iterator[Item]:
    """Yield the items of the one list; whatever else there is raises `InvalidValue`."""
    stack: list[_Open] = []
    documents_count = line = 0
    for count, event in enumerate(events):
        _check(event)
        if count > _EVENTS_MAX:
            raise _wrong(event.start_mark, f"more than {_EVENTS_MAX} values")
        if isinstance(event, yaml.DocumentStartEvent):
            documents_count += 1
            if documents_count > 1:
                raise _wrong(event.start_mark, "a second document begins here")
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if not stack and isinstance(event, yaml.MappingStartEvent):
                raise _wrong(event.start_mark, "this is no list: each task begins with “- ”")
            if len(stack) == _DEPTH:
                raise _wrong(event.start_mark, f"more than {_DEPTH} levels")
            line = _line_of(event) if len(stack) == 1 else line
            stack.append(_Open([] if isinstance(event, yaml.SequenceStartEvent) else {}))
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            ended = stack.pop()
            if len(stack) == 1:
                yield _make_item(line, ended.value)
            elif stack:
                stack[-1].add(ended.value, event)
        elif isinstance(event, yaml.ScalarEvent):
            value = _read_scalar(event)
            if not stack:
                raise _wrong(event.start_mark, "this is no list: each task begins with “- ”")
            if len(stack) == 1:
                yield _make_item(_line_of(event), value)
            else:
                stack[-1].add(value, event)


def _make_item(line: int, value: Any) -> Item:
    """Judge an item as one that came from a task server is judged."""
    return Item(line, read_task(codec.decode(codec.encode(value))))


def _check(event: yaml.Event) -> None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        raise _wrong(event.start_mark, "anchors and aliases are not taken: write it out")
    if getattr(event, "tag", None) is not None:
        raise _wrong(event.start_mark, "tags are not taken")


def _read_scalar(event: yaml.ScalarEvent) -> Any:
    text = event.value
    if not event.implicit[0]:  # in quotes, or a block
        return text
    is_text = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _TEXT
    is_number = _NUMBER.fullmatch(text) is not None
    if is_text and not is_number:
        return text
    if not is_text and text in _WORDS:
        return _WORDS[text]
    if is_text or not is_number:
        what = f"{text[:40]} may mean several things: put quotes around it" if text else "a value is missing"
        raise _wrong(event.start_mark, what)
    number = int(text) if text.lstrip("-").isdecimal() else float(text)
    if number in (float("inf"), float("-inf")):
        raise _wrong(event.start_mark, f"{text[:40]} is out of range")
    return number


def _line_of(event: yaml.Event) -> int:
    return 0 if event.start_mark is None else event.start_mark.line + 1


def _wrong(mark: Any, what: str) -> errors.InvalidValue:
    where = "the list" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
    return errors.InvalidValue(f"{where}: {what}")
