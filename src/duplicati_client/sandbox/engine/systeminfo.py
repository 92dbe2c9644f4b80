"""What `systeminfo` tells of a release: versions, capabilities, and a short but plausible list of options."""

from __future__ import annotations

import os
import platform
from datetime import datetime
from typing import Any

from ..clock import with_offset
from ..release import Release
from .known_options import KNOWN
from .logs import LEVELS
from .masking import SECRET_NAMES
from .option_types import CHOICES, TYPES

# name, type, default: enough for clients that look options up; the texts are the sandbox's own.
_OPTIONS = (
    ("dblock-size", "Size", "50mb"),
    ("auto-cleanup", "Boolean", "false"),
    ("time", "DateTime", "now"),
    ("version", "String", ""),
    ("dry-run", "Boolean", "false"),
    ("encryption-module", "Enumeration", "aes"),
    ("compression-module", "Enumeration", "zip"),
    ("no-encryption", "Boolean", "false"),
    ("keep-versions", "Integer", "0"),
    ("keep-time", "Timespan", ""),
    ("retention-policy", "String", ""),
    ("throttle-upload", "Size", "0kb"),
    ("throttle-download", "Size", "0kb"),
    ("number-of-retries", "Integer", "5"),
    ("retry-delay", "Timespan", "10s"),
    ("symlink-policy", "Enumeration", "Store"),
    ("tempdir", "Path", "/tmp"),  # noqa: S108 - only shown
    ("backup-test-samples", "Integer", "1"),
    ("backup-test-percentage", "Decimal", "0.1"),
    ("asynchronous-upload-limit", "Integer", "4"),
    ("run-script-before", "Path", ""),
    ("run-script-before-required", "Path", ""),
    ("run-script-after", "Path", ""),
    ("allow-missing-source", "Boolean", "false"),
    ("upload-unchanged-backups", "Boolean", "false"),
    ("sandbox-run", "Enumeration", "success"),
    ("sandbox-seconds", "Integer", "0"),
)
_ENUMERATIONS = {
    "encryption-module": ["aes"],
    "compression-module": ["zip"],
    "sandbox-run": ["success", "warning", "error", "fatal"],
}
_NO_LICENCE = {
    "IsConfigured": False,
    "IsValid": False,
    "IsInGracePeriod": False,
    "ExpiresAt": None,
    "ExpiresWithGraceAt": None,
    "Features": None,
}
_LOCALE = {
    "Code": "",
    "EnglishName": "Invariant Language (Invariant Country)",
    "DisplayName": "Invariant Language (Invariant Country)",
}


def _option(name: str, kind: str, default: str = "") -> dict[str, Any]:
    return {
        "Aliases": None,
        "LongDescription": f"The option {name}, as the sandbox knows it.",
        "Name": name,
        "ShortDescription": f"Set {name}",
        "Type": kind,
        "ValidValues": _ENUMERATIONS.get(name) or (list(CHOICES[name]) if name in CHOICES else None),
        "DefaultValue": default,
        "Typename": kind,
        "Deprecated": False,
        "DeprecationMessage": "",
    }


def _module(key: str, name: str, options: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Key": key,
        "Description": f"{name}, as far as the sandbox has it.",
        "DisplayName": name,
        "Options": options,
        "Lookups": None,
        "IsDeprecated": False,
        "IsUntested": False,
    }


def _modules(release: Release) -> dict[str, Any]:
    secrets = [_option(name, "Password") for name in sorted(SECRET_NAMES) if name != "passphrase"]
    file = _module("file", "Local folder or drive", [_option("use-move-for-put", "Boolean", "false")])
    scripts = _module("runscript", "Run script", [_option(name, kind, text) for name, kind, text in _OPTIONS[20:23]])
    modules: dict[str, Any] = {
        "CompressionModules": [_module("zip", "ZIP compression", [])],
        "EncryptionModules": [_module("aes", "AES-256 encryption, built in", [])],
        "BackendModules": [file, _module("webdav", "WebDAV", secrets)],
        "GenericModules": [scripts],
        "WebModules": web_modules_of_systeminfo(),
        "ConnectionModules": [],
    }
    if release.has_connection_strings:
        modules |= {"SourceProviderModules": [], "RestoreDestinationProviderModules": []}
    return modules | {"ServerModules": [], "SecretProviderModules": [_module("env", "Environment variables", [])]}


def web_modules_of_systeminfo() -> list[dict[str, Any]]:
    """Return the one web module of the sandbox, as `systeminfo` shows it."""
    return [_module("sandbox-getconfig", "Sandbox configuration", [_option("sandbox-config", "Enumeration", "Speed")])]


