"""The legacy API's view of the server itself: settings, system information, file system, destinations, help."""

from __future__ import annotations

import json
import os
import platform
import re
from typing import TYPE_CHECKING, Any

from ..clock import with_offset
from ..engine.destination import Destination, folder_of
from ..engine.failures import OperationFailed
from ..engine.logs import LEVELS
from ..engine.option_types import CHOICES, TYPES
from ..engine.settings import SERVER_NAMES, as_text
from ..web.serve import Reply
from .replies import MARK, NOT_CACHED, marked_json, reported, unhandled

if TYPE_CHECKING:
    from .routes import Ask, Module

# Names in the order in which the server shows them, with the values of one that was never configured.
SETTINGS = {
    "startup-delay": "", "max-download-speed": "", "max-upload-speed": "", "thread-priority": "",
    "last-webserver-port": "", "is-first-run": "", "server-port-changed": "True", "server-passphrase": "",
    "server-passphrase-salt": "", "server-passphrase-trayicon": "", "server-passphrase-trayicon-hash": "",
    "last-update-check": "", "update-check-interval": "", "update-check-latest": "", "unacked-error": "",
    "unacked-warning": "", "server-listen-interface": "loopback", "server-ssl-certificate": "False",
    "has-fixed-invalid-backup-id": "True", "update-channel": "", "usage-reporter-level": "",
    "has-asked-for-password-protection": "", "disable-tray-icon-login": "", "allowed-hostnames": "",
}  # fmt: skip
PROPERTY_NAMES = {
    "StartupDelayDuration": "startup-delay",
    "DownloadSpeedLimit": "max-download-speed",
    "UploadSpeedLimit": "max-upload-speed",
    "LastWebserverPort": "last-webserver-port",
    "UpdateChannel": "update-channel",
    "AllowedHostnames": "allowed-hostnames",
}
TAGS = (
    "zip", "7z", "aes", "gpg", "file", "console-password-input", "mssql-options", "hyperv-options", "http-options",
    "sendhttp", "runscript", "check-mono-ssl",
)  # fmt: skip
# One text is enough to show that a text is nothing to rely on (2.0.8.1 language:787, 791).
FOLDER_EXISTS = {
    "en": "The folder cannot be created because it already exists",
    "de": "Ordner kann nicht erstellt werden, weil dieser bereits existiert",
}
DEFAULTS: dict[str, Any] = {
    "ApplicationOptions": [],
    "Backup": {
        "Settings": [
            {"Name": "encryption-module", "Value": "aes"},
            {"Name": "compression-module", "Value": "zip"},
            {"Name": "dblock-size", "Value": "50mb"},
            {"Name": "keep-time", "Value": ""},
        ]
    },
    "Schedule": {
        "Repeat": "1D",
        "Time": "13:00:00",
        "AllowedDays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    },
}
WEB_MODULE = {
    "Key": "check-mono-ssl",
    "DisplayName": "Check for SSL certificates",
    "Description": "Tells whether certificates are installed",
    "LoadAsDefault": True,
    "SupportedCommands": None,
}


def _option(name: str, kind: str, default: str) -> dict[str, Any]:
    return {
        "Name": name,
        "Aliases": None,
        "Type": kind,
        "ValidValues": list(CHOICES[name]) if name in CHOICES else None,
        "ShortDescription": name.replace("-", " ").capitalize(),
        "LongDescription": "",
        "DefaultValue": default,
        "Deprecated": False,
        "DeprecationMessage": "",
        "Typename": kind,
    }


_DEFAULTS = {"dblock-size": "50mb", "blocksize": "100kb", "keep-versions": "0", "throttle-upload": "0kb"}
OPTIONS = [
    _option("passphrase", "Password", ""),
    *(_option(name, kind, _DEFAULTS.get(name, "")) for name, kind in TYPES.items()),
]


def _modules(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"Key": key, "Description": name, "DisplayName": name, "Options": []} for key, name in pairs]


