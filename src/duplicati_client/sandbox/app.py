"""Puts a sandbox server together and runs it: in a loop, in a thread of a test, or until Ctrl-C; it decides nothing."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import os
import secrets
import signal
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from . import definitions
from .clock import Clock
from .engine.engine import Engine
from .faults import RESTART_AFTER_SECONDS, SHORT_TOKEN_SECONDS, Faults, read_fault
from .legacy import routes as legacy
from .legacy.access import LegacyAccess, LegacyGate, hash_password
from .modern import routes as modern
from .modern.access import Access, Gate
from .modern.logins import Rules
from .modern.websocket import Notifications
from .release import find
from .web import pages
from .web.connection import LOOPBACK, Server, dress_as_kestrel, dress_as_tiny
from .web.serve import Router

RESTART_GAP_SECONDS = 0.3
THREAD_SECONDS = 30


class Options(NamedTuple):
    """What sandbox to start.

    `version` is a user's (`2.3.1`) or a full one; port 0 takes a free one; without `folder` nothing is kept; password
    None makes one up (or keeps that of the folder), and an empty one is only possible for the legacy release.
    `definitions` is the path of a JSON file; `faults` are `NAME` or `NAME:COUNT`; `speed` lets the server's time run
    faster, but not that of its tokens.
    """

    version: str = "2.3.1"
    port: int = 0
    folder: str | None = None
    password: str | None = None
    definitions: str | None = None
    faults: tuple[str, ...] = ()
    speed: float = 1.0
    allowed_hostnames: tuple[str, ...] = ()
    preauth_tokens: tuple[str, ...] = ()
    pre_shared_key: str = ""
    enable_forever_token: bool = False
    disable_signin_tokens: bool = False


def build_modern(engine: Engine, rules: Rules, clock: Clock) -> Gate:
    """Put a modern face before an engine; `clock` is that of the tokens. It needs no socket to be called."""
    access = Access(engine.release, rules, engine, clock)
    routes = {**pages.ROUTES, **access.routes(), **modern.routes(engine)}
    notifications = Notifications(access, engine.events, Router(routes))
    return Gate(access, Router({**routes, ("GET", "/notifications"): notifications.open}))


def build_legacy(engine: Engine, clock: Clock) -> LegacyGate:
    """Put the legacy face before an engine; `clock` is that of tokens, nonces and sessions."""
    return LegacyGate(LegacyAccess(engine.settings, clock), legacy.Face(engine))


class Sandbox:
    """A running server; `access.clock` can be skipped to let tokens expire."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.release = find(options.version)
        faults = tuple(map(read_fault, options.faults))
        self.engine = Engine(self.release, folder=options.folder, clock=Clock(options.speed))
        self.faults = Faults(faults, self.release, self.engine.clock)
        self.port = 0
        face: Gate | LegacyGate = self._build_legacy() if self.release.is_legacy else self._build_modern()
        self.access: Access | LegacyAccess = face.access
        dress = dress_as_tiny if self.release.is_legacy else dress_as_kestrel
        self._server = Server(self.faults.wrap(face), dress=dress, closes_always=self.release.is_legacy)
        self._restarts: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Give the server's address."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def password(self) -> str:
        """Give the password that logs in now; the legacy server keeps only a hash, so it is the one of the start."""
        return self.engine.password

    async def start(self) -> None:
        """Fill the engine, start it and listen."""
        is_known = self.engine.load()
        self._choose_password(is_known=is_known)
        await self.engine.start()
        if not is_known:
            await definitions.fill(self.engine, self.options.definitions)
        self._read_hostnames()
        self.engine.subscribe(self._hear)
        self.port = await self._server.listen(self.options.port)
        self.engine.settings.set("last-webserver-port", str(self.port))

    async def stop(self) -> None:
        """Stop listening, keep what is to be kept, and end the engine."""
        for restart in self._restarts:
            restart.cancel()
        await self._server.stop()
        if self.options.folder is not None:
            self.engine.save()
            self._save_access()
        await self.engine.close()

    async def restart(self, kill: bool = False) -> None:
        """Restart the server on the same port; connections break, and `kill` breaks them without a farewell."""
        await self._server.stop(aborts=kill)
        await self.engine.restart(kill=kill)
        self.access.restart()
        self._read_hostnames()
        await asyncio.sleep(RESTART_GAP_SECONDS)
        await self._server.listen(self.port)

    def _build_modern(self) -> Gate:
        has_short_tokens = self.faults.has("expired-tokens")
        rules = Rules(
            allowed_hostnames=self.options.allowed_hostnames,
            preauth_tokens=self.options.preauth_tokens,
            pre_shared_key=self.options.pre_shared_key,
            enables_forever_token=self.options.enable_forever_token,
            disables_signin_tokens=self.options.disable_signin_tokens,
            access_token_seconds=SHORT_TOKEN_SECONDS if has_short_tokens else 900,
            clock_skew_seconds=0 if has_short_tokens else 5,
        )
        return build_modern(self.engine, rules, Clock())

    def _build_legacy(self) -> LegacyGate:
        gate = build_legacy(self.engine, Clock())
        if self.faults.has("expired-tokens"):
            gate.access.session_seconds = SHORT_TOKEN_SECONDS
            gate.access.restart()
        if self.options.allowed_hostnames:
            self.engine.settings.set("allowed-hostnames", ";".join(self.options.allowed_hostnames))
        return gate

    def _choose_password(self, *, is_known: bool) -> None:
        password = self.options.password
        if password is None:
            password = self.engine.password if is_known else secrets.token_urlsafe(9)
        if not password and not self.release.is_legacy:
            raise ValueError("a modern server cannot be without a password")
        self.engine.password = password
        if self.release.is_legacy and not (is_known and self.options.password is None):
            salt = os.urandom(32)
            text = base64.b64encode(salt).decode() if password else ""
            self.engine.settings.set("server-passphrase", hash_password(password, salt) if password else "")
            self.engine.settings.set("server-passphrase-salt", text)
        if isinstance(self.access, Access):
            self._load_access(self.access)

    def _read_hostnames(self) -> None:
        if isinstance(self.access, Access):
            self.access.read_hostnames(self.engine.settings.get("allowed-hostnames"))

    def _access_path(self) -> str:
        return os.path.join(self.engine.data_folder, "access.json")

    def _load_access(self, access: Access) -> None:
        if os.path.exists(self._access_path()):
            with open(self._access_path(), encoding="utf-8") as file:
                access.logins.restore(json.load(file))

    def _save_access(self) -> None:
        if isinstance(self.access, Access):
            with open(self._access_path(), "w", encoding="utf-8") as file:
                json.dump(self.access.logins.as_dict(), file)

    def _hear(self, service: str, data: Any) -> None:
        active = self.engine.queue.active
        if service != "taskqueue" or active is None or active.kind != "Backup":
            return
        for name in ("restart-in-run", "restart-kill"):
            if self.faults.take(name):
                restart = asyncio.get_running_loop().create_task(self._restart_soon(kill=name == "restart-kill"))
                self._restarts.add(restart)
                restart.add_done_callback(self._restarts.discard)

    async def _restart_soon(self, *, kill: bool) -> None:
        await self.engine.clock.sleep(RESTART_AFTER_SECONDS)
        await self.restart(kill)


