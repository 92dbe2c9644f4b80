"""Report a failure that nobody expected: a sentence for the person, the trace in a file."""

from __future__ import annotations

import os
import sys
import tempfile
from traceback import format_exception
from typing import TYPE_CHECKING

from .. import __version__
from . import exits
from .configuration import find_state_folder

if TYPE_CHECKING:
    from .call import Process


def report(exc: Exception, process: Process) -> int:
    """Write the trace to a private file in the state folder, or else the temporary one, and say where."""
    head = f"duplicati-client {__version__}, Python {sys.version.split()[0]} on {sys.platform}\n\n"
    trace = head + "".join(format_exception(exc))
    if process.console.is_debugging:
        for line in trace.splitlines():
            process.console.detail(line)
    path = _keep(trace, find_state_folder(process.environ))
    where = f"the trace is in {path}" if path else "its trace could not be written; --debug shows it"
    process.console.complain(f"a bug in this program: {type(exc).__name__}; {where}", "report it with that trace")
    return exits.BUG


def _keep(trace: str, state_folder: str | None) -> str | None:
    for folder in (state_folder, tempfile.gettempdir()):
        if folder is None:
            continue
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            descriptor, path = tempfile.mkstemp(".txt", "duplicati-client-bug-", folder)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(trace)
        except OSError:
            continue
        return path
    return None
