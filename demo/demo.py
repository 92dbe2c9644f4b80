"""Show the program at work: real commands and their real output, against a sandbox server or against one of yours."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from fleet import show_fleet
from stage import DemoFailed, Server, command, read, running_sandbox, say, shorten, working_folder


def main() -> int:
    """Run the demonstration; nothing of it is left running or lies outside `.demo`, which is removed."""
    arguments = _parser().parse_args()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        with working_folder():
            if arguments.server:
                show_own_server(Server(arguments.server, arguments.password_file.resolve()), arguments.run)
            else:
                with running_sandbox() as server:
                    show_sandbox(server)
                show_fleet()
    except DemoFailed as failure:
        print(f"\nThe demonstration stopped: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        return 130
    return 0


def show_sandbox(server: Server) -> None:
    """Show the whole thread: log in, look, run a backup of each kind, log out."""
    _log_in(server)
    say("Which backups does the server have, and how did they go?")
    command("list", "backups")
    command("get", "backup", "1")
    say("Run one and follow it to its end.")
    _run("1", ends_with=0, is_live=True)
    say("This one ends with warnings, and its exit status says so to a script.")
    _run("Photos", ends_with=2)
    say("And this one fails.")
    _run("Database", ends_with=4)
    command("list", "backups")
    command("logout")


def show_own_server(server: Server, run: str | None) -> None:
    """Show the same on a server of yours; a backup runs only if it was named."""
    _log_in(server)
    command("status")
    command("list", "backups")
    backup_id = run or _first_backup_id()
    if backup_id:
        command("get", "backup", backup_id)
    if run:
        _run(run, ends_with=None, is_live=True)
    else:
        say("Nothing was run: name a backup with RUN=NAME for that.")
    command("logout")


def _log_in(server: Server) -> None:
    command("login", server.url, "--password-file", shorten(server.password_file))


def _run(backup: str, *, ends_with: int | None, is_live: bool = False) -> None:
    # Without a terminal there is no line of progress to look at, but the lines for scripts show the same.
    live = ["--output", "json"] if is_live and not sys.stdout.isatty() else []
    command("run", backup, "--wait", *live, ends_with=ends_with)


def _first_backup_id() -> str | None:
    return next(iter(read("list", "backups", "--output", "ids").split()), None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", metavar="URL", help="your own server instead of a sandbox")
    parser.add_argument("--password-file", type=Path, metavar="FILE")
    parser.add_argument("--run", metavar="NAME", help="a backup to run on your own server")
    return parser


if __name__ == "__main__":
    sys.exit(main())
