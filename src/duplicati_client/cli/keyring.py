"""The operating system's keyring: an optional part, loaded only when asked for, and refused if it does not protect."""

from __future__ import annotations

from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .. import errors
from ..http import parse_url
from ..sdk.auth.store import FileSessionStore, Session, decode_session, encode_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .call import Call

_PASSWORDS = "duplicati-client"
_SESSIONS = "duplicati-client session"
_MESSAGE_CHARACTERS = 200
_PATIENCE_SECONDS = 60.0  # enough to type the password of the keyring itself
_UNATTENDED_PATIENCE_SECONDS = 5.0
INSTALL_HINT = "pip install 'duplicati-client[keyring]'"
_T = TypeVar("_T")
_ELSEWHERE_HINT = "unlock it, or keep the password elsewhere: duplicati login --help"


class Backend(Protocol):
    """What the package `keyring` calls a back end."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is kept, or None."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep this."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Forget it; raises something if there is nothing."""
        ...


class Keyring:
    """Keeps a password, or a session, for each server's address: what is one server's can reach no other."""

    def __init__(self, backend: Backend, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._backend = backend
        self._patience_seconds = patience_seconds

    def read_password(self, url: str) -> str | None:
        """Return the password for this address, or None; raises `InputOutputFailed`."""
        return self._ask("read", _PASSWORDS, url)

    def keep_password(self, url: str, password: str) -> None:
        """Keep the password for this address; raises `InputOutputFailed`."""
        self._ask("write", _PASSWORDS, url, password)

    def forget_password(self, url: str) -> None:
        """Remove the password for this address, if there is one."""
        self._forget(_PASSWORDS, url)

    def read_session(self, url: str) -> str | None:
        """Return the text of the session with this address, or None."""
        return self._ask("read", _SESSIONS, url)

    def keep_session(self, url: str, text: str) -> None:
        """Keep the text of the session with this address."""
        self._ask("write", _SESSIONS, url, text)

    def forget_session(self, url: str) -> None:
        """Remove the session with this address, if there is one."""
        self._forget(_SESSIONS, url)

    def _forget(self, service: str, url: str) -> None:
        if self._ask("read", service, url) is not None:
            self._ask("remove", service, url)

    def _ask(self, deed: str, service: str, url: str, text: str = "") -> str | None:
        address = parse_url(url).url
        try:
            return _within(self._patience_seconds, lambda: self._do(deed, service, address, text))
        except Exception as exc:  # each back end has errors of its own
            told = str(exc) or type(exc).__name__
            told = (told.replace(text, "********") if text else told)[:_MESSAGE_CHARACTERS]
            raise errors.InputOutputFailed(f"the keyring does not {deed}: {told}", hint=_ELSEWHERE_HINT) from exc

    def _do(self, deed: str, service: str, url: str, text: str) -> str | None:
        if deed == "read":
            return self._backend.get_password(service, url)
        if deed == "write":
            self._backend.set_password(service, url, text)
        else:
            self._backend.delete_password(service, url)
        return None


class KeyringSessionStore:
    """Keeps a session in the keyring instead of a file; processes lock beside where `file` would be."""

    def __init__(self, keyring: Keyring, url: str, file: FileSessionStore) -> None:
        self._keyring = keyring
        self._url = url
        self._file = file

    def load(self) -> Session | None:
        """Return what is kept, or None; what is damaged counts as none."""
        text = self._keyring.read_session(self._url)
        return decode_session(text) if text is not None else None

    def reserve(self) -> None:
        """Ask the keyring for something, so that one that is locked is met before the server is asked."""
        self._keyring.read_session(self._url)

    def save(self, session: Session) -> None:
        """Keep this instead; raises `InputOutputFailed`."""
        self._keyring.keep_session(self._url, encode_session(session))

    def clear(self) -> None:
        """Forget it."""
        self._keyring.forget_session(self._url)

    def lock(self) -> AbstractContextManager[object]:
        """Return the lock that other processes respect."""
        return self._file.lock()


def open_keyring(call: Call) -> Keyring:
    """Return the keyring; raises `ExtraMissing` with what to install, or `ConfigurationInvalid` if none protects."""
    patience_seconds = _PATIENCE_SECONDS if call.console.is_stdin_terminal else _UNATTENDED_PATIENCE_SECONDS
    try:
        backend = _within(patience_seconds, call.process.open_keyring or _load_backend)
    except TimeoutError as exc:
        raise errors.InputOutputFailed(f"the keyring cannot be opened: {exc}", hint=_ELSEWHERE_HINT) from exc
    return Keyring(_choose(backend), patience_seconds=patience_seconds)


def _within(patience_seconds: float, work: Callable[[], _T]) -> _T:
    """Return what work returns or raises; a keyring may wait for ever for a person whom it cannot ask."""
    found: list[_T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as exc:  # it is raised where it is waited for
            failures.append(exc)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(patience_seconds)
    if failures:
        raise failures[0]
    if not found:
        raise TimeoutError("no answer, it may wait to be unlocked")
    return found[0]


def _load_backend(load: Callable[[str], Any] = import_module) -> Any:
    try:
        return load("keyring").get_keyring()
    except ModuleNotFoundError as exc:
        raise errors.ExtraMissing("the keyring needs a part that is not installed", hint=INSTALL_HINT) from exc


def _choose(backend: Any) -> Any:
    """Return the back end, or of a chain the first member, that keeps what it is given and not in plain text."""
    for candidate in getattr(backend, "backends", None) or (backend,):
        if _protects(candidate):
            return candidate
    raise errors.ConfigurationInvalid(
        f"this machine has no keyring that protects a password ({_name(backend)})",
        hint="use --password-file with a file that only you can read, or a systemd credential",
    )


def _protects(backend: Any) -> bool:
    name = _name(backend).lower()
    return not any(word in name for word in (".null.", ".fail.", "plaintext", ".chainer."))


def _name(backend: Any) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"
