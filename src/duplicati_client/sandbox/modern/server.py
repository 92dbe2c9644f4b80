"""The modern API's endpoints for the server itself: settings, information, command line, texts, remote control."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from ..engine import systeminfo
from ..engine.failures import BadBinding, Refused
from ..engine.settings import as_text
from ..web.serve import Call, Reply, empty_reply, json_reply, read_json, text_reply
from . import places
from .api import Answer, number, page_size

if TYPE_CHECKING:
    from ..engine.engine import Engine

_NO_REMOTE_CONTROL = {
    "CanEnable": False,
    "IsEnabled": False,
    "IsConnected": False,
    "IsRegistering": False,
    "IsRegisteringFaulted": False,
    "IsRegisteringCompleted": False,
    "RegistrationUrl": None,
}


def answers(engine: Engine) -> dict[tuple[str, str], Answer]:
    """Return the V1 answers by verb and path."""
    settings, server = Settings(engine), Server(engine)
    table: dict[tuple[str, str], Answer] = {
        ("GET", "serversettings"): settings.all,
        ("PATCH", "serversettings"): settings.patch,
        ("GET", "serversetting/{key}"): settings.one,
        ("PUT", "serversetting/{key}"): settings.put,
        ("GET", "uisettings"): settings.schemes,
        ("GET", "uisettings/{scheme}"): settings.scheme,
        ("PATCH", "uisettings/{scheme}"): settings.patch_scheme,
        ("GET", "systeminfo"): server.info,
        ("GET", "systeminfo/filtergroups"): server.filter_groups,
        ("GET", "webmodules"): server.web_modules,
        ("GET", "commandline"): server.commands,
        ("POST", "commandline"): server.run_command,
        ("GET", "commandline/{runid}"): server.command_output,
        ("GET", "changelog"): server.changelog,
        ("GET", "licenses"): server.licences,
        ("GET", "acknowledgements"): server.acknowledgements,
        ("POST", "updates/check"): server.check_updates,
        ("GET", "remotecontrol/status"): server.remote_control,
        ("GET", "bugreport/{id}"): server.bug_report,
    }
    return table | places.answers(engine)


def v2_answers(engine: Engine) -> dict[tuple[str, str], Answer]:
    """Return the V2 answers by verb and path."""
    return places.v2_answers(engine)


def _dashed(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


class Settings:
    """Endpoints for server settings and the free store of the web pages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = engine.settings
        self._release = engine.release

    async def all(self, call: Call) -> Reply:
        """Answer `serversettings`."""
        shown = self._store.shown()
        has = self._engine.notices.has
        marks = {"unacked-error": has("Error"), "unacked-warning": has("Warning")}
        return json_reply(shown | {name: "True" if is_on else "" for name, is_on in marks.items()})

    async def patch(self, call: Call) -> Reply:
        """Answer `PATCH serversettings`: protected names are dropped in silence."""
        value = read_json(call)
        if not isinstance(value, dict):
            raise BadBinding
        for name, item in value.items():
            if isinstance(item, (dict, list)):
                raise BadBinding
            if name == "server-passphrase":
                self._engine.password = as_text(item) or ""
            elif name not in self._store.protected:
                self._store.set(name, as_text(item))
        self._engine.events.count("serversettings")
        return empty_reply()

    def _known_name(self, key: str) -> str | None:
        if key.startswith("--"):
            return key
        if self._release.uses_property_names:
            return _dashed(key) if key[:1].isupper() and _dashed(key) in self._store.names else None
        is_stored = self._release.accepts_unknown_settings and self._store.get(key) is not None
        return key if key in self._store.names or is_stored else None

    async def one(self, call: Call) -> Reply:
        """Answer `GET serversetting/{key}`: bare text, `null` when it is not set."""
        key = call.parts["key"]
        name = None if key in self._store.hidden else self._known_name(key)
        if name is None:
            raise Refused(404, "Key not found")
        value = self._store.get(name)
        return json_reply(None) if value is None else text_reply(value)

    async def put(self, call: Call) -> Reply:
        """Answer `PUT serversetting/{key}`."""
        value = read_json(call)
        if not isinstance(value, str):
            raise BadBinding
        key = call.parts["key"]
        if key in self._store.protected:
            raise Refused(400, f"Cannot update {key} setting")
        if self._known_name(key) is None and not self._release.accepts_unknown_settings:
            raise Refused(404, "Key not found")
        # Where names are those of properties, the value is stored under that name too, without effect.
        self._store.set(key, value)
        self._engine.events.count("serversettings")
        return empty_reply()

    async def schemes(self, call: Call) -> Reply:
        """Answer `uisettings`."""
        return json_reply(list(self._engine.ui_settings))

    async def scheme(self, call: Call) -> Reply:
        """Answer `uisettings/{scheme}`."""
        return json_reply(self._engine.ui_settings.get(call.parts["scheme"], {}))

    async def patch_scheme(self, call: Call) -> Reply:
        """Answer `PATCH uisettings/{scheme}`."""
        value = read_json(call)
        if not isinstance(value, dict):
            raise BadBinding
        scheme = self._engine.ui_settings.setdefault(call.parts["scheme"], {})
        for name, text in value.items():
            if text is None:
                scheme.pop(name, None)
            elif isinstance(text, str):
                scheme[name] = text
            else:
                raise BadBinding
        return empty_reply()


