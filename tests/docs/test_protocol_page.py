"""The task server that the page on the protocol shows passes the conformance kit, and the daemon works for it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from duplicati_client.sandbox.app import Options, start_in_thread
from tests.conformance.exchange import Peer, Tally
from tests.conformance.server import check_level_0
from tests.daemon_stage import PASSWORD, write_configuration
from tests.docs.fences import ROOT, read_fences
from tests.sandbox_process import PROGRAM

PAGE = ROOT / "docs/reference/protocol.md"


def test_task_server_on_the_page_conforms_to_level_0(tmp_path):
    tally = Tally(lambda line: None)
    with serving(tmp_path) as (url, process):
        peer = Peer(url)

        def give(task):
            assert peer.ask("POST", "give", task).status == 200

        check_level_0(peer, give, tally)
        process.terminate()
        written, _ = process.communicate(timeout=10)
    assert tally.failed == []
    assert all("Status" in json.loads(line) for line in written.splitlines())


def test_daemon_gets_a_run_done_for_the_task_server_on_the_page(tmp_path):
    options = Options(password=PASSWORD, speed=100.0)
    with serving(tmp_path) as (url, process), start_in_thread(options) as server:
        Peer(url).ask("POST", "give", {"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]})
        command = [str(PROGRAM), "daemon", "once", "--config", write_configuration(tmp_path, url, server.url)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, Peer(url).ask("GET", "api/tasks/status").status) == (0, 304), ended.stderr
        process.terminate()
        written, _ = process.communicate(timeout=10)
    results = [json.loads(line) for line in written.splitlines()]
    assert [(result["ID"], result["Status"]) for result in results if result["Status"] != "accepted"] == [
        (1, "completed")
    ]
    assert results[-1]["Data"]["Outcome"] == "success"


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the example of the page, which has nothing but the standard library; yield its address and its process."""
    (example,) = [fence.body for fence in read_fences(PAGE) if fence.language == "py"]
    assert len([line for line in example.splitlines() if line.strip()]) <= 40
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    script = folder / "task_server.py"
    script.write_text(example, encoding="utf-8")
    command = [sys.executable, "-I", str(script), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()


def _wait(port: int) -> None:
    for _ in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.connect()
            return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise AssertionError("the example does not listen")
