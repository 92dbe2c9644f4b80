"""Plant each bug in a copy of the project and see its tests fail: `make mutants`, or `python -m tests.mutants NAME …`.

A patch begins with a sentence on the bug and a line `Caught by:` with the files of tests that have to notice it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PATCHES = Path(__file__).parent / "patches"
_COPIED = ("src", "tests", "pyproject.toml", "docs", "README.md")
_LIMIT_SECONDS = 300


class Mutant(NamedTuple):
    """A bug: the patch that plants it, what is wrong then, and which tests notice."""

    patch: Path
    about: str
    tests: list[str]

    @property
    def name(self) -> str:
        return self.patch.stem


def load_mutants() -> list[Mutant]:
    """Read all patches."""
    found = []
    for patch in sorted(PATCHES.glob("*.patch")):
        about, caught_by = patch.read_text(encoding="utf-8").splitlines()[:2]
        found.append(Mutant(patch, about, caught_by.removeprefix("Caught by:").split()))
    return found


def plant(mutant: Mutant, folder: Path) -> None:
    """Apply a patch; raises `CalledProcessError` if the code is no longer what it was made for."""
    subprocess.run(["git", "apply", "--unsafe-paths", mutant.patch], cwd=folder, check=True, capture_output=True)


def is_caught(mutant: Mutant) -> bool:
    """Say whether the tests fail with the bug in place."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        for part in _COPIED:
            source = ROOT / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / part)
        plant(mutant, folder)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            *mutant.tests,
        ]
        environ = {"PYTHONPATH": str(folder / "src"), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        ended = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False
        )
        if ended.returncode not in (0, 1):
            print(ended.stdout[-2000:], ended.stderr[-2000:])
            raise SystemExit(f"{mutant.name}: pytest ended with {ended.returncode}")
        return ended.returncode == 1


def main(names: list[str]) -> int:
    """Try those that are named, or all; 1 if one was not caught."""
    mutants = [mutant for mutant in load_mutants() if not names or mutant.name in names]
    missed = 0
    for mutant in mutants:
        caught = is_caught(mutant)
        missed += not caught
        print(f"{'caught' if caught else 'MISSED'}  {mutant.name}: {mutant.about}", flush=True)
    print(f"{len(mutants) - missed} of {len(mutants)} caught")
    return 1 if missed or not mutants else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
