"""Plays the recordings of the legacy server behind its login, which has tests of its own."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from comparison import differences
from legacy_stage import LegacyStage
from player import DATE_SECONDS, Difference, Player
from stage import RECORDED_ROOT

from duplicati_client.sandbox.legacy import routes as legacy
from duplicati_client.sandbox.web.serve import Call, Reply, Upgrade
from recordings import Entry

FILES = (
    "configuring-backups",
    "run-outcomes",
    "slow-run-and-queue",
    "stop-and-abort",
    "pause-and-resume",
    "long-poll",
    "schedule",
    "contents-and-restore",
    "maintenance",
    "export-and-import",
    "deleting",
    "restart-in-mid-run",
    "language",
    "restart-while-paused",
)
# Of these only the ends of runs were waited for; how they got there is compared in the others.
WITHOUT_POLLS = frozenset(FILES[:4])
AFTER_THE_END = frozenset({433, 454, 455, 482, 483})
# What the access checks answered, which are in front of what is played here.
OF_ACCESS = frozenset({662, 715, 760, 761})
KILLED_BEFORE = frozenset({762})
# The recorder ended the server before these, or (787, 831) between two recordings.
RESTARTED_BEFORE = frozenset({784, 787, 831, 835, 841})
# The recorder had removed all notifications before these.
DISMISSED_BEFORE = frozenset({664})
# Before these the recorder waited for the end of what ran.
WAITING = re.compile(
    r"(task|progress|state) afterwards|state before|.*(: (get|notifications|filesets|row)|newest log row)$|.*output$"
)
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 60
SEALED = {"import sealed, wrong passphrase": "no seal", "import sealed, right passphrase": "seal"}


class LegacyPlayer(Player):
    """A player for 2.0.8.1."""

    def __init__(self, root: Path) -> None:
        super().__init__("2.0.8.1", root)
        self._world = LegacyStage(root)
        self._content_type = ""
        self._languages: dict[str, str] = {}
        self._recorded_event_id = 0

    def _files(self) -> list[str]:
        return list(FILES)

    def _build_gate(self) -> Callable[[Call], Awaitable[Reply | Upgrade]]:
        return legacy.Face(self.engine)

    async def _headers(self) -> dict[str, str]:
        return {"content-type": self._content_type} | self._languages

    async def _play_entry(self, entry: Entry) -> None:
        await self._do_before(entry)
        if entry.note.endswith("newest log row"):
            self._compare_row(entry)
        elif entry.raw.get("note") in SEALED:
            await self._import_sealed(entry)
        elif "files" in entry.raw:
            self._compare_files(entry)
        elif entry.is_exchange:
            await self._exchange(entry)
        elif entry.note.endswith(" changed") and entry.file not in WITHOUT_POLLS:
            await self._poll(entry)

    async def _do_before(self, entry: Entry) -> None:
        if WAITING.fullmatch(entry.note) or entry.file == "configuring-backups" or entry.seq in AFTER_THE_END:
            await self._finish_all()
        if entry.seq in KILLED_BEFORE | RESTARTED_BEFORE:
            await self.engine.restart(kill=entry.seq in KILLED_BEFORE)
            self._gate = self._build_gate()
            self.clock.jump_to((entry.at or 0) + self._late_seconds)
        if entry.note.endswith("the time has come"):
            await self.clock.advance_to(self.clock.seconds + DATE_SECONDS)
        if entry.seq in DISMISSED_BEFORE:
            for notice in list(self.engine.notices.items):
                self.engine.dismiss(notice["ID"])

    async def _exchange(self, entry: Entry) -> None:
        if "response" not in entry.raw or entry.seq in OF_ACCESS:
            return
        headers = {name.lower(): value for name, value in entry.raw["request"]["headers"].items()}
        self._content_type = headers.get("content-type", "")
        self._languages = {name: value for name, value in headers.items() if name.endswith("-language")}
        self._world.prepare(entry.file, entry.note)
        await super()._play_entry(entry)

    async def _poll(self, entry: Entry) -> None:
        """Wait until the sandbox is where the recorded server was, and compare how it shows that."""
        end = self.clock.seconds + PATIENCE_SECONDS
        while True:
            reply = await self._call("GET", self.names.path(entry.path), b"")
            if _shows(self._decoded(reply), entry.answer) or self.clock.seconds > end:
                break
            await self.clock.advance_to(self.clock.seconds + POLL_SECONDS)
        self._late_seconds = max(0, self.clock.seconds - (entry.at or 0))
        self._compare(entry, reply)
        self.played += 1

    # Sending

    async def _import_sealed(self, entry: Entry) -> None:
        fields = {"callback": b"back", "direct": b"true", "passphrase": SEALED[entry.note].encode()}
        fields["config"] = self._sealed_export
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value
            for name, value in fields.items()
        ]
        self._content_type = "multipart/form-data; boundary=x"
        reply = await self._call("POST", entry.path, b"\r\n".join([*parts, b"--x--\r\n"]))
        recorded = entry.raw["text"]
        if (reply.status, reply.body.decode()) != (entry.status, recorded):
            self._note(entry, f"{entry.status} {recorded} recorded, {reply.status} {reply.body.decode()} here")
        self.played += 1

    def _path(self, entry: Entry) -> str:
        path = super()._path(entry)
        path = path.replace(quote(RECORDED_ROOT, safe=""), quote(str(self.stage.root), safe=""))
        found = re.search(r"(?<=lasteventid=)\d+", path)
        if found is None:
            return path
        # An older or a later number than the recorded one is so here too.
        number = self._seen_event_id + int(found[0]) - self._recorded_event_id
        return path[: found.start()] + str(number) + path[found.end() :]

    def _sent(self, body: Any) -> bytes:
        if not isinstance(body, str):
            return self._timely(super()._sent(body).decode()).encode()
        root = str(self.stage.root)
        if body.startswith("b'"):
            return ast.literal_eval(body).replace(RECORDED_ROOT.encode(), root.encode())
        if body.startswith("data="):
            return urlencode({"data": self._timely(parse_qs(body)["data"][0].replace(RECORDED_ROOT, root))}).encode()
        body = body.replace(RECORDED_ROOT, root).replace(quote(RECORDED_ROOT, safe=""), quote(root, safe=""))
        return self.names.text(body).encode()

    def _timely(self, text: str) -> str:
        """Put off schedules by as much as the sandbox is behind the recording."""

        def put_off(found: re.Match[str]) -> str:
            if found[2] in self.names.moments.values():
                return found[0]
            return (
                found[1] + (datetime.fromisoformat(found[2]) + timedelta(seconds=self._late_seconds)).isoformat()[:19]
            )

        return re.sub(r'("Time": ")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)', put_off, text)

    # Comparing

    def _compare(self, entry: Entry, reply: Reply) -> None:
        if entry.note == "export sealed":
            self._sealed_export = reply.body
        super()._compare(entry, reply)
        if isinstance(entry.answer, dict) and "LastEventID" in entry.answer:
            self._recorded_event_id = entry.answer["LastEventID"]

    def _compare_row(self, entry: Entry) -> None:
        found = re.search(r"/backup/(\d+)/", entry.path)
        rows = self.engine.log_rows(self.names.backups[found[1] if found else ""], 10)
        # The legacy server shows no exception as null, which is the face's work.
        ours = rows[0] | {"Exception": rows[0]["Exception"] or None} if rows else None
        for text in differences(entry.raw["json_newest"][0], ours, ".row"):
            self.found.append(Difference(entry, text))
        if entry.file not in WITHOUT_POLLS:
            numbers = [row["OperationID"] for row in rows][: len(entry.raw["rows"])]
            if len(numbers) != len(entry.raw["rows"]):
                self._note(entry, f"{len(entry.raw['rows'])} rows recorded, {len(numbers)} here")

    def _compare_files(self, entry: Entry) -> None:
        ours = self._world.files_in("restored")
        if ours != sorted(entry.raw["files"]):
            self._note(entry, f"{json.dumps(sorted(entry.raw['files']))} recorded, {json.dumps(ours)} here")


def _shows(ours: Any, recorded: Any) -> bool:
    """Say whether an answer to a poll tells the same as the recorded one, numbers left aside."""
    return _told(ours) == _told(recorded)


def _told(answer: Any) -> tuple[Any, ...]:
    if not isinstance(answer, dict):
        return ()
    waiting = len(answer.get("SchedulerQueueIds") or ())
    told = (answer.get(name) for name in ("ProgramState", "Phase", "Status", "SuggestedStatusIcon"))
    return *told, answer.get("ActiveTask") is None, waiting
