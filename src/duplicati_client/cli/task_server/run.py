"""`task-server run`: a task server on this machine, until it is stopped."""

from __future__ import annotations

import json
from contextlib import ExitStack, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ... import errors
from ..options import Option
from ..verbs import Verb
from .placing import DATA, DATABASE, SCOPE, find_folder, find_url, libraries, opened

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

    from ...taskserver.app import Setup
    from ...taskserver.origin import Network
    from ...taskserver.parts import Parts
    from ...taskserver.serving import Listening
    from ..call import Call

VERB = Verb(
    "task-server run",
    "task-server run [options]",
    "Be a task server until it is stopped. The first start makes the store and an administrator, and prints a token "
    "for them. SIGTERM or Ctrl-C ends it once what runs has ended, within ten seconds.",
    options=(
        Option(
            "listen",
            "where to listen; a port of 0 takes a free one",
            metavar="HOST:PORT",
            default="127.0.0.1:8300",
            scope=SCOPE,
        ),
        DATA,
        DATABASE,
        Option("certificate", "the server's certificate for TLS, with its chain (PEM)", "file", "FILE", scope=SCOPE),
        Option("key", "the key of that certificate (PEM)", "file", "FILE", scope=SCOPE),
        Option(
            "trusted-proxy",
            "a proxy whose X-Forwarded-For or Forwarded is believed; may be repeated",
            metavar="ADDRESS[/BITS]",
            is_repeatable=True,
            places="oe",
            scope=SCOPE,
        ),
        Option(
            "demo",
            "with a sandbox server and a daemon beside it, called demo, to try things",
            "flag",
            places="o",
            scope=SCOPE,
        ),
    ),
    examples=(
        ("duplicati task-server run", "on this machine alone, to try it"),
        ("duplicati task-server run --demo", "and with something to try it on"),
        (
            "duplicati task-server run --listen 0.0.0.0:8300 --certificate tls.crt --key tls.key",
            "for daemons on other machines",
        ),
        ("duplicati task-server run --trusted-proxy 127.0.0.1", "behind a proxy of this machine"),
        ("duplicati task-server run --output json", "a line for a program when it is ready"),
    ),
    statuses=(0, 64, 74, 75, 78),
)


def perform(call: Call) -> int:
    """Be the task server."""
    with libraries():
        import asyncio  # noqa: PLC0415 - not for --help

        from ...taskserver.app import Setup  # noqa: PLC0415
        from ...taskserver.serving import bind, make_loop  # noqa: PLC0415
    listening, proxies, url = _read_listening(call), _read_proxies(call), find_url(call)
    with ExitStack() as held:
        place = url or _hold_folder(find_folder(call), held)
        try:
            sock = bind(listening)
        except OSError as exc:
            where = f"{listening.host}:{listening.port}"
            raise errors.Busy(f"it cannot listen at {where}: {exc.strerror}", hint="choose another --listen") from exc
        port = sock.getsockname()[1]
        with opened(), asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(_run(call, listening._replace(port=port), Setup(place, proxies), sock))
    return 0


def _hold_folder(folder: str, held: ExitStack) -> str:
    """Keep every other task server out of the folder, and return the database's path in it."""
    from ...taskserver import places  # noqa: PLC0415

    place = places.prepare_folder(folder)
    held.callback(places.Lock(folder).close)
    places.make_private(place)
    return place


async def _run(call: Call, listening: Listening, setup: Setup, sock: socket.socket) -> None:
    from ...taskserver.app import App  # noqa: PLC0415
    from ...taskserver.first import add_administrator  # noqa: PLC0415
    from ...taskserver.serving import serve  # noqa: PLC0415

    app = App(setup)
    await app.start()
    try:
        _announce(call, listening, await add_administrator(app.parts.store))
        async with _demonstrating(call, listening, app.parts) if call.flag("demo") else nullcontext():
            await serve(app, listening, sock)
    finally:
        await app.stop()


@asynccontextmanager
async def _demonstrating(call: Call, listening: Listening, parts: Parts) -> AsyncIterator[None]:
    """Have a daemon to try things on while the task server runs; it is told when it is there."""
    import asyncio  # noqa: PLC0415

    from ...taskserver.demonstration import dismiss, invite  # noqa: PLC0415
    from .demonstration import Demonstration, Guest  # noqa: PLC0415

    name, code = await invite(parts.store)
    demonstration = Demonstration(_write_url(listening), Guest(name, code), call.process.environ)

    async def start() -> None:
        try:
            await asyncio.to_thread(demonstration.start)
            call.console.say(f"a daemon called {name} is there: duplicati list backups --context CONTEXT/{name}")
        except errors.DuplicatiClientError as exc:
            call.console.complain(exc.message, exc.hint)

    task = asyncio.create_task(start())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.to_thread(demonstration.stop)
        await dismiss(parts.store)


def _read_proxies(call: Call) -> tuple[Network, ...]:
    from ...taskserver.origin import read_network  # noqa: PLC0415

    try:
        return tuple(read_network(text) for text in call.value("trusted_proxy") or ())
    except ValueError as exc:
        raise errors.UsageInvalid(
            f"--trusted-proxy is ADDRESS or ADDRESS/BITS: {exc}", hint="such as 10.0.0.0/8"
        ) from exc


def _read_listening(call: Call) -> Listening:
    from ...taskserver.serving import Listening  # noqa: PLC0415

    text = str(call.value("listen"))
    parts = urlsplit(f"//{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.path or parts.username:
        raise errors.UsageInvalid(f"--listen is HOST:PORT, not {text!a}", hint="for example 127.0.0.1:8300")
    certificate, key = call.value("certificate"), call.value("key")
    if bool(certificate) != bool(key):
        raise errors.UsageInvalid("--certificate and --key belong together")
    return Listening(host, port, certificate, key)


def _announce(call: Call, listening: Listening, token: str | None) -> None:
    url = _write_url(listening)
    if call.value("output") == "json":
        call.console.write(json.dumps({"URL": url, **({"AdminToken": token} if token else {})}) + "\n")
    else:
        call.console.write(f"A task server listens at {url}\n" + (_greet(url, token) if token else ""))
    call.console.flush()


def _write_url(listening: Listening) -> str:
    scheme = "https" if listening.certificate else "http"
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    return f"{scheme}://{host}:{listening.port}"


def _greet(url: str, token: str) -> str:
    steps = {
        f"duplicati login {url}": "paste the token when it asks",
        "duplicati task-server code": "makes a code for a daemon",
        f"duplicati daemon enrol CODE@{url}": "on the machine beside Duplicati",
    }
    width = max(map(len, steps))
    lines = "".join(f"  {command:{width}}  {what}\n" for command, what in steps.items())
    return (
        f"\nIts administrator's token, which is told only now:\n  {token}\n\n"
        f"Next, in another terminal:\n{lines}\nCtrl-C ends it.\n"
    )
