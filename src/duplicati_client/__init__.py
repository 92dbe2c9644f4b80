"""Drive Duplicati backup servers: the library's public names, loaded on first use."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = [
    "ConnectionSettings",
    "Credentials",
    "Duplicati",
    "DuplicatiClientError",
    "FileSessionStore",
    "MemorySessionStore",
    "Outcome",
    "Verdict",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .errors import DuplicatiClientError
    from .http import ConnectionSettings
    from .outcome import Outcome, Verdict
    from .sdk.auth.credentials import Credentials
    from .sdk.auth.store import FileSessionStore, MemorySessionStore
    from .sdk.client import Duplicati

_HOMES = {
    "ConnectionSettings": "http",
    "Credentials": "sdk.auth.credentials",
    "Duplicati": "sdk.client",
    "DuplicatiClientError": "errors",
    "FileSessionStore": "sdk.auth.store",
    "MemorySessionStore": "sdk.auth.store",
    "Outcome": "outcome",
    "Verdict": "outcome",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - import of the package alone stays free

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