def system_info(release: Release, now: datetime) -> dict[str, Any]:
    """Return the `systeminfo` object of a release."""
    info: dict[str, Any] = {
        "APIVersion": 1,
        "PasswordPlaceholder": release.placeholder,
        "ServerVersion": release.version,
        "ServerVersionName": f"{release.version} - {release.dated_name}",
        "ServerVersionType": release.channel,
        "RemoteControlRegistrationUrl": "https://api.duplicati.com/remotecontrol/register",
    }
    if release.has_connection_strings:
        info["RemoteControlDashboardUrl"] = "https://app.duplicati.com/app/machines"
    info |= {
        "StartedBy": "Server",
        "DefaultUpdateChannel": release.channel,
        "DefaultUsageReportLevel": "Disabled",
        "ServerTime": with_offset(now),
    }
    if release.has_v2:
        info["ServerTimeZone"] = "Etc/UTC"
    info |= _platform()
    listed = {name for name, _, _ in _OPTIONS}
    more = [_option(name, kind) for name, kind in TYPES.items() if name in KNOWN and name not in listed]
    info["Options"] = [_option(*item) for item in _OPTIONS] + more + [_option("passphrase", "Password")]
    if release.has_operation_type:
        info["ServerOnlyOptions"] = [_option("store-task-config", "Enumeration", "Auto")]
    return info | _modules(release) | _rest(release)


def _platform() -> dict[str, Any]:
    return {
        "OSType": "Linux",
        "OSVersion": "Duplicati sandbox",
        "DirectorySeparator": "/",
        "PathSeparator": ":",
        "CaseSensitiveFilesystem": True,
        "MachineName": platform.node() or "sandbox",
        "PackageTypeId": "",
        "UserName": "sandbox",
        "NewLine": "\n",
        "CLRVersion": "10.0.0",
    }


def _rest(release: Release) -> dict[str, Any]:
    rest: dict[str, Any] = {
        "UsingAlternateUpdateURLs": False,
        "LogLevels": list(LEVELS),
        "SpecialFolders": [{"ID": "%HOME%", "Path": os.path.expanduser("~")}],
        "BrowserLocale": dict(_LOCALE),
        "SupportedLocales": [{"Code": "en", "EnglishName": "English", "DisplayName": "English"}],
        "BrowserLocaleSupported": False,
    }
    if release.has_v2:
        zone = {"ID": "Etc/UTC", "DisplayName": "(UTC) Coordinated Universal Time", "CurrentUTCOffset": "00:00:00"}
        rest |= {
            "TimeZones": [zone],
            "APIExtensions": list(release.api_extensions or ()),
            "APIScopes": ["*"],
            "DefaultOAuthURL": "https://duplicati-oauth-handler.appspot.com/refresh",
            "DefaultOAuthURLv2": "https://oauth-service.duplicati.com/refresh",
        }
    if release.has_connection_strings:
        rest |= {
            "PowerModeProviders": ["", "None"],
            "LocalLicenseStatus": dict(_NO_LICENCE),
            "RemoteLicenseStatus": dict(_NO_LICENCE),
        }
    return rest


def web_modules() -> list[dict[str, Any]]:
    """Return what `webmodules` answers."""
    return [
        {
            "Key": module["Key"],
            "DisplayName": module["DisplayName"],
            "Description": module["Description"],
            "SupportedCommands": module["Options"],
        }
        for module in web_modules_of_systeminfo()
    ]


_GROUPS: dict[str, list[str]] = {
    "SystemFiles": ["/dev/", "/proc/", "/selinux/", "/sys/"],
    "OperatingSystem": ["/bin/", "/boot/", "/etc/", "/initrd/", "/sbin/", "/var/"],
    "CacheFiles": ["*/.cache/"],
    "TemporaryFiles": ["*/lost+found/", "*~", "/tmp/"],  # noqa: S108 - only shown
    "Applications": ["/lib/", "/lib64/", "/opt/", "/usr/"],
}


def filter_groups() -> dict[str, Any]:
    """Return what `systeminfo/filtergroups` answers."""
    every = sorted(path for paths in _GROUPS.values() for path in paths)
    return {"FilterGroups": {"None": [], **_GROUPS, "DefaultExcludes": every, "DefaultIncludes": []}}


_COMMANDS_2_1 = (
    "help example examples find list delete backup restore repair purge list-broken-files purge-broken-files compact "
    "create-report compare test verify test-filters test-filter affected vacuum system-info systeminfo send-mail"
)
_LISTINGS = (
    "list-filesets list-folder-content list-folder-contents list-file-versions search-entries search-files search"
)


def command_names(release: Release) -> list[str]:
    """Return the commands of the server's command line."""
    names = _COMMANDS_2_1.split()
    if release.has_v2:
        at = names.index("list") + 1
        names[at:at] = _LISTINGS.split()
    if release.has_connection_strings:
        at = names.index("vacuum") + 1
        names[at:at] = ["set-locks", "setlocks", "read-lock-info", "readlockinfo"]
    return [*names, "sync"] if release.has_operation_type else names
