"""`sandbox`: a stand-in server on this machine."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ... import errors
from ..options import Option
from ..verbs import Verb

if TYPE_CHECKING:
    from ...sandbox.app import Sandbox
    from ..call import Call

VERB = Verb(
    "sandbox",
    "sandbox [options]",
    "Start a stand-in Duplicati server on this machine, for trying out and for tests. It runs until Ctrl-C.",
    (
        ("Documents", "a backup whose run succeeds; so do these end as told:"),
        ("Photos, Mail, Database", "with warnings, with errors, not at all"),
        ("Archive", "after a minute"),
    ),
    options=(
        Option(
            "version",
            "the release to imitate",
            "choice",
            "RELEASE",
            choices=("2.3.1", "2.3.0", "2.2", "2.1", "2.0.8"),
            default="2.3.1",
            scope="sandbox",
        ),
        Option("port", "the port to listen on; a free one if not given", "number", "N", default=0, scope="sandbox"),
        Option("data", "keep backups and settings in this folder", "file", "DIR", scope="sandbox"),
        Option("definitions", "backups to begin with, instead of the five", "file", "FILE", scope="sandbox"),
        Option(
            "fault",
            "what goes wrong; NAME or NAME:COUNT, may be repeated",
            metavar="NAME",
            is_repeatable=True,
            scope="sandbox",
            places="oe",
        ),
    ),
    examples=(
        ("duplicati sandbox", "prints address, password and what to try"),
        ("duplicati sandbox --version 2.0.8 --output json", "the legacy generation; one line for a program"),
        ("duplicati sandbox --fault slow --fault cut:3", "a server that misbehaves"),
    ),
    statuses=(0, 65, 75),
)


def perform(call: Call) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    from ...sandbox.app import Options, serve_forever  # noqa: PLC0415 - help needs no server
    from ..passwords import find_password  # noqa: PLC0415

    options = Options(
        version=call.value("version"),
        port=call.value("port"),
        folder=call.value("data"),
        password=find_password(call, None, None),
        definitions=call.value("definitions"),
        faults=tuple(call.value("fault") or ()),
    )
    try:
        serve_forever(options, lambda sandbox: _announce(call, sandbox))
    except (ValueError, KeyError) as exc:
        raise errors.InvalidValue(str(exc.args[0] if exc.args else exc), hint="duplicati sandbox --help") from exc
    except OSError as exc:
        raise errors.Busy(f"the sandbox cannot listen: {exc.strerror}", hint="choose another --port") from exc
    return 0


def _announce(call: Call, sandbox: Sandbox) -> None:
    if call.value("output") == "json":
        ready = {
            "URL": sandbox.url,
            "Version": sandbox.release.version,
            "Password": sandbox.password,
            "PID": os.getpid(),
        }
        call.console.write(json.dumps(ready) + "\n")
    else:
        call.console.write(_greet(sandbox.url, sandbox.release.version, sandbox.password))
    call.console.flush()


def _greet(url: str, version: str, password: str) -> str:
    return (
        f"A stand-in for Duplicati {version} listens at {url}\n"
        f"Password: {password}\n\n"
        "Try, in another terminal:\n"
        f"  duplicati login {url}\n"
        "  duplicati list backups\n"
        "  duplicati run Documents --wait\n\n"
        "Ctrl-C ends it.\n"
    )
