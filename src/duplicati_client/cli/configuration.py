"""The configuration file and the folders of this program: where they are, what they say, and how one key is changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .. import errors
from .options import CONFIG, PREFIX

TASK_SERVER = "task-server"
"""The `kind` of a context that is a task server."""
_FOLDER = "duplicati-client"


class Configuration:
    """What the file says. `path` is None where this machine offers no place for one; then nothing can be stored."""

    def __init__(self, path: str | None, data: Mapping[str, Any]) -> None:
        self.path = path
        self.data = data

    @property
    def current(self) -> str | None:
        """Name of the current context."""
        name = self.data.get("current")
        return name if isinstance(name, str) else None

    @property
    def contexts(self) -> Mapping[str, Mapping[str, Any]]:
        """Each context's settings by its name."""
        return self._tables("contexts")

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """The names or patterns in each group."""
        groups = self.data.get("groups", {})
        if not isinstance(groups, dict) or not all(isinstance(names, list) for names in groups.values()):
            raise errors.ConfigurationInvalid(f'{self.path}: groups are written as office = ["a", "b"]')
        return {name: tuple(map(str, names)) for name, names in groups.items()}

    def set(self, changes: Mapping[tuple[str, ...], Any]) -> Configuration:
        """Change keys in the file (None removes) and return what it says then; nothing else in it changes."""
        from .tomltext import remove, set_key  # noqa: PLC0415 - most calls change nothing

        path = self._writable_path()
        with _locked(path):
            text = _read_text(path)
            for key, value in changes.items():
                text = remove(text, key) if value is None else set_key(text, key, value)
            _replace_file(path, text)
        return load(path)

    def rename_context(self, old: str, new: str) -> Configuration:
        """Give a context another name everywhere in the file at once; raises `UsageInvalid` if there is one already."""
        from .tomltext import rename_table, set_key  # noqa: PLC0415 - most calls change nothing

        path = self._writable_path()
        with _locked(path):
            text = _read_text(path)
            now = load(path)
            if new in now.contexts or new in now.groups:
                raise errors.UsageInvalid(f"there is a context or group {new} already")
            text = rename_table(text, ("contexts", old), new)
            for key in _find_choices(now, old):
                text = set_key(text, key, new)
            for group, names in now.groups.items():
                if old in names:
                    text = set_key(text, ("groups", group), [new if name == old else name for name in names])
            _replace_file(path, text)
        return load(path)

    def remove_context(self, name: str) -> Configuration:
        """Remove a context everywhere in the file at once: its table, its place in groups, and that it is current."""
        from .tomltext import remove, set_key  # noqa: PLC0415 - most calls change nothing

        path = self._writable_path()
        with _locked(path):
            text = remove(_read_text(path), ("contexts", name))
            now = load(path)
            for key in _find_choices(now, name):
                text = remove(text, key)
            for group, names in now.groups.items():
                if name in names:
                    left = [other for other in names if other != name]
                    text = set_key(text, ("groups", group), left) if left else remove(text, ("groups", group))
            _replace_file(path, text)
        return load(path)

    def find_line(self, key: tuple[str, ...]) -> int | None:
        """Return the line of the file where a key's value is written, or None."""
        from .tomltext import find_line  # noqa: PLC0415 - only an explanation tells lines

        return find_line(_read_text(self.path), key) if self.path is not None else None

    def _writable_path(self) -> str:
        if self.path is None:
            raise errors.CannotCreate(
                "there is no home folder to keep a configuration in", hint=f"name a file with {CONFIG.variable}"
            )
        return os.path.realpath(self.path)  # a link to a file kept elsewhere stays a link

    def _tables(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        tables = self.data.get(name, {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise errors.ConfigurationInvalid(f"{self.path}: {name} has to be tables, [{name}.NAME]")
        return tables


def load(path: str | None) -> Configuration:
    """Read the file, which need not exist; raises `ConfigurationInvalid`."""
    text = _read_text(path) if path is not None else ""
    if not text.strip():
        return Configuration(path, {})
    import tomllib  # noqa: PLC0415 - costs start-up time, and many people have no such file

    try:
        return Configuration(path, tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise errors.ConfigurationInvalid(f"{path} is not valid TOML: {exc}", hint="edit the file by hand") from exc


def _find_choices(now: Configuration, name: str) -> list[tuple[str, ...]]:
    """Return the keys that choose this context."""
    return [(key,) for key in ("current", "context") if now.data.get(key) == name]


def find_file(environ: Mapping[str, str]) -> str | None:
    """Return where the configuration file is or would be, None without a home folder."""
    told = environ.get(CONFIG.variable)
    if told:
        return os.path.abspath(os.path.expanduser(told))
    folder = _find_folder(environ, "config", ".config")
    return folder and os.path.join(folder, "config.toml")


def find_state_folder(environ: Mapping[str, str]) -> str | None:
    """Return where sessions and traces are kept, None without a home folder."""
    told = environ.get(f"{PREFIX}STATE_DIR")
    if told:
        return os.path.abspath(os.path.expanduser(told))
    return _find_folder(environ, "state", os.path.join(".local", "state"))


def _find_folder(environ: Mapping[str, str], kind: str, below_home: str) -> str | None:
    told = environ.get(f"XDG_{kind.upper()}_HOME", "")
    if os.path.isabs(told):  # the XDG rules ignore relative ones
        return os.path.join(told, _FOLDER)
    if sys.platform in ("win32", "darwin"):
        import platformdirs  # noqa: PLC0415 - elsewhere four lines do

        return str(getattr(platformdirs, f"user_{kind}_dir")(_FOLDER, appauthor=False))
    home = environ.get("HOME") or os.path.expanduser("~")
    return os.path.join(home, below_home, _FOLDER) if os.path.isabs(home) else None


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as exc:
        raise errors.ConfigurationInvalid(f"{path} is not UTF-8 text") from exc
    except (PermissionError, NotADirectoryError) as exc:
        if not os.path.exists(path):  # another person's folder: for us there is no such file
            return ""
        raise errors.ConfigurationInvalid(f"{path} cannot be read: {exc.strerror}") from exc
    except OSError as exc:
        raise errors.ConfigurationInvalid(f"{path} cannot be read: {exc.strerror}") from exc


def _replace_file(path: str, text: str) -> None:
    temporary = f"{path}.new"
    try:
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # left by a program that was killed while it wrote
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as exc:
        with suppress(OSError):
            os.unlink(temporary)
        raise errors.CannotCreate(f"{path} cannot be written: {exc.strerror}") from exc


class _locked:  # noqa: N801 - read as a word: with _locked(path)
    """Keeps two programs from changing the file at the same time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> None:
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            self._descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise errors.CannotCreate(f"{self._path} cannot be written: {exc.strerror}") from exc
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415 - only on Windows

            msvcrt.locking(self._descriptor, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
