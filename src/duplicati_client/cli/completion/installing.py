"""Put a shell's completion script where that shell finds it, and take it away again; decides, then changes files.

fish loads a file by the name of the command. The others are told by three marked lines in the file that they read at
their start, because no place that they all look in can be relied on: bash-completion is often installed and not in use,
and zsh has no folder of one's own.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from .. import configuration
from .lines import quote_for_powershell
from .suggesting import SHELLS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SCRIPTS = {"bash": "bash.sh", "zsh": "zsh.zsh", "fish": "fish.fish", "powershell": "powershell.ps1"}
_PROGRAMS = ("duplicati", "duc")
_BEGIN, _END = b"# >>> duplicati completion >>>", b"# <<< duplicati completion <<<"
_BLOCK = re.compile(rb"(?m)^" + re.escape(_BEGIN) + rb"\r?\n(?:.*\r?\n)*?" + re.escape(_END) + rb"(?:\r?\n|\Z)")
_SOURCE = {
    "bash": "[ -r {file} ] && . {file}",
    "zsh": "[[ -r {file} ]] && source {file}",
    "powershell": "if (Test-Path -LiteralPath {file}) {{ . {file} }}",
}
_PROFILE_SECONDS = 30


class Change(NamedTuple):
    """What a file has to hold; None means that it has to go."""

    path: str
    content: bytes | None
    is_needed: bool


def detect_shell(environ: Mapping[str, str], read_parent: Callable[[], str] | None = None) -> str:
    """Return the shell that this program was started from, else the person's login shell; raises `UsageInvalid`."""
    parent = (read_parent or _read_parent)()
    names = [parent, os.path.basename(environ.get("SHELL", ""))] + (["powershell"] if sys.platform == "win32" else [])
    for name in names:
        found = {"pwsh": "powershell"}.get(name.lower(), name.lower())
        if found in SHELLS:
            return found
    raise errors.UsageInvalid("it cannot be told which shell this is", hint="one of: " + ", ".join(SHELLS))


def make_script(shell: str, program: str | None = None) -> str:
    """Return the script for a shell; it starts this very program, because another one may have the same name."""
    from importlib.resources import files  # noqa: PLC0415 - a TAB needs none of it

    text = (files(__package__) / _SCRIPTS[_check(shell)]).read_text(encoding="utf-8")
    return text.replace("@PROGRAM@", _quote(shell, program or _find_program()))


def make_plan(
    shell: str,
    environ: Mapping[str, str],
    *,
    is_removal: bool = False,
    program: str | None = None,
    ask_profile: Callable[[], str] | None = None,
) -> list[Change]:
    """Return what has to be in which files; nothing is changed yet."""
    script = None if is_removal else make_script(_check(shell), program).encode()
    if shell == "fish":
        folder = os.path.join(_find_config_home(environ), "fish", "completions")
        return [_plan(os.path.join(folder, f"{name}.fish"), script) for name in _PROGRAMS]
    path = _find_own_file(shell, environ)
    start = (ask_profile or _ask_profile)() if shell == "powershell" else _find_start_file(shell, environ)
    line = None if is_removal else _SOURCE[shell].format(file=_quote(shell, path)).encode()
    return [_plan(path, script), _plan(start, _put_block(_read(start), line))]