async def tell_system(ask: Ask) -> Reply:
    """Answer `systeminfo`, with fewer options and modules than a real server has."""
    release = ask.engine.release
    home = os.path.expanduser("~")
    invariant = "Invariant Language (Invariant Country)"
    return marked_json(
        {
            "APIVersion": 1,
            "PasswordPlaceholder": "*" * 10,
            "ServerVersion": release.version,
            "ServerVersionName": f" - {release.dated_name}",
            "ServerVersionType": release.channel.lower(),
            "StartedBy": "Server",
            "BaseVersionName": release.dated_name,
            "DefaultUpdateChannel": release.channel,
            "DefaultUsageReportLevel": "Disabled",
            "ServerTime": with_offset(ask.engine.clock.now()),
            "OSType": "Linux",
            "DirectorySeparator": "/",
            "PathSeparator": ":",
            "CaseSensitiveFilesystem": True,
            "MonoVersion": "6.8.0.105",
            "MachineName": platform.node(),
            "UserName": "sandbox",
            "NewLine": "\n",
            "CLRVersion": "4.0.30319.42000",
            "CLROSInfo": {"Platform": "Unix", "ServicePack": "", "Version": "6.1", "VersionString": "Unix 6.1"},
            "Options": OPTIONS,
            "CompressionModules": _modules(("zip", "Zip compression")),
            "EncryptionModules": _modules(("aes", "AES-256 encryption, built in")),
            "BackendModules": _modules(("file", "Local folder or drive")),
            "GenericModules": _modules(("runscript", "Run script")),
            "WebModules": _modules(("check-mono-ssl", "Check for SSL certificates")),
            "ConnectionModules": _modules(("http-options", "Configure http requests")),
            "ServerModules": [],
            "UsingAlternateUpdateURLs": False,
            "LogLevels": LEVELS,
            "SpecialFolders": [{"ID": "%MY_DOCUMENTS%", "Path": home}, {"ID": "%HOME%", "Path": home}],
            "BrowserLocale": {"Code": "", "EnglishName": invariant, "DisplayName": invariant},
            "SupportedLocales": [{"Code": "en", "EnglishName": "English", "DisplayName": "English"}],
            "BrowserLocaleSupported": False,
        }
    )


async def list_settings(ask: Ask) -> Reply:
    """Answer `serversettings`: everything, the password's hash and salt too (2.0.8.1 no-password:818)."""
    values = ask.engine.settings.values
    shown = {name: values.get(name) or default for name, default in SETTINGS.items()}
    others = {name: value for name, value in values.items() if name not in SETTINGS and name not in SERVER_NAMES}
    return marked_json(shown | others)


async def change_settings(ask: Ask) -> Reply:
    """Store settings, whatever their names (2.0.8.1 reading-the-server:90-93)."""
    if not ask.data:
        return reported(400, "Missing data object")
    for name, value in json.loads(ask.data).items():
        ask.engine.settings.set(name, as_text(value))
    ask.engine.events.count("serversettings")
    return marked_json({"Status": "OK"})


async def get_setting(ask: Ask) -> Reply:
    """Answer `serversetting/{key}`, by the name of a property (2.0.8.1 reading-the-server:95, 96)."""
    name = PROPERTY_NAMES.get(ask.key(0))
    if name is None:
        return reported(404, "Not found")
    return marked_json(ask.engine.settings.get(name) or "")


async def put_setting(ask: Ask) -> Reply:
    """Store one setting."""
    name = PROPERTY_NAMES.get(ask.key(0))
    if name is None:
        return reported(404, "Not found")
    ask.engine.settings.set(name, ask.data)
    ask.engine.events.count("serversettings")
    return marked_json({"Status": "OK"})


async def read_ui_settings(ask: Ask) -> Reply:
    """Answer `uisettings`, or one scheme of it."""
    schemes = ask.engine.ui_settings
    return marked_json(schemes.get(ask.key(0), {}) if ask.key(0) else list(schemes))


async def write_ui_settings(ask: Ask) -> Reply:
    """Replace (POST) or extend (PATCH) a scheme."""
    values = {str(name): str(value) for name, value in json.loads(ask.data).items()}
    old = ask.engine.ui_settings.get(ask.key(0), {}) if ask.verb == "PATCH" else {}
    ask.engine.ui_settings[ask.key(0)] = old | values
    return marked_json({"Status": "OK"})


async def read_folder(ask: Ask) -> Reply:
    """Answer `filesystem`: what is in a folder, or whether a path is there (2.0.8.1 reading-the-server:101-107)."""
    path = ask.form.get("path") or ""
    if not path:
        return reported(400, "No path parameter was found")
    if not path.startswith("/"):
        return reported(400, "The path parameter must start with a forward-slash")
    if ask.key(0).lower() == "validate":
        is_there = os.path.exists(path)
        return marked_json({"Status": "OK"}) if is_there else reported(404, "File or folder not found")
    if not os.path.isdir(path):
        text = f"Failed to process the path: Could not find a part of the path '{path.rstrip('/')}'."
        return reported(500, text)
    nodes = [_show_node(entry) for entry in sorted(os.scandir(path), key=lambda entry: (entry.is_file(), entry.name))]
    if ask.form.get("onlyfolders", "").lower() == "true":
        nodes = [node for node in nodes if not node["leaf"]]
    return marked_json(nodes)


