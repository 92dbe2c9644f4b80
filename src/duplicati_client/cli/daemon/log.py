"""One line an event: for a person at a terminal, for systemd's journal, for a log file, or JSON for a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ...operations.masking import hide_text
from ..text import neutralise

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...daemon.events import Event
    from ..call import Call

_PRIORITIES = {"info": 6, "warning": 4, "error": 3}


def make_writer(call: Call) -> Callable[[Event], None]:
    """Return what writes events as this call wants them; with --quiet only what is wrong."""
    console = call.console
    if call.value("output") in ("json", "yaml"):
        return lambda event: _write_json(call, event)
    form = _form_for_people
    if call.process.environ.get("JOURNAL_STREAM") and not console.is_stderr_terminal:
        form = _form_for_journal
    elif not console.is_stderr_terminal:
        form = _form_for_file

    def write(event: Event) -> None:
        if event.level != "info" or not console.is_quiet:
            console.draw(form(event) + "\n")

    return write


def _write_json(call: Call, event: Event) -> None:
    item: dict[str, str | None] = {
        "event": event.code,
        "at": event.at.isoformat(timespec="seconds"),
        "level": event.level,
    }
    item |= {"text": hide_text(event.text), "task": event.key and event.key[2:]}
    call.console.write(json.dumps(item) + "\n")
    call.console.flush()


def _form_for_people(event: Event) -> str:
    return f"{event.at.astimezone():%H:%M:%S}  {_tell(event)}"


def _form_for_file(event: Event) -> str:
    return f"{event.at.isoformat(timespec='seconds')} {_tell(event)}"


def _form_for_journal(event: Event) -> str:
    """Leave the time to the journal, and give it the priority."""
    return f"<{_PRIORITIES.get(event.level, 5)}>{neutralise(hide_text(event.text))}"


def _tell(event: Event) -> str:
    mark = "" if event.level == "info" else f"{event.level}: "
    return mark + neutralise(hide_text(event.text))
