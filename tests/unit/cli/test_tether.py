"""A process in the background ends with the one that started it, and otherwise only when it is told to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from duplicati_client.cli.program import TETHERED

PATIENCE_SECONDS = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "demo"
    (made / "sandbox").mkdir(parents=True)
    return made


@pytest.fixture
def sandbox(folder: Path) -> Iterator[subprocess.Popen[str]]:
    words = [*TETHERED, str(folder), "sandbox", "--output", "json", "--data", str(folder / "sandbox")]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DUPLICATI_")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, env=environ, **pipes) as process:
        assert '"URL"' in process.stdout.readline(), process.stderr.read()
        yield process
        process.kill()


def test_end_of_the_starter_is_an_order_to_stop_and_nothing_is_left(
    sandbox: subprocess.Popen[str], folder: Path
) -> None:
    sandbox.stdin.write("what is written there is for nobody\n")
    sandbox.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        sandbox.wait(0.5)
    sandbox.stdin.close()
    assert sandbox.wait(PATIENCE_SECONDS) == 0
    assert not folder.exists()


def test_folder_stays_for_a_starter_that_is_still_there(sandbox: subprocess.Popen[str], folder: Path) -> None:
    sandbox.terminate()
    assert sandbox.wait(PATIENCE_SECONDS) == 0
    assert folder.exists()