def _show_node(entry: os.DirEntry[str]) -> dict[str, Any]:
    is_folder = entry.is_dir()
    return {
        "text": entry.name,
        "id": entry.path + ("/" if is_folder else ""),
        "cls": "folder",
        "iconCls": "x-tree-icon-parent" if is_folder else "x-tree-icon-leaf",
        "check": False,
        "leaf": not is_folder,
        "resolvedpath": None,
        "hidden": entry.name.startswith("."),
        "symlink": entry.is_symlink(),
    }


async def operate_remotely(ask: Ask) -> Reply:
    """Answer `remoteoperation` (2.0.8.1 reading-the-server:108-115)."""
    action, url = ask.key(0).lower(), ask.call.body.decode("utf-8", "replace").strip()
    if not action:
        return reported(400, "No url or operation supplied")
    if action not in {"test", "create", "list", "dbpath"}:
        return reported(400, "No such method")
    if action == "dbpath":
        paths = [backup.db_path for backup in ask.engine.backups.values() if backup.target_url == url]
        return marked_json({"Exists": bool(paths), "Path": paths[0] if paths else None})
    folder = folder_of(url)
    if folder is None:
        return unhandled("Object reference not set to an instance of an object", "NullReferenceException")
    creates = ask.form.get("autocreate", "").lower() == "true"
    return _use_folder(action, url, folder, creates=creates, language=ask.engine.language)


def _use_folder(action: str, url: str, folder: str, *, creates: bool, language: str) -> Reply:
    is_there = os.path.isdir(folder)
    if action == "create":
        if is_there:
            return unhandled(FOLDER_EXISTS.get(language[:2], FOLDER_EXISTS["en"]), "FolderAreadyExistedException")
        os.makedirs(folder)
    elif not is_there:
        if not creates:
            return reported(500, "missing-folder")
        os.makedirs(folder)
    if action != "list":
        return marked_json({"Status": "OK"})
    try:
        return marked_json([item.as_dict() for item in Destination(url).files()])
    except OperationFailed as failure:
        return unhandled(failure.message, failure.kind.rpartition(".")[2])


async def tell_bug_report(ask: Ask) -> Reply:
    """Answer `bugreport/{id}`."""
    report = ask.engine.reports.get(ask.key(0))
    if report is None:
        return reported(404, "Invalid or missing bugreport id")
    disposition = ("Content-Disposition", "attachment; filename=bugreport.zip")
    return Reply(200, (NOT_CACHED, disposition, ("Content-Type", "application/octet-stream")), report)


async def show_help(ask: Ask) -> Reply:
    """Answer `help` with a page of HTML."""
    text = f"<html><head><title>API</title></head><body><p>{re.sub('[^a-z]', '', ask.key(0).lower())}</p></body></html>"
    return Reply(200, (NOT_CACHED, ("Content-Type", "text/html")), MARK + text.encode())


def _fixed(value: object) -> Module:
    async def answer(ask: Ask) -> Reply:
        return marked_json(value)

    return answer


MODULES: dict[str, dict[str, Module]] = {
    "systeminfo": {"GET": tell_system},
    "systemwidesettings": {"GET": _fixed(OPTIONS)},
    "serversettings": {"GET": list_settings, "PATCH": change_settings},
    "serversetting": {"GET": get_setting, "PUT": put_setting},
    "uisettings": {"GET": read_ui_settings, "POST": write_ui_settings, "PATCH": write_ui_settings},
    "filesystem": {"GET": read_folder, "POST": read_folder},
    "remoteoperation": {"GET": operate_remotely, "POST": operate_remotely},
    "bugreport": {"GET": tell_bug_report},
    "help": {"GET": show_help},
    "backupdefaults": {"GET": _fixed({"success": True, "data": DEFAULTS})},
    "tags": {"GET": _fixed(TAGS)},
    "webmodules": {"GET": _fixed([WEB_MODULE])},
    "webmodule": {"POST": _fixed({"Status": "OK", "Result": {}})},
    "hyperv": {"GET": _fixed([])},
    "mssql": {"GET": _fixed([])},
    "licenses": {"GET": _fixed([])},
    "acknowledgements": {"GET": _fixed({"Status": "OK", "Acknowledgements": ""})},
    "changelog": {"GET": _fixed({"Status": "OK", "Version": "2.0.8.1", "Changelog": ""})},
    "updates": {"POST": _fixed({"Status": "OK"})},
}
