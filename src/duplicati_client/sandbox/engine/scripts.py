"""What the scripts around a run make of it, by their exit status; the sandbox reads scripts, it never runs them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .failures import USER_INFORMATION, OperationFailed

if TYPE_CHECKING:
    from .work import Work

CONTROLLER = "Duplicati.Library.Main.Controller"
SCRIPTS = "Duplicati.Library.Modules.Builtin.RunScript"
# Exit statuses of a start script that call the run off, and the result it then has.
CALLED_OFF = {1: "Normal", 3: "Warning", 5: "Error"}


class CalledOff(Exception):
    """A start script has ended an operation before it began; that is no failure."""


def script_exit(path: str) -> int | None:
    """Return the exit status a script file says it has (its last `exit N`, else 0); None when there is no such file.

    The sandbox reads scripts, it never runs them.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.findall(r"^\s*exit\s+(\d+)\s*$", file.read(), re.MULTILINE)
    except OSError:
        return None
    return int(found[-1]) if found else 0


def call_off(work: Work) -> bool:
    """Mind the start scripts; True when one called the run off."""
    required = work.options.get("run-script-before-required")
    if required:
        status = script_exit(required)
        if status != 0:
            text = f'The script "{required}" returned with exit code {status}'
            raise OperationFailed(USER_INFORMATION, text, help_id="RunScriptInvalidExitCode")
    script = work.options.get("run-script-before")
    if not script:
        return False
    status = script_exit(script)
    if status is None:
        _log_missing_script(work, script)
    elif status:
        level = "Warning" if status in {2, 3} else "Error"
        if status != 1:
            work.log(level, f"{SCRIPTS}-InvalidExitCode", f'The script "{script}" returned with exit code {status}')
    if status not in CALLED_OFF:
        return False
    word = CALLED_OFF[status]
    text = f"Aborting operation by request, requested result: {word}"
    work.log("Information", f"{CONTROLLER}-AbortOperation", text)
    work.result.is_interrupted = True
    work.had_database = work.had_database or work.release.keeps_row_of_called_off
    return True


def _log_missing_script(work: Work, script: str) -> None:
    problem = f"An error occurred trying to start process '{script}' with working directory '{work.engine.folder}'. "
    problem += "No such file or directory"
    text = f'Error while executing script "{script}": {problem}\nWin32Exception: {problem}'
    work.log("Warning", f"{SCRIPTS}-ScriptExecuteError", text)


def mind_script_after(work: Work) -> None:
    """Mind the end script; what it says comes after the row is written (`2.3.1.0 outcomes:475`)."""
    script = work.options.get("run-script-after")
    if not script or work.operation != "Backup":
        return
    status = script_exit(script)
    if status is None:
        _log_missing_script(work, script)
    elif status:
        level = "Warning" if status in {2, 3} else "Error"
        work.log(level, f"{SCRIPTS}-InvalidExitCode", f'The script "{script}" returned with exit code {status}')
