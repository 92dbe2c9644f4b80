"""One backup on a server that stores what is put, masks secrets and puts them back as its release does."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from duplicati_client.http import Request
from duplicati_client.sandbox.engine import masking
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.client import Duplicati
from tests.fakes import FakeTransport, Reply, answer

URL = "http://127.0.0.1:8200"
SECRET_OPTIONS = ("passphrase", "auth-password", "send-mail-password")
OPTIONS = [
    *({"Name": name, "Type": "Password"} for name in SECRET_OPTIONS),
    {"Name": "dblock-size", "Type": "Size", "DefaultValue": "50mb", "ShortDescription": "Limit the size of volumes"},
    {"Name": "keep-versions", "Type": "Integer"},
    {"Name": "keep-time", "Type": "Timespan"},
    {"Name": "no-encryption", "Type": "Boolean"},
    {"Name": "encryption-module", "Type": "String"},
    {"Name": "symlink-policy", "Type": "Enumeration", "ValidValues": ["Store", "Follow", "Ignore"]},
    {"Name": "run-script-before", "Type": "Path", "Aliases": ["before-script"]},
]


class DefinitionServer:
    """`stored` is what the server keeps; `others` are only listed, by id and name.

    `before_write` may refuse a PUT, `before_read` change something behind one's back.
    """

    def __init__(self, definition: Any, release: str = "2.3.1.0") -> None:
        self.stored = copy.deepcopy({"Backup": definition["Backup"], "Schedule": definition.get("Schedule")})
        self.release = release
        self.settings = {"max-upload-speed": "", "update-channel": "", "disable-tray-icon-login": "False"}
        self.is_legacy, self.is_masking = release.startswith("2.0"), release >= "2.3"
        self.writes: list[Any] = []
        self.others: dict[str, str] = {}
        self.drops_settings = False
        self.before_write: Callable[[], Reply | None] = lambda: None
        self.before_read: Callable[[], None] = lambda: None
        self.transport = FakeTransport(self.reply, url=URL)

    @property
    def backup_id(self) -> str:
        return str(self.stored["Backup"]["ID"])

    def connect(self) -> Duplicati:
        store = MemorySessionStore()
        generation = "legacy" if self.is_legacy else "modern"
        store.save(Session(URL, generation, "t", 9e9, refresh_token="r", xsrf_token="x", version=self.release))
        return Duplicati(transport=self.transport, store=store, credentials=Credentials())

    def reply(self, request: Request) -> Reply:
        path = request.path.partition("?")[0].removeprefix("api/v1/")
        if path == "systeminfo":
            return answer(200, {"ServerVersion": self.release, "Options": OPTIONS})
        if path == "backups":
            listed = {self.backup_id: self.stored["Backup"]["Name"], **self.others}
            return answer(200, [{"Backup": {"ID": number, "Name": name}} for number, name in listed.items()])
        if path == "serversettings":
            return self._answer_settings(request)
        assert path == f"backup/{self.backup_id}", path
        if request.method == "PUT":
            return self.before_write() or self._write(json.loads(request.body or b""))
        self.before_read()
        shown = self._show()
        return answer(200, {"success": True, "data": shown} if self.is_legacy else shown)

    def _answer_settings(self, request: Request) -> Reply:
        if request.method == "GET":
            return answer(200, self.settings)
        values = json.loads(request.body or b"")
        self.writes.append(values)
        if self.drops_settings:
            return answer(200)
        self.settings |= {name: value for name, value in values.items() if value is not None}
        for name in [name for name, value in values.items() if value is None]:
            self.settings.pop(name, None)
        return answer(200)

    def _show(self) -> Any:
        shown = copy.deepcopy(self.stored)
        if self.is_masking:
            inner = shown["Backup"]
            inner["Settings"] = masking.mask_settings(inner["Settings"] or [])
            inner["TargetURL"] = masking.mask_url(inner["TargetURL"])
        return {**shown, "DisplayNames": {}}

    def _write(self, body: Any) -> Reply:
        self.writes.append(body)
        inner, before = copy.deepcopy(body["Backup"]), self.stored["Backup"]
        if self.is_masking:
            inner["Settings"] = masking.unmask_settings(inner["Settings"], before["Settings"] or [])
            inner["TargetURL"] = masking.unmask_url(inner["TargetURL"], before["TargetURL"])
            if inner["Settings"] is None or inner["TargetURL"] is None:
                return answer(500, {"Error": "Attempted to save a backup with the password placeholder", "Code": 500})
        if inner["Metadata"] is None:
            inner["Metadata"] = before["Metadata"] if self.release >= "2.2" else {}
        self.stored = {"Backup": inner, "Schedule": body["Schedule"]}
        return answer(200, {"Status": "OK"} if self.is_legacy else b"")


def definition(**members: Any) -> Any:
    """Return a definition with secrets in a setting and in the address of its destination, as a server stores it."""
    settings = {
        "encryption-module": "aes",
        "passphrase": "s3cret phrase",
        "dblock-size": "50mb",
        "--keep-versions": "7",
    }
    filters = [(1, True, "*.txt"), (0, False, "*.tmp")]
    inner = {
        "ID": "3",
        "Name": "Documents",
        "Description": "Letters",
        "Tags": [],
        "DBPath": "/data/ABC.sqlite",
        "TargetURL": "webdav://host.example/folder?auth-username=me&auth-password=s3cret%20pw",
        "Sources": ["/home/me/docs/", "/home/me/photos/"],
        "Settings": [{"Filter": "", "Name": name, "Value": text, "Argument": None} for name, text in settings.items()],
        "Filters": [{"Order": order, "Include": is_in, "Expression": text} for order, is_in, text in filters],
        "Metadata": {"LastBackupDate": "20261124T140630Z"},
        "IsTemporary": False,
    }
    schedule = {
        "ID": 1,
        "Tags": ["ID=3"],
        "Time": "2036-01-01T03:00:00Z",
        "Repeat": "1D",
        "LastRun": "0001-01-01T00:00:00Z",
        "Rule": "AllowedWeekDays=Monday,Friday",
        "AllowedDays": ["mon", "Monday", "fri", "Friday"],
    }
    return {"Backup": {**inner, **members}, "Schedule": schedule}
