"""Record real commands in a terminal of a fixed size and draw it as an SVG: python demo/picture.py FILE."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parent))

import stage

COLUMNS, ROWS = 96, 40
PROMPT = "\x1b[1;32m$\x1b[0m "
MIDWAY = re.compile(r" [1-8]?\d%")
FONT_FACES = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)  # they would be fetched from a server of others


def main() -> int:
    """Write the picture; the commands really run, against a sandbox."""
    with stage.working_folder(), stage.running_sandbox() as server:
        screen = record(["login", server.url, "--password-file", str(server.password_file)])
        screen = ""  # the address of a sandbox says nothing to a reader
        for words in (["list", "backups"], ["run", "Documents", "--wait"], ["run", "Database", "--wait"]):
            screen += PROMPT + " ".join(["duplicati", *words]) + "\n" + record(words)
    draw(screen, Path(sys.argv[1]))
    return 0


def record(words: list[str]) -> str:
    """Run a command in a terminal of its own and return what was to be seen, with one line of its progress kept."""
    process_id, terminal = pty.fork()
    if not process_id:
        os.chdir(stage.ROOT)
        os.execve(stage.PROGRAM, ["duplicati", *words], stage.environment() | {"TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = bytearray()
    while chunk := _read(terminal):
        written += chunk
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])
    shown = "".join(f"{line}\n" for line in map(_final, written.decode().replace("\r\n", "\n").split("\n")) if line)
    return shown + (f"{PROMPT}echo $?\n{status}\n" if words[0] == "run" else "")


def draw(screen: str, path: Path) -> None:
    """Draw what a terminal shows."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen.rstrip("\n")))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FONT_FACES.sub("", console.export_svg(title="duplicati")), encoding="utf-8")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other end is gone
        return b""


def _final(line: str) -> str:
    """Return what stays of a line that was drawn over and over, with one of its middle kept above."""
    drawings = [drawing.replace("\x1b[K", "") for drawing in line.split("\r")]
    midway = next((drawing for drawing in reversed(drawings[:-1]) if MIDWAY.search(drawing)), None)
    return f"{midway}\n{drawings[-1]}" if midway else drawings[-1]


if __name__ == "__main__":
    sys.exit(main())
