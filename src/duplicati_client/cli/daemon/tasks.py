"""`daemon tasks`: the tasks that a daemon has, and those that are over, from its files; it need not run for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..daemonoptions import CONFIG, find_config_file
from ..options import Option
from ..output.columns import Column, Listing
from ..verbs import Verb

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "daemon tasks",
    "daemon tasks [options]",
    "List the open tasks: those that are not over, or whose result the task server has not confirmed. They are read "
    "from the daemon's files, whether it runs or not; a running one is asked what each waits for.",
    options=(
        CONFIG,
        Option("all", "also those that are over and confirmed, the newest first (30 days)", "flag", places="o"),
    ),
    examples=(
        ("duplicati daemon tasks", "what is open, and how far it is"),
        ("duplicati daemon tasks --all --filter state~error", "what went wrong lately"),
        ("duplicati daemon tasks --filter is_uncertain=yes", "where it is not known what was done"),
        ("duplicati daemon tasks --output ids", "for the next command: duplicati daemon journal show ID"),
    ),
    statuses=(0, 64, 74, 78),
)
COLUMNS = (
    Column("task_id", "TASK", "id", 0, about="the task server's id of it"),
    Column("id_type", "TYPE", "text", 1, False, "whether that is a number or text: 7 and “7” are two tasks"),
    Column("operation", "OPERATION", "text", 1, about="what is to be done"),
    Column("resources", "ABOUT", "text", 2, about="what it is about"),
    Column("alias", "SERVER", "text", 5, about="alias of the Duplicati server"),
    Column("state", "STATE", "text", 0, about="how far it is, or how it has ended"),
    Column("changed_at", "SINCE", "time", 3, about="since when it is that far"),
    Column("is_uncertain", "DOUBT", "flag", 1, False, about="whether more may have happened than is known"),
    Column("is_result_pending", "TO SEND", "flag", 4, False, about="whether its result waits to be confirmed"),
    Column("attempts_count", "TRIES", "number", 6, False, about="how often it was begun"),
    Column("reason", "WHY", "text", 8, about="why it was refused or could not be done"),
    Column("received_at", "RECEIVED", "time", is_shown=False, about="when it came"),
    Column("step", "STEP", "text", is_shown=False, about="the last step that the journal has"),
)


def perform(call: Call) -> int:
    """List them."""
    from ...daemon import inspection  # noqa: PLC0415 - not for --help
    from ...daemon.config import load  # noqa: PLC0415
    from ..asking import make_printer  # noqa: PLC0415
    from .taskrows import ask_states, find_needed, list_open, list_past  # noqa: PLC0415
    from .wording import show_too  # noqa: PLC0415

    if call.words:
        raise errors.UsageInvalid(f"what is {call.words[0]}?", hint="one task: duplicati daemon journal show TASK")
    config = load(find_config_file(call))
    with inspection.opened(config.state_folder) as folder:
        entries = inspection.read_entries(folder)
        past = list_past(entries, inspection.read_past(folder)) if call.flag("all") else []
    rows = [*list_open(entries, ask_states(config.state_folder) if entries else {}), *past]
    make_printer(call).print_listing(Listing("daemon-tasks", show_too(COLUMNS, find_needed(rows)), rows))
    return 0