async def start(options: Options) -> Sandbox:
    """Start a sandbox in the running loop; raises KeyError for an unknown version, ValueError for wrong options."""
    sandbox = Sandbox(options)
    try:
        await sandbox.start()
    except BaseException:
        await sandbox.engine.close()
        raise
    return sandbox


class Handle:
    """A sandbox that runs in a thread of its own, for synchronous code."""

    def __init__(self, options: Options) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        try:
            self.sandbox: Sandbox = self._wait_for(start(options))
        except BaseException:
            self._end()
            raise

    @property
    def url(self) -> str:
        """Give the server's address."""
        return self.sandbox.url

    @property
    def password(self) -> str:
        """Give the password."""
        return self.sandbox.password

    @property
    def engine(self) -> Engine:
        """Give the engine, to be looked at only through `call`."""
        return self.sandbox.engine

    def call(self, function: Callable[[], Any]) -> Any:
        """Run a function in the server's loop and return what it returns; a coroutine is awaited first."""

        async def run() -> Any:
            result = function()
            return await result if inspect.isawaitable(result) else result

        return self._wait_for(run())

    def restart(self, kill: bool = False) -> None:
        """Restart the server on the same port and return when it listens again."""
        self._wait_for(self.sandbox.restart(kill))

    def stop(self) -> None:
        """Stop the server and its thread; safe to repeat."""
        if self._thread.is_alive():
            self._wait_for(self.sandbox.stop())
            self._end()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _wait_for(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(THREAD_SECONDS)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(THREAD_SECONDS)
        self._loop.close()


def start_in_thread(options: Options) -> Handle:
    """Start a sandbox in a thread and return when it listens; raises what `start` raises."""
    return Handle(options)


def serve_forever(options: Options, announce: Callable[[Sandbox], None]) -> None:
    """Run a sandbox until SIGINT or SIGTERM; `announce` is called once it listens. Only for the main thread."""
    asyncio.run(_serve(options, announce))


async def _serve(options: Options, announce: Callable[[Sandbox], None]) -> None:
    is_ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(is_ended.set))
    sandbox = await start(options)
    try:
        announce(sandbox)
        await is_ended.wait()
    finally:
        await sandbox.stop()
