"""Runs a command at a terminal of its own, and types a line from stdin when asked for a password."""

from __future__ import annotations

import os
import pty
import sys


def main() -> int:
    """Return the command's exit status."""
    line = sys.stdin.buffer.readline()
    process_id, terminal = pty.fork()
    if process_id == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    is_typed = False
    while heard := _read(terminal):
        os.write(sys.stdout.fileno(), heard)
        if not is_typed and b"Password" in heard:
            is_typed = True
            os.write(terminal, line)
    return os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux tells that the other side is closed
        return b""


if __name__ == "__main__":
    sys.exit(main())