def carry_out(change: Change) -> None:
    """Make a file hold what it has to, all of it or nothing; a link stays a link. Raises `CannotCreate`."""
    path = os.path.realpath(change.path)
    try:
        if change.content is None:
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{path}.{os.getpid()}.new"
        with open(temporary, "xb") as file:
            file.write(change.content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            os.chmod(temporary, os.stat(path).st_mode & 0o7777)
        os.replace(temporary, path)
    except OSError as exc:
        raise errors.CannotCreate(f"{path} cannot be changed: {exc.strerror}") from exc


def _plan(path: str, content: bytes | None) -> Change:
    return Change(path, content, _read(path) != content)


def _put_block(text: bytes | None, line: bytes | None) -> bytes | None:
    """Put the marked lines into a file's text, where they are already or at its end; without a line take them out."""
    ending = b"\r\n" if text is not None and b"\r\n" in text else b"\n"
    if line is None:
        return None if text is None else _BLOCK.sub(b"", text)
    block = ending.join([_BEGIN, line, _END, b""])
    text = text or b""
    if _BLOCK.search(text):
        return _BLOCK.sub(lambda _: block, text, count=1)
    gap = b"" if not text or text.endswith(b"\n") else ending
    return text + gap + block


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise errors.CannotCreate(f"{path} cannot be read: {exc.strerror}") from exc


def _check(shell: str) -> str:
    if shell not in SHELLS:
        raise errors.UsageInvalid(f"there is no completion for {shell}", hint="one of: " + ", ".join(SHELLS))
    return shell


def _find_own_file(shell: str, environ: Mapping[str, str]) -> str:
    beside = configuration.find_file({**environ, "DUPLICATI_CLIENT_CONFIG": ""})
    if beside is None:
        raise errors.CannotCreate("there is no home folder to put a script in")
    return os.path.join(os.path.dirname(beside), "completion" + os.path.splitext(_SCRIPTS[shell])[1])


def _find_start_file(shell: str, environ: Mapping[str, str]) -> str:
    home = _find_home(environ)
    if shell == "zsh":
        return os.path.join(environ.get("ZDOTDIR") or home, ".zshrc")
    # Terminals of macOS start login shells, which read another file.
    login_file = os.path.join(home, ".bash_profile")
    is_login_usual = sys.platform == "darwin" and os.path.exists(login_file)
    return login_file if is_login_usual else os.path.join(home, ".bashrc")


def _find_config_home(environ: Mapping[str, str]) -> str:
    told = environ.get("XDG_CONFIG_HOME", "")
    return told if os.path.isabs(told) else os.path.join(_find_home(environ), ".config")


def _find_home(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME") or os.path.expanduser("~")
    if not os.path.isabs(home):
        raise errors.CannotCreate("there is no home folder to put a script in")
    return home


def _ask_profile() -> str:
    """Ask PowerShell itself: the folder may have been moved, to a cloud drive for one."""
    import subprocess  # noqa: PLC0415 - this shell's alone
    from shutil import which  # noqa: PLC0415

    program = which("pwsh") or which("powershell")
    if program is not None:
        command = [program, "-NoProfile", "-NonInteractive", "-Command", "$PROFILE.CurrentUserAllHosts"]
        with suppress(OSError, subprocess.SubprocessError):
            ended = subprocess.run(  # noqa: S603 - the shell that the person asks to be completed
                command, capture_output=True, text=True, check=True, timeout=_PROFILE_SECONDS
            )
            if os.path.isabs(ended.stdout.strip()):
                return ended.stdout.strip()
    folder = (
        os.path.join("Documents", "PowerShell") if sys.platform == "win32" else os.path.join(".config", "powershell")
    )
    return os.path.join(os.path.expanduser("~"), folder, "profile.ps1")


def _read_parent() -> str:
    try:
        with open(f"/proc/{os.getppid()}/comm", encoding="utf-8") as file:
            return file.read().strip().lstrip("-")
    except (OSError, UnicodeDecodeError):
        return ""


def _find_program() -> str:
    from shutil import which  # noqa: PLC0415 - a TAB needs none of it

    found = which(sys.argv[0]) or which(_PROGRAMS[0]) or _PROGRAMS[0]
    return os.path.abspath(found)


def _quote(shell: str, text: str) -> str:
    if shell == "powershell":
        quoted = quote_for_powershell(text)
        return quoted if quoted.startswith("'") else f"'{quoted}'"
    if shell == "fish":
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "'" + text.replace("'", "'\\''") + "'"
