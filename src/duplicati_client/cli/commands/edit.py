"""`edit`: a backup's definition in the person's own editor, and back to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..asking import Answer, ask
from ..options import Option
from ..verbs import Verb
from ..words import drop_type, take_one

if TYPE_CHECKING:
    from ..call import Call
    from ..reach import Reach
    from ..talk import Talk

VERB = Verb(
    "edit",
    "edit [backup] SELECTOR [options]",
    "Open a backup's definition in your editor, show what changed, ask, and send it. Secrets stay on the server: leave "
    "their ******** as it is, or write a new secret over it.",
    (("SELECTOR", "id, exact name or pattern of one backup"),),
    (
        Option("yes", "send without asking", "flag", short="y", places="oe", scope="edit"),
        Option("from", "begin with the text in this file, such as one that was kept", "file", "FILE", places="o"),
        Option(
            "unchecked", "take settings and values that the server does not list", "flag", places="oe", scope="edit"
        ),
    ),
    (
        ("duplicati edit Documents", "in $VISUAL or $EDITOR"),
        ("EDITOR='sed -i s/50mb/100mb/' duplicati edit Documents --yes", "for a script; see also duplicati set"),
    ),
    (0, 64, 65, 66, 69, 74, 75, 77, 78),
)


def perform(call: Call) -> int:
    """Edit one backup on one server."""
    _, selectors = drop_type(call.words, ("backup",))
    selector = take_one(selectors, "backup", VERB.usage)
    if not call.flag("yes") and not call.console.is_stdin_terminal:
        raise errors.UsageInvalid("there is nobody to ask whether to send the change", hint="--yes sends it unasked")
    if call.value("on") or call.flag("all"):
        raise errors.UsageInvalid("edit opens one definition of one server", hint="name the server with --context")
    return ask(call, lambda reach, talk: _edit(call, reach, talk, selector))


def _edit(call: Call, reach: Reach, talk: Talk, selector: str) -> Answer:
    from ..editing import edit_backup  # noqa: PLC0415 - YAML and an editor, which --help needs not

    edit_backup(call, reach, talk, selector)
    return Answer()
