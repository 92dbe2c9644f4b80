"""A Duplicati server as it looks from outside, of the modern or the legacy generation: requests in, answers out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from duplicati_client.http import Answer, Request

from .engine import Deed, Engine, _iso

OPERATIONS = {"run": "Backup", "verify": "Test", "repair": "Repair", "compact": "Compact", "vacuum": "Vacuum"}
_JSON = ("Content-Type", "application/json")


class Effect(NamedTuple):
    """A request that changes something: the operation of a task that would send it, and what it is about."""

    operation: str
    about: str


class Change(NamedTuple):
    """Such a request that was let in, and the task that it was sent for."""

    operation: str
    about: str
    cause: str | None


def find_effect(request: Request) -> Effect | None:
    """Say what a request would change, None if it only reads or logs in."""
    path = request.path.partition("?")[0]
    parts = path.split("/")
    if request.method == "GET" or not path.startswith("api/v1/") or parts[2] == "auth":
        return None
    if parts[2] == "backup" and parts[-1] in OPERATIONS:
        return Effect(parts[-1], parts[3])
    if parts[2] == "serverstate":
        return Effect(parts[3], "")
    if parts[2] == "notification":
        return Effect("dismiss", parts[3])
    if parts[2] == "serversettings":
        return Effect("set", ",".join(map(str, json.loads(request.body or b"{}").values())))
    return Effect("stop", parts[3])


class Server:
    """The face of an engine. `is_shut` refuses every login and session, as after a change of the password."""

    def __init__(self, engine: Engine, *, is_legacy: bool) -> None:
        engine.is_legacy = is_legacy
        self.engine, self.is_legacy = engine, is_legacy
        self.is_shut = False
        self.changes: list[Change] = []
        self._tokens: set[str] = set()
        self._issued_count = 0

    @property
    def is_up(self) -> bool:
        return self.engine.is_up

    @property
    def life(self) -> int:
        return self.engine.life

    def end_sessions(self) -> None:
        """Forget who has logged in."""
        self._tokens.clear()

    def answer(self, request: Request, reply: Callable[[Answer], None], cause: str | None) -> None:
        """Answer a request; `cause` is the key of the task that it is sent for."""
        refusal = self._enter_legacy(request) if self.is_legacy else self._enter_modern(request)
        reply(refusal or self._do(request, cause))

    # --- who may come in ------------------------------------------------------------------------------

    def _enter_modern(self, request: Request) -> Answer | None:
        if request.path.startswith("api/v1/auth/"):
            if self.is_shut:
                return _say({"Error": "Invalid", "Code": 401}, 401)
            token = self._issue()
            cookie = ("Set-Cookie", f"RefreshToken_8200=r-{token}; path=/")
            return _say({"AccessToken": token, "RefreshNonce": f"n-{token}"}, 200, cookie)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer in self._tokens and not self.is_shut:
            return None
        return Answer(401, "Unauthorized", (("WWW-Authenticate", "Bearer"),), b"")

    def _enter_legacy(self, request: Request) -> Answer | None:
        if request.path == "":
            cookie = ("Set-Cookie", f"xsrf-token={self._issue()}; path=/")
            if self.is_shut:
                return Answer(302, "Redirect", (cookie, ("Location", "/login.html")), b"")
            return Answer(200, "OK", (cookie, ("Content-Type", "text/html")), b"<html></html>")
        if request.headers.get("X-XSRF-Token") not in self._tokens:
            cookie = ("Set-Cookie", f"xsrf-token={self._issue()}; path=/")
            return Answer(400, "Missing XSRF Token. Please reload the page", (cookie,), b"")
        if self.is_shut:
            return Answer(401, "Not logged in", (), b"")
        return None

    def _issue(self) -> str:
        self._issued_count += 1
        token = f"t{self._issued_count}"
        self._tokens.add(token)
        return token

    # --- what is asked --------------------------------------------------------------------------------

    def _do(self, request: Request, cause: str | None) -> Answer:
        path = request.path.partition("?")[0].removeprefix("api/v1/")
        noun, *rest = path.split("/")
        if request.method == "GET":
            return self._read(noun, rest)
        return self._change(request, noun, rest, cause)

    def _read(self, noun: str, rest: list[str]) -> Answer:
        engine = self.engine
        if noun == "backup":
            return self._read_backup(rest)
        if noun == "task":
            deed = engine.find(int(rest[0]))
            return _refuse("No such task found") if deed is None else _say(self._show_task(deed))
        if noun == "progressstate":
            return _refuse("No active backup") if engine.shown is None else _say(_show_progress(engine.shown))
        whole: dict[str, Callable[[], Any]] = {
            "systeminfo": lambda: {
                "ServerVersion": "2.0.8.1" if self.is_legacy else "2.3.1.0",
                "ServerTime": _iso(engine.now()),
            },
            "serverstate": self._show_state,
            "backups": lambda: [self._show_backup(backup_id) for backup_id in engine.backups],
            "notifications": lambda: engine.notices,
            "serversettings": lambda: engine.settings,
            "tasks": lambda: [self._show_task(deed) | {"TaskID": deed.number} for deed in engine.live()],
        }
        return _say(whole[noun]())

    def _read_backup(self, rest: list[str]) -> Answer:
        backup = self.engine.backups.get(rest[0])
        if backup is None:
            return _refuse("Backup not found")
        if rest[1:] == ["log"]:
            if self.engine.is_locked(rest[0]):
                text = "The backup database is currently in use by another operation"
                return _say({"Error": text, "Code": 400, "HelpId": "DatabaseLocked"}, 400)
            return _say(backup.rows[::-1][:50])
        shown = self._show_backup(rest[0])
        return _say({"success": True, "data": shown} if self.is_legacy else shown)

    def _change(self, request: Request, noun: str, rest: list[str], cause: str | None) -> Answer:
        engine = self.engine
        effect = find_effect(request)
        if effect is not None:
            self.changes.append(Change(effect.operation, effect.about, cause))
        if noun == "backup" and rest[0] in engine.backups:
            deed = engine.ask(OPERATIONS[rest[1]], rest[0], cause)
            has_number = not self.is_legacy or rest[1] != "run"
            return _say({"Status": "OK", **({"ID": deed.number} if has_number else {})})
        if noun == "task":
            return _say({"Status": "OK"}) if engine.stop(int(rest[0])) else _refuse("No such task found")
        if noun == "serverstate":
            engine.pause(is_paused=rest[0] == "pause")
            return _say({"Status": "OK"})
        if noun == "serversettings":
            engine.settings |= json.loads(request.body or b"{}")
            return _say({})
        if noun == "notification":
            found = next((notice for notice in engine.notices if notice["ID"] == int(rest[0])), None)
            if found is None:
                return _refuse("Notification not found")
            engine.notices.remove(found)
            return _say({"Status": "OK"})
        return _refuse("Backup not found")

    # --- how it is shown ------------------------------------------------------------------------------

    def _show_task(self, deed: Deed) -> dict[str, Any]:
        error = f"{deed.operation} failed" if deed.status == "Failed" else None
        shown: dict[str, Any] = {"Status": deed.status, "ErrorMessage": error}
        if self.is_legacy:
            return shown
        times = {"TaskStarted": _iso(deed.started), "TaskFinished": _iso(deed.finished)}
        return {**shown, "ID": deed.number, **times}

    def _show_state(self) -> dict[str, Any]:
        engine = self.engine
        queue = [{"Item1": deed.number, "Item2": deed.backup_id} for deed in engine.live()]
        active, waiting = (queue[0], queue[1:]) if engine.active else (None, queue)
        kinds = {notice["Type"] for notice in engine.notices}
        return {
            "ActiveTask": active,
            "SchedulerQueueIds": waiting,
            "ProgramState": "Paused" if engine.is_paused else "Running",
            "HasWarning": "Warning" in kinds,
            "HasError": "Error" in kinds,
            "LastEventID": engine.event_id,
            "LastDataUpdateID": engine.data_id,
            "LastNotificationUpdateID": engine.notice_id,
            "ProposedSchedule": [],
        }

    def _show_backup(self, backup_id: str) -> dict[str, Any]:
        backup = self.engine.backups[backup_id]
        inner = {"ID": backup_id, "Name": backup.name, "Metadata": dict(backup.metadata), "Settings": []}
        return {"Backup": inner, "Schedule": None}


def _show_progress(deed: Deed) -> dict[str, Any]:
    phase = deed.phase if deed.operation == "Backup" or deed.phase == "Error" else f"{deed.operation}_Running"
    return {"TaskID": deed.number, "BackupID": deed.backup_id, "Phase": phase, "OverallProgress": 0}


def _say(value: Any, status: int = 200, *headers: tuple[str, str]) -> Answer:
    return Answer(status, "OK", (_JSON, *headers), json.dumps(value).encode())


def _refuse(text: str) -> Answer:
    return Answer(404, text, (_JSON,), json.dumps({"Error": text, "Code": 404}).encode())
