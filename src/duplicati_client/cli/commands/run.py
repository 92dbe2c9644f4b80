"""`run`: runs backups, and with --wait follows them to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations import run
from ..following import STATUSES, WORDS, make_options, start_on_each
from ..options import Option
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "run",
    "run [backup] SELECTOR … [options]",
    "Run backups. Returns when the server has taken them, and prints the numbers of its tasks.",
    WORDS,
    (
        *make_options("run"),
        Option("skip-queue", "go before what waits already (server 2.2 and later)", "flag", scope="run"),
    ),
    (
        ("duplicati run Documents", "prints the task's number and returns"),
        ("duplicati run Documents --wait", "shows progress and how it went"),
        ("duplicati run 1 2 --wait --timeout 2h --output json", "for a script, a JSON object a line"),
    ),
    STATUSES,
)


def perform(call: Call) -> int:
    """Run what is named, on every server that is meant."""
    skip_queue = call.flag("skip_queue")
    parameters = {"skip-queue": True} if skip_queue else {}
    return start_on_each(call, lambda server, backup: run.start(server, backup, skip_queue=skip_queue), parameters)
