"""Starts this daemon as the conformance kit wants it: `python -m tests.e2e.conforming_daemon FOLDER SERVER_URL URL`.

FOLDER keeps its state from one start to the next, SERVER_URL is a sandbox with the password of the tests.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.daemon_stage import write_configuration
from tests.sandbox_process import PROGRAM


def main() -> None:
    """Write a configuration that takes tasks from URL, and become `daemon run`."""
    folder, server_url, tasks_url = sys.argv[1:]
    Path(folder).mkdir(mode=0o700, exist_ok=True)
    config = write_configuration(Path(folder), tasks_url, server_url, preset="default")
    os.execv(PROGRAM, [str(PROGRAM), "daemon", "run", "--config", config])


if __name__ == "__main__":
    main()