class Server:
    """Endpoints that tell of the server, and its command line."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._runs: dict[str, dict[str, Any]] = {}

    async def info(self, call: Call) -> Reply:
        """Answer `systeminfo`."""
        return json_reply(systeminfo.system_info(self._engine.release, self._engine.clock.now()))

    async def filter_groups(self, call: Call) -> Reply:
        """Answer `systeminfo/filtergroups`."""
        return json_reply(systeminfo.filter_groups())

    async def web_modules(self, call: Call) -> Reply:
        """Answer `webmodules`."""
        return json_reply(systeminfo.web_modules())

    async def commands(self, call: Call) -> Reply:
        """Answer `commandline`."""
        return json_reply(systeminfo.command_names(self._engine.release))

    async def run_command(self, call: Call) -> Reply:
        """Answer `POST commandline`: queue a command."""
        value = read_json(call)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadBinding
        if not value:
            raise Refused(400, "No arguments provided")
        if value[0] not in systeminfo.command_names(self._engine.release):
            raise Refused(400, "Command not supported")
        run_id = str(uuid.uuid4())
        run = {"arguments": value, "lines": []}
        task = self._engine.task(self._engine.enqueue("CommandLine", None, options=run))
        self._runs[run_id] = task.options if task else run
        return json_reply({"Status": "OK", "ID": run_id})

    async def command_output(self, call: Call) -> Reply:
        """Answer `commandline/{runid}`; here `offset` counts lines."""
        run = self._runs.get(call.parts["runid"])
        if run is None:
            raise Refused(404, "Command not found")
        offset, size = number(call, "offset") or 0, page_size(call)
        value = {
            "Pagesize": size,
            "Offset": offset,
            "Count": len(run["lines"]),
            "Items": run["lines"][offset : offset + size],
            "Finished": bool(run.get("is_finished")),
            "Started": bool(run.get("is_started")),
        }
        return json_reply(value)

    async def changelog(self, call: Call) -> Reply:
        """Answer `changelog`."""
        if call.query.get("from-update", "").lower() == "true":
            raise Refused(404, "No update found")
        version = self._engine.release.version
        return json_reply({"Version": version, "Changelog": f"{version}\n==========\nA sandbox of this release.\n"})

    async def licences(self, call: Call) -> Reply:
        """Answer `licenses`."""
        return json_reply([])

    async def acknowledgements(self, call: Call) -> Reply:
        """Answer `acknowledgements`."""
        return json_reply({"Acknowledgements": ""})

    async def check_updates(self, call: Call) -> Reply:
        """Answer `updates/check`; nothing is ever found."""
        return empty_reply()

    async def remote_control(self, call: Call) -> Reply:
        """Answer `remotecontrol/status`."""
        return json_reply(_NO_REMOTE_CONTROL)

    async def bug_report(self, call: Call) -> Reply:
        """Answer `bugreport/{id}`, a file to keep."""
        content = self._engine.reports.get(call.parts["id"])
        if content is None:
            raise Refused(404, "Invalid or missing bugreport id")
        headers = (
            ("Content-Length", str(len(content))),
            ("Content-Type", "application/octet-stream"),
            ("Content-Disposition", "attachment; filename=bugreport.zip"),
        )
        return Reply(200, headers, content)
