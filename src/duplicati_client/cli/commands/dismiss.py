"""`dismiss`: takes notifications away, and says what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ...operations.dismiss import Dismissal, dismiss_all, dismiss_by_id, dismiss_of_backups
from ..asking import Answer, ask
from ..output.pages import StreamRecord
from ..reach import Asked
from ..verbs import Verb
from ..words import drop_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...sdk.client import Duplicati
    from ..call import Call
    from ..talk import Talk

_LONGEST_ID = 18
_EVERYTHING = "all"

VERB = Verb(
    "dismiss",
    "dismiss [notification] ID … | backup SELECTOR … | all [options]",
    "Dismiss notifications, for everybody who looks at the server; with the last of its kind its warning sign goes.",
    (
        ("ID …", "these, as `list notifications` numbers them"),
        ("backup SELECTOR …", "all of these backups: id, exact name or pattern"),
        ("all", "all that are there now"),
    ),
    (),
    (
        ("duplicati dismiss 3", "one; if it is gone already, that is told and no failure"),
        ("duplicati dismiss backup Documents", "those of one backup"),
        ("duplicati dismiss all --on 'nas*'", "all, on several servers"),
    ),
    (0, 1, 64, 66, 69, 77),
)


def perform(call: Call) -> int:
    """Dismiss what is named, on every server that is meant."""
    dismiss, asked = _read_words(call)
    return ask(call, lambda reach, talk: _tell(talk, reach.do(dismiss, asked)))


def _read_words(call: Call) -> tuple[Callable[[Duplicati], Dismissal], Asked]:
    kind, words = drop_type(call.words, ("notification", "backup"))
    if not words:
        hint = "duplicati dismiss all (--all means every context)" if call.flag("all") else f"duplicati {VERB.usage}"
        raise errors.UsageInvalid("which notifications?", hint=hint)
    if kind == "backup":
        named = Asked("dismiss", [("backup", word) for word in words])
        return lambda server: dismiss_of_backups(server, words), named
    if words == [_EVERYTHING]:
        return dismiss_all, Asked("dismiss", (), {"all": True})
    numbers = [_read_id(word) for word in words]
    numbered = Asked("dismiss", [("notification", str(number)) for number in numbers])
    return lambda server: dismiss_by_id(server, numbers), numbered


def _read_id(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) <= _LONGEST_ID):
        is_type = word in ("backup", "backups", "notification", "notifications")
        hint = f"duplicati list notifications; those of a backup: duplicati dismiss backup {word}"
        hint = f"duplicati {VERB.usage}" if is_type else hint
        raise errors.UsageInvalid(f"a notification has a number, not {word}", hint=hint)
    return int(word)


def _tell(talk: Talk, done: Dismissal) -> Answer:
    for found in done.dismissed:
        item = found._asdict()
        del item["raw"]
        text = f"dismissed {found.notification_id}: {found.title or found.message}"
        talk.print_record(StreamRecord("dismissed", item, text, str(found.notification_id)))
    for number in done.gone_ids:
        talk.say(f"notification {number} is not there: dismissed already, or never was")
    item = done._asdict() | {"dismissed_count": len(done.dismissed)}
    del item["dismissed"]
    talk.print_record(StreamRecord("left", item, _describe(done)))
    return Answer()


def _describe(done: Dismissal) -> str:
    flags = [name for name, is_set in (("errors", done.has_error), ("warnings", done.has_warning)) if is_set]
    shown = f"; the server still shows {' and '.join(flags)}" if flags else ""
    return f"{len(done.dismissed)} dismissed, {done.left_count or 'none'} left{shown}"
