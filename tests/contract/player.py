"""Plays a release's recordings against a sandbox in one loop, in recorded order and time, and notes the differences."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from clockwork import Clockwork
from comparison import differences
from listener import Listener, differences_of_messages
from names import Names
from stage import RECORDED_ROOT, Stage

from duplicati_client.sandbox.engine.contents import Reader
from duplicati_client.sandbox.engine.destination import folder_of
from duplicati_client.sandbox.engine.engine import Engine
from duplicati_client.sandbox.engine.failures import OperationFailed
from duplicati_client.sandbox.engine.queue import Task
from duplicati_client.sandbox.modern import routes as modern
from duplicati_client.sandbox.modern.access import Access, Gate
from duplicati_client.sandbox.modern.logins import Rules
from duplicati_client.sandbox.modern.websocket import Notifications
from duplicati_client.sandbox.release import RELEASES
from duplicati_client.sandbox.web.serve import Call, Reply, Router, Upgrade
from recordings import Entry, files, read_file

PASSWORD = "correct horse"
HOST = "127.0.0.1:8200"
# Played elsewhere: access (tests/unit/sandbox), the socket, and the command-line program.
LEFT_OUT = frozenset({"auth", "probes", "expiry"})
# Here an upload had to be retried after the stop, so that the run failed.
FAILING_STOPS = {
    ("2.3.0.4", "control"),
    ("2.3.0.4", "control-stop-twice"),
    ("2.2.0.3", "control"),
    ("2.2.0.3", "stop"),
}
# A tenth of what the recorded servers made of a megabyte a second, where it mattered.
UPLOAD_SPEEDS = {("2.1.0.5", "control-late-stop"): "170kb"}
TASK_SECONDS = 400
STEP_SECONDS = 0.005
GAP_SECONDS = 90
DATE_SECONDS = 1.0


class Difference(NamedTuple):
    """Where and in what the sandbox answered otherwise."""

    entry: Entry
    text: str

    def __str__(self) -> str:
        return f"{self.entry.where} {self.entry.note!r} {self.text}"


class Player:
    """One sandbox of a release, the stage it stands on, and what it answered otherwise."""

    def __init__(self, release: str, root: Path) -> None:
        self.release = release
        self.stage = Stage(root, release)
        self.names = Names()
        self.found: list[Difference] = []
        self.played = 0
        self._upload_speed = ""
        self._late_seconds = 0.0
        self._seen_event_id = 0
        self._seen_log_id = 0
        self._sealed_export = b""
        self._listener: Listener | None = None
        self._access_token = ""
        self._renew_at = 0.0
        self.clock = Clockwork(_first_moment(release))
        self.engine = Engine(RELEASES[release], folder=str(root), clock=self.clock)
        self.engine.password = PASSWORD
        self._gate = self._build_gate()

    def _build_gate(self) -> Callable[[Call], Awaitable[Reply | Upgrade]]:
        access = Access(self.engine.release, Rules(), self.engine, self.clock)
        router = Router({**access.routes(), **modern.routes(self.engine)})
        self._notifications = Notifications(access, self.engine.events, router)
        return Gate(access, router)

    async def play(self) -> None:
        """Play all recordings of the release in the order in which they were made."""
        await self.engine.start()
        try:
            for file in self._files():
                await self._play_file(file)
        finally:
            await self.engine.close()

    def _files(self) -> list[str]:
        return sorted(set(files(self.release)) - LEFT_OUT, key=self._start_of)

    def _start_of(self, file: str) -> tuple[float, int]:
        entries = read_file(self.release, file)
        return min(entry.at for entry in entries if entry.at), entries[0].seq

    async def _play_file(self, file: str) -> None:
        entries = read_file(self.release, file)
        if entries[0].seq == 1:
            await self.engine.restart()
        self._clear(file, entries)
        for entry in entries:
            if file == "extra" and entry.note.startswith("pre-auth token"):
                return
            await self._play_entry(entry)

    def _clear(self, file: str, entries: list[Entry]) -> None:
        """Undo and do what lay between two recordings: removed backups, stored settings, a network that fails."""
        bodies = [entry.raw["request"]["body"]["Backup"] for entry in entries if _creates(entry)]
        created = {body["Name"] for body in bodies}
        if entries[0].seq == 1:
            for body in bodies:
                folder = folder_of(body["TargetURL"]) or ""
                shutil.rmtree(folder.replace(RECORDED_ROOT, str(self.stage.root)), ignore_errors=True)
        self._upload_speed = UPLOAD_SPEEDS.get((self.release, file), "97kb")
        for backup in list(self.engine.backups.values()):
            if backup.name in created:
                self.engine.configuration.remove(backup.backup_id)
            elif backup.name == "No time" and file == "control-stop-twice":
                self._list_in_vain(backup.backup_id)
        settings = self.engine.settings
        if file == "settings" and self.release == "2.3.1.0":
            settings.values |= {"no-such-setting": "x", "no-such": "x"}
            self.engine.ui_settings["demo"] = {}
        settings.set("--sandbox-stop", "fails" if (self.release, file) in FAILING_STOPS else None)

    def _list_in_vain(self, backup_id: str) -> None:
        with suppress(OperationFailed):
            Reader(self.engine, backup_id).filesets(with_counts=False, from_remote=False)

    async def _play_entry(self, entry: Entry) -> None:
        if not entry.is_exchange:
            await self._do_as_the_program(entry)
            await self._wait_for_task(entry)
            self._compare_messages(entry)
        elif entry.raw.get("response") and not entry.path.startswith("/api/v1/auth/"):
            await self._reach(entry)
            self.stage.prepare(entry.file, entry.note)
            await self._restart_where_recorded(entry)
            await self._listen(entry)
            self._compare(entry, await self._ask(entry))
            self.played += 1

    async def _reach(self, entry: Entry) -> None:
        """Let time pass up to the moment when the recorded request left."""
        wanted = (entry.at or 0) - entry.raw.get("ms", 0) / 1000 + self._late_seconds
        if self.clock.seconds > wanted + DATE_SECONDS:
            # What was waited for took longer here; keep the distance between requests.
            self._late_seconds += self.clock.seconds - wanted
            wanted = self.clock.seconds
        if wanted - self.clock.seconds > GAP_SECONDS and not self.engine.tasks():
            self.clock.jump_to(wanted - 1)
        # A date in an answer is up to a second older than the answer.
        slack = 0 if entry.note.startswith("progress") else DATE_SECONDS
        is_later = wanted > self.clock.seconds + slack and "right after" not in entry.note
        await self.clock.advance_to(wanted if is_later else self.clock.seconds + STEP_SECONDS)

    async def _do_as_the_program(self, entry: Entry) -> None:
        """Run what the recorded command-line program ran; its own requests were not recorded."""
        words = entry.raw.get("argv") or []
        if "run" not in words:
            return
        name = words[words.index("run") + 1]
        for backup in self.engine.backups.values():
            if backup.name == name:
                self.engine.enqueue("Backup", backup.backup_id)
                await self._finish_all()

    async def _restart_where_recorded(self, entry: Entry) -> None:
        if entry.file == "restart" and entry.note in {"token after restart", "pause survives"}:
            await self.engine.restart(kill=entry.note == "token after restart")
            await self.clock.advance_to(self.clock.seconds + 1)

    async def _listen(self, entry: Entry) -> None:
        """Follow a run on the socket where the recorder did, from just before it is asked for."""
        if entry.file != "websocket" or not entry.path.endswith("/run"):
            return
        following = next(item for item in read_file(self.release, entry.file) if item.seq == entry.seq + 1)
        self._listener = Listener(self._notifications, await self._token())
        self._listener.begin(following)

    def _compare_messages(self, entry: Entry) -> None:
        if self._listener is None or not entry.note.startswith("follow"):
            return
        for text in differences_of_messages(entry, self._listener.end()):
            self._note(entry, text)
        self._listener = None
        self.played += 1

    async def _wait_for_task(self, entry: Entry) -> None:
        found = re.fullmatch(r"/api/v1/task/(\d+)", entry.path)
        if not found or entry.note != "task poll changed":
            if entry.note.startswith("follow"):
                await self._finish_all()
            return
        if not isinstance(entry.answer, dict) or entry.answer.get("Status") not in {"Completed", "Failed"}:
            return
        if found[1] not in self.names.tasks and entry.file == "backups":
            # What was accepted against expectation was deleted again.
            self.names.tasks[found[1]] = str(self.engine.enqueue("Delete", list(self.engine.backups)[-1]))
        task = self.engine.task(int(self.names.tasks.get(found[1], "0")))
        if task is None:
            self.found.append(Difference(entry, "the task is unknown"))
            return
        await self._finish(task)
        self._late_seconds = max(0, self.clock.seconds - (entry.at or 0))
        reply = await self._call("GET", f"/api/v1/task/{task.task_id}", None)
        self._compare(entry, reply)

    async def _finish(self, task: Task) -> None:
        end = self.clock.seconds + TASK_SECONDS
        while task.status not in {"Completed", "Failed"} and self.clock.seconds < end:
            await self.clock.advance_to(self.clock.seconds + 0.05)
        # The recorder noticed the end with its next poll, a quarter of a second later on average.
        await self.clock.advance_to(self.clock.seconds + 0.1)

    async def _finish_all(self) -> None:
        for task in self.engine.tasks():
            await self._finish(task)

    async def _ask(self, entry: Entry) -> Reply:
        if entry.note == "state in the run":
            await self.clock.advance_to(self.clock.seconds + 0.1)
        if entry.note == "abort":
            await self.clock.advance_to(self.clock.seconds + 2)
        if entry.note == "it":
            await self.clock.advance_to(self.clock.seconds + 0.5)
        if entry.note in {"command output", "it"}:
            await self._finish_all()
        path = self._path(entry)
        if "/logdata/poll" in path:
            path = re.sub(r"(?<=[?&]id=)[1-9]\d*", str(self._seen_log_id), path)
        path = re.sub(r"(?<=lastEventId=)\d+", str(self._seen_event_id), path)
        if "token=<jwt" in path:
            path = re.sub(r"<jwt-\d+>", await self._export_token(), path)
        body = entry.raw["request"].get("body")
        return await self._call(entry.method or "GET", path, self._sent(body), self._waits(entry))

    def _path(self, entry: Entry) -> str:
        path = entry.path.replace(quote(RECORDED_ROOT), quote(str(self.stage.root)))
        return self.names.text(self.names.path(path))

    def _sent(self, body: Any) -> bytes:
        if body is None:
            return b""
        if isinstance(body, dict) and isinstance(body.get("config"), str):
            body = body | {"config": self._config(body["config"])}
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        text = self.names.text(text.replace(RECORDED_ROOT, str(self.stage.root)))
        text = re.sub(
            r'("BackupId": ")(\d+)', lambda found: found[1] + self.names.backups.get(found[2], found[2]), text
        )
        if '"--throttle' in text:
            # The stage is a tenth of the recorded one, and so are volumes and (a little less) speeds.
            for recorded, ours in (('"1mb"', f'"{self._upload_speed}"'), ('"2mb"', '"194kb"'), ('"10mb"', '"1mb"')):
                text = text.replace(recorded, ours)
        return text.encode()

    def _config(self, config: str) -> str:
        """Return an exported file as the sandbox would have exported it."""
        try:
            content = base64.b64decode(config, validate=True)
        except binascii.Error:
            return config
        if content.startswith(b"AES"):
            content = self._sealed_export
        # The folder's name was not scrubbed inside the encoded file.
        root = str(self.stage.root).encode()
        return base64.b64encode(re.sub(rb"/srv/rec-[\d.]+", root, content)).decode()

    @staticmethod
    def _waits(entry: Entry) -> bool:
        return "longpoll=true" in entry.path and (entry.raw.get("ms") or 0) > 500

    async def _call(self, method: str, path: str, body: bytes | None, waits: bool = False) -> Reply:
        bare, _, query = path.partition("?")
        headers = await self._headers()
        names = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
        call = Call(method, bare, names, headers, body or b"", HOST)
        asking = asyncio.ensure_future(self._gate(call))
        for _ in range(80_000):
            await asyncio.sleep(0)
            if asking.done():
                break
            await self.clock.advance_to(self.clock.seconds + (0.1 if waits else STEP_SECONDS))
        reply = asking.result()
        assert isinstance(reply, Reply)
        return reply

    async def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {await self._token()}", "content-type": "application/json"}

    async def _token(self) -> str:
        if self.clock.seconds >= self._renew_at:
            body = json.dumps({"Password": PASSWORD, "RememberMe": True}).encode()
            call = Call("POST", "/api/v1/auth/login", {}, {"content-type": "application/json"}, body, HOST)
            reply = await self._gate(call)
            assert isinstance(reply, Reply)
            self._access_token = json.loads(reply.body)["AccessToken"]
            self._renew_at = self.clock.seconds + 600
        return self._access_token

    async def _export_token(self) -> str:
        reply = await self._call("POST", "/api/v1/auth/issuetoken/export", b"")
        return json.loads(reply.body)["Token"]

    # Comparing

    def _compare(self, entry: Entry, reply: Reply) -> None:
        recorded = entry.raw.get("response") or {
            "status": entry.status or 200,
            "headers": [],
            "body": {"json": entry.answer},
        }
        if reply.status != recorded["status"]:
            self._note(entry, f"status: {recorded['status']} recorded, {reply.status} here: {reply.body[:200]!r}")
            return
        self._compare_headers(entry, recorded, reply)
        content = recorded.get("body") or {}
        if entry.note == "export encrypted":
            self._sealed_export = reply.body
        if "json" in content:
            ours = self._decoded(reply)
            if isinstance(ours, dict) and "LastEventID" in ours:
                self._seen_event_id = ours["LastEventID"]
            if "/logdata/poll" in entry.path and ours:
                self._seen_log_id = ours[-1]["ID"]
            self.names.learn(entry, ours)
            last = entry.path.partition("?")[0].rpartition("/")[2]
            name = "server-log" if "/logdata/log" in entry.path else last
            for text in differences(self.names.value(content["json"]), ours, "." + name):
                self._note(entry, text)
        elif content.get("length") == 0 and reply.body:
            self._note(entry, f"empty recorded, {len(reply.body)} bytes here")
        elif content.get("length") and not reply.body:
            self._note(entry, f"{content['length']} bytes recorded, empty here")

    def _decoded(self, reply: Reply) -> Any:
        text = reply.body.decode("utf-8-sig").replace(str(self.stage.root), RECORDED_ROOT)
        try:
            return json.loads(text)
        except ValueError:
            return text

    def _compare_headers(self, entry: Entry, recorded: dict[str, Any], reply: Reply) -> None:
        wanted = {name.lower(): value for name, value in recorded["headers"]}
        given = {name.lower(): value for name, value in reply.headers}
        for name in ("content-type", "content-disposition", "cache-control"):
            if entry.is_exchange and wanted.get(name) != given.get(name):
                self._note(entry, f"header {name}: {wanted.get(name)} recorded, {given.get(name)} here")

    def _note(self, entry: Entry, text: str) -> None:
        self.found.append(Difference(entry, unquote(text)))


def _creates(entry: Entry) -> bool:
    is_creation = entry.method == "POST" and entry.path == "/api/v1/backups" and entry.status == 200
    return is_creation and isinstance(entry.raw["request"]["body"], dict)


def _first_moment(release: str) -> float:
    first = "backups" if "backups" in files(release) else "configuring-backups"
    return min(entry.at for entry in read_file(release, first) if entry.at)
