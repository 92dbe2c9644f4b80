"""A daemon whose journal holds ten thousand tasks: it asks for more, tells of each, and stays small."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from duplicati_client.daemon.records import write_fields, write_line
from duplicati_client.protocol.task import Task, read_task
from tests.daemon_stage import Stage, stage
from tests.sandbox_process import PROGRAM

COUNT = 9_999
BYTES_MAX = 128 * 1024 * 1024
PATIENCE_SECONDS = 60.0


def write_backlog(on: Stage) -> None:
    """Write a journal of tasks that were accepted and have to wait for years, as the daemon would have."""
    lines = []
    for number in range(1, COUNT + 1):
        backup = {"Type": "backup", "ID": number % 5 + 1}
        raw = {"ID": number, "Operation": "run", "Resources": [backup], "NotBefore": "2099-01-01T00:00:00Z"}
        task = read_task(raw)
        assert isinstance(task, Task)
        received = {"Content": raw, "Digest": task.digest, "Server": "main"}
        for at, (step, fields) in enumerate((("received", received), ("decided", {"Verdict": "accept"}))):
            text = write_fields(fields)
            lines.append(write_line(2 * number - 1 + at, f"i:{number}", step, "2026-07-14T20:15:00.000+00:00", text))
    state = Path(on.config).parent / "state"
    state.mkdir(mode=0o700)
    (state / "task-list.yml").write_bytes(b"".join(lines))
    with Path(on.config).open("a") as config:
        config.write("[limits]\nin_flight = 10000\n")


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is told by /proc")
def test_daemon_with_ten_thousand_open_tasks_asks_for_more_and_stays_small(tmp_path: Path) -> None:
    with stage(tmp_path / "d", level=1) as on:
        write_backlog(on)
        on.tasks.give({"ID": "one-more", "Operation": "status"})
        command = [str(PROGRAM), "daemon", "run", "--config", on.config]
        started_at = time.monotonic()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as daemon:
            try:
                on.tasks.wait_for(lambda: on.tasks.counts["status"], PATIENCE_SECONDS)
                print(f"first poll after {time.monotonic() - started_at:.1f} s")
                on.tasks.wait_for(lambda: on.tasks.counts["tasks"], PATIENCE_SECONDS)
                on.tasks.wait_for(lambda: len(on.tasks.results) > COUNT / 20, PATIENCE_SECONDS)
                told = Path(f"/proc/{daemon.pid}/status").read_text()
            finally:
                daemon.kill()
        # Its end overtakes all that is only said again.
        assert {result["ID"] for result in on.tasks.results if result["Status"] != "accepted"} == {"one-more"}
    high_kib = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM"))
    print(f"{high_kib / 1024:.0f} MiB at most")
    assert high_kib * 1024 < BYTES_MAX
