"""Start a sandbox server as a process of its own, and stop exactly that one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PROGRAM = Path(sys.executable).parent / "duplicati"


class SandboxProcess(NamedTuple):
    """A running sandbox: its address, the file with its password, and its process id."""

    url: str
    password_file: Path
    process_id: int

    @property
    def password(self) -> str:
        return self.password_file.read_text(encoding="utf-8").rstrip("\n")


@contextmanager
def sandbox_process(folder: Path, *options: str) -> Iterator[SandboxProcess]:
    """Run `duplicati sandbox` with the options until the block ends; its password file lies in the folder."""
    command = [str(PROGRAM), "sandbox", "--output", "json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            assert process.stdout
            ready = json.loads(process.stdout.readline())
            password_file = folder / "password"
            password_file.write_text(ready["Password"] + "\n", encoding="utf-8")
            yield SandboxProcess(ready["URL"], password_file, process.pid)
        finally:
            process.terminate()
