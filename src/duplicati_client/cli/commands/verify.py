"""`verify`: has samples of the data at the destination tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations import verify
from ..following import STATUSES, WORDS, make_options, start_on_each
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "verify",
    "verify [backup] SELECTOR … [options]",
    "Have the destination listed, and samples of its volumes downloaded and tested.\n"
    "Success means that the samples are good; it says nothing of the others.",
    WORDS,
    make_options("verify"),
    (
        ("duplicati verify Documents", "prints the task's number and returns"),
        ("duplicati verify Documents --wait", "shows progress and how it went"),
        ("duplicati verify 1 2 --wait --timeout 2h --output json", "for a script, a JSON object a line"),
    ),
    STATUSES,
)


def perform(call: Call) -> int:
    """Start on what is named, on every server that is meant."""
    return start_on_each(call, verify.start)
