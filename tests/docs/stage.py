"""Prepares what a page takes for granted: a home folder, sandbox servers under names of the page, a login.

A page says it in a comment, `<!-- stage: nas attic -->`: a server each, whose address is https://NAME.lan:8200 and
whose password lies in ~/NAME.password. With `?` after its name nobody is logged in to it; with `!` nobody is and it has
TLS, under a certificate that ~/own-ca.pem signed and this machine does not trust. The address of `local` is
http://127.0.0.1:8200.

`<!-- tasks: 1 -->` adds a task server of that level at https://tasks.example.org, which takes the code `dce_example`;
each `<!-- task: {…} -->` is a task that waits there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from duplicati_client.sandbox.app import Options, start_in_thread
from tests.docs.fences import Step, read_comment, read_comments
from tests.docs.relay import encrypted
from tests.docs.terminal import Terminal
from tests.loopback import CERTIFICATES
from tests.task_server import TaskServer

LOCAL = "http://127.0.0.1:8200"
CODE = "dce_example"
# A run of two seconds takes half of one.
SPEED = 4


@contextmanager
def staged(page: Path, folder: Path) -> Iterator[Terminal]:
    """Yield a terminal in which the page's commands can be typed; its servers end with it."""
    home = folder / "home"
    home.mkdir()
    terminal = Terminal(home, {})
    with ExitStack() as stack:
        stack.callback(terminal.close)
        for word in (read_comment(page, "stage") or "").split():
            _add_server(stack, terminal, word)
        level = read_comment(page, "tasks")
        if level is not None:
            _add_task_server(stack, terminal, int(level), read_comments(page, "task"))
        yield terminal


def _add_server(stack: ExitStack, terminal: Terminal, word: str) -> None:
    name = word.rstrip("?!")
    server = stack.enter_context(start_in_thread(Options(speed=SPEED)))
    password_file = terminal.home / f"{name}.password"
    password_file.touch(0o600)
    password_file.write_text(f"{server.password}\n", encoding="utf-8")
    url = server.url
    if word.endswith("!"):
        url = stack.enter_context(encrypted(server.url)).url.replace("127.0.0.1", "localhost")
        authority = (CERTIFICATES / "ca.pem").read_text(encoding="utf-8")
        (terminal.home / "own-ca.pem").write_text(authority, encoding="utf-8")
    terminal.names |= {LOCAL: url} if name == "local" else {f"https://{name}.lan:8200": url, f"{name}.lan": "localhost"}
    terminal.names["the password"] = server.password
    if word == name:  # logged in
        login = f"duplicati login {server.url} --name {name} --password-file {name}.password"
        terminal.type(Step(0, login, ("…",)))


def _add_task_server(stack: ExitStack, terminal: Terminal, level: int, tasks: Sequence[str]) -> None:
    server = stack.enter_context(TaskServer(level=level))
    server.add_code(CODE)
    server.give(*map(json.loads, tasks))
    terminal.names["https://tasks.example.org"] = server.url
