"""A shell in a pseudo-terminal: what a person types goes in, and what the commands of the shell got is told."""

from __future__ import annotations

import os
import pty
import re
import select
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE_SECONDS = 20.0
# A function in the place of the program shows the words it is given, each in hexadecimal letters: no shell, terminal
# or line break can change those.
_SHOWING = {
    "bash": r"""duplicati() { printf '\nGOT'; for w in "$@"; do printf '<%s>' "$(printf %s "$w" | od -An -tx1 | tr -d ' \n')"; done; printf 'END\n'; }""",  # noqa: E501
    "fish": r"""function duplicati; printf '\nGOT'; for w in $argv; printf '<%s>' (printf %s "$w" | od -An -tx1 | tr -d ' \n'); end; printf 'END\n'; end""",  # noqa: E501
}
_SHOWING["zsh"] = _SHOWING["bash"]
_GOT = re.compile(r"GOT((?:<[0-9a-f]*>)*)END")


class Shell:
    """One interactive shell with the completion of this program."""

    def __init__(self, name: str, command: Sequence[str], script: Path, environment: Mapping[str, str]) -> None:
        self._name = name
        self.shown = ""
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            os.execvpe(command[0], command, environment)
        self._send(f"{_SHOWING[name]}\r")
        self._send(f"source '{script}'\r")
        self._send("duplicati ready\r")
        self._await_words()

    def complete(self, line: str) -> list[str]:
        """Type a line, press TAB and Enter, and return the words that the command got."""
        self._send(f"{line}\t")
        if self._name == "fish":  # it draws what it completes after the key
            self._read(0.3)
        self._send("\r")
        return self._await_words()

    def close(self) -> None:
        os.close(self._terminal)
        os.waitpid(self._pid, 0)

    def _send(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _await_words(self) -> list[str]:
        self.shown = ""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while not (found := _GOT.search(self.shown)):
            assert time.monotonic() < ends_at, self.shown
            self._read(0.2)
        return [bytes.fromhex(word).decode() for word in re.findall(r"<([0-9a-f]*)>", found[1])]

    def _read(self, seconds: float) -> None:
        while select.select([self._terminal], [], [], seconds)[0]:
            self.shown += os.read(self._terminal, 65536).decode("utf-8", "replace")
            if _GOT.search(self.shown):
                return
