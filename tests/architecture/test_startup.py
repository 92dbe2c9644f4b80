"""What a cold process loads: start-up time kept by counting modules, since a count is the same on a busy machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HTTP_TLS_YAML_TERMINAL = {
    *("http.client", "urllib.request", "socket", "ssl", "_ssl"),
    *("yaml", "rich", "curses", "readline", "websockets", "h11"),
}
SLOW_TO_LOAD = {
    *("dataclasses", "inspect", "asyncio", "rich", "yaml", "websockets", "logging", "concurrent", "subprocess"),
    *("h11", "ssl", "typing_extensions", "tomli_w", "importlib.metadata", "tempfile", "hashlib", "email.mime"),
}
HELP_MODULES_MAX = 55  # beyond those of a bare interpreter, as below; 45 were loaded with Python 3.11
LIST_BACKUPS_MODULES_MAX = 120  # 106 were


def test_import_of_the_package_loads_nothing_but_its_names():
    assert loaded_by("-c", "import duplicati_client") - {"__future__"} == {"duplicati_client"}


def test_help_loads_no_http_tls_yaml_or_terminal_library(tmp_path):
    loaded = loaded_by(PROGRAM, "--help", home=tmp_path)
    assert loaded & HTTP_TLS_YAML_TERMINAL == set()
    assert loaded & SLOW_TO_LOAD == set()
    assert len(loaded) <= HELP_MODULES_MAX, sorted(loaded)


def test_list_backups_stays_within_its_budget_of_modules(tmp_path, sandbox):
    loaded_by(PROGRAM, "login", sandbox.url, "--password-file", sandbox.password_file, home=tmp_path)
    loaded = loaded_by(PROGRAM, "list", "backups", home=tmp_path)
    assert loaded & SLOW_TO_LOAD == set()
    assert len(loaded) <= LIST_BACKUPS_MODULES_MAX, sorted(loaded)


PROGRAM = str(Path(sys.executable).parent / "duplicati")


def loaded_by(*words: str | Path, home: Path | None = None) -> set[str]:
    """Run Python with the words in a cold process and return the modules it loads beyond a bare interpreter's."""
    return _modules(*words, home=home) - _modules("-c", "pass", home=home)


def _modules(*words: str | Path, home: Path | None) -> set[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTHON"))}
    command = [sys.executable, "-X", "importtime", *map(str, words)]
    ended = subprocess.run(command, env=environment | {"HOME": str(home)}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines[1:]}
