"""Read the old client's parameter file or configuration (`duplicati_client` 0.6) and plan the same login here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import errors
from ..http import parse_url
from .smallfile import read_small_file

_ADDRESS = re.compile(r"(?:(?P<protocol>https?):/*)?(?P<host>[^:/\s]+)(?::(?P<port>\d+))?/?", re.IGNORECASE)
_PORTS = {"http": "8200", "https": "443"}

# Field of the file: what becomes of it here. Told to whoever brings a file, and on the page about the old client.
FIELDS = {
    "url": "the address of the login",
    "server": "protocol, url and port are the address; verify is --insecure or --ca-file",
    "password": "used for this login and not stored; with --keyring it is kept in the system's keyring",
    "certfile": "--ca-file, and remembered",
    "insecure": "--insecure, for this login only; to go on without a trusted certificate, name it with --pin",
    "basic_user": "a header of your own, see --header-file; it needs a server of release 2.0",
    "basic_pass": "a header of your own, see --header-file; it needs a server of release 2.0",
    "authorization": "a header of your own, see --header-file; it needs a server of release 2.0",
    "verbose": "duplicati config set verbose true",
    "output": "duplicati config set output json, or yaml",
    "parameters_file": "read as well",
    "precise": "not needed: --output json has whole times",
    "script": "not needed: nothing asks without a terminal",
    "token": "not taken over: this login makes a session of its own",
    "token_expires": "not taken over",
    "session-auth": "not taken over",
    "nonce": "not taken over",
    "last_login": "not taken over",
}
_SILENT = frozenset({"url", "server", "certfile", "verbose", "output", "parameters_file", "last_login"})


class Plan(NamedTuple):
    """A login, and settings for the configuration. `password` is None if the file has none; it is never printed."""

    url: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    remarks: tuple[str, ...]
    password: str | None

    def commands(self) -> list[str]:
        """Return the commands that do the same, free of secrets."""
        from shlex import quote  # noqa: PLC0415 - once in a lifetime

        words = ["duplicati", "login", self.url]
        words += ["--insecure"] if self.options.get("insecure") else []
        words += ["--ca-file", self.options["ca_file"]] if "ca_file" in self.options else []
        settings = [["duplicati", "config", "set", name, _show(value)] for name, value in self.settings.items()]
        return [" ".join(map(quote, command)) for command in (words, *settings)]


def read_plan(path: str, address: str | None = None) -> Plan:
    """Return the plan that a file makes, for another address if one is given; raises `InvalidValue`."""
    data = _read(path)
    following = data.get("parameters_file")
    remarks: list[str] = []
    if isinstance(following, str) and following:
        if os.path.exists(following):
            data |= _read(following)
        else:
            remarks.append(f"parameters_file: {following} is not there any more")
    for name, value in data.items():
        if name not in FIELDS:
            remarks.append(f"{name}: belongs to single commands, give it there")
        elif name not in _SILENT and value not in (None, "", False):
            remarks.append(f"{name}: {FIELDS[name]}")
    password = data.get("password")
    return Plan(
        parse_url(address or _find_address(data, path)).url,
        _read_options(data),
        _read_settings(data),
        tuple(remarks),
        None if password is None else str(password),
    )


def _read(path: str) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - slow to load

    try:
        data = yaml.safe_load(read_small_file(path))
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise errors.InvalidValue(f"{path} is not valid YAML{where}") from exc  # the text there may be a password
    if not isinstance(data, dict):
        raise errors.InvalidValue(f"{path} holds no parameters", hint="one NAME: VALUE a line is wanted")
    return {str(name) if name == "session-auth" else str(name).replace("-", "_"): value for name, value in data.items()}


def _find_address(data: Mapping[str, Any], path: str) -> str:
    server: Mapping[str, Any] = data["server"] if isinstance(data.get("server"), dict) else {}
    told = _ADDRESS.fullmatch(str(data.get("url") or server.get("url") or "").strip())
    if told is None:
        raise errors.InvalidValue(f"{path} names no server", hint=f"duplicati login URL --params {path}")
    protocol = (told["protocol"] or str(server.get("protocol") or "http")).lower()
    port = told["port"] or str(server.get("port") or "") or _PORTS.get(protocol, "")
    return f"{protocol}://{told['host']}:{port}"


def _read_options(data: Mapping[str, Any]) -> dict[str, Any]:
    server = data.get("server")
    verify = server.get("verify") if isinstance(server, dict) else None
    options: dict[str, Any] = {}
    ca_file = data.get("certfile") or (verify if isinstance(verify, str) else None)
    if ca_file:
        options["ca_file"] = os.path.expanduser(str(ca_file))
    elif data.get("insecure") is True or verify is False:
        options["insecure"] = True
    return options


def _read_settings(data: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if data.get("verbose") is True:
        settings["verbose"] = True
    if str(data.get("output")).lower() in ("json", "yaml"):
        settings["output"] = str(data["output"]).lower()
    return settings


def _show(value: Any) -> str:
    return "true" if value is True else str(value)
