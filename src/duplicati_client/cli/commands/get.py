"""`get`: one thing as the server has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations.get import KINDS, get
from ..asking import Answer, ask
from ..output.outline import outline
from ..output.pages import Page
from ..reach import Asked
from ..verbs import Verb
from ..words import take_one, take_type

if TYPE_CHECKING:
    from ..call import Call
    from ..reach import Reach

VERB = Verb(
    "get",
    "get TYPE SELECTOR [options]",
    "Show one thing as the server has it, secrets hidden.",
    (
        ("backup SELECTOR", "a backup by id, name or pattern"),
        ("task NUMBER", "a task of the server"),
        ("notification ID", "a notification"),
        ("setting NAME", "a setting of the server"),
    ),
    examples=(
        ("duplicati get backup Documents", "its definition"),
        ("duplicati get backup 1 --output json", "the same for a program"),
        ("duplicati get setting update-channel", "one setting"),
    ),
    statuses=(0, 66, 69, 77),
)


def perform(call: Call) -> int:
    """Show it, from every server that is meant."""
    kind, selectors = take_type(call.words, KINDS, VERB.usage)
    selector = take_one(selectors, kind, VERB.usage)
    return ask(call, lambda reach, talk: Answer(_fetch(reach, kind, selector)))


def _fetch(reach: Reach, kind: str, selector: str) -> Page:
    item = reach.do(lambda server: get(server, kind, selector), Asked("get", ((kind, selector),)))
    inner = item.get("Backup", item) if kind == "backup" else item
    shown = {"Backup": inner, **item} if kind == "backup" else item
    item_id = next(iter(item)) if kind == "setting" else str(inner.get("ID"))
    return Page(kind, item, outline(shown), item_id)
