"""What daemons of an earlier release say, kept as files, is still taken by the task server, and answered as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.task_server_process import task_server_process

MESSAGES = sorted((Path(__file__).parents[1] / "fixtures" / "messages").iterdir())
TASK = {"Operation": "run", "Resources": [{"Type": "backup", "Name": "Photos"}], "NotAfter": "2099-01-01T00:00:00Z"}
SECRETS = ("Token", "DaemonID", "Epoch")


def hide(value: Any) -> Any:
    """Leave out what is new each time."""
    return {name: told for name, told in value.items() if name not in SECRETS} if isinstance(value, dict) else value


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.name)
def test_daemon_of_an_earlier_release_is_served_as_before(path: Path, tmp_path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    with task_server_process(tmp_path / "data") as server:
        code = server.ask_as(server.token, "POST", "/api/v1/codes", {"Uses": 1}).value["Code"]
        arrival = {"Code": code, "Name": "nas", "Facts": {"system": "Linux"}}
        enrolled = server.ask_as(None, "POST", "/api/enrol", arrival).value
        for _ in kept["FromServer"]["tasks"]:
            server.ask_as(server.token, "POST", "/api/v1/tasks", {"Daemon": "nas", "Task": TASK})
        headers = {
            "Authorization": f"Bearer {enrolled['Token']}",
            "Duplicati_Task_Protocol": "1",
            "Duplicati_Instance": "one",
        }
        assert server.ask("GET", "/api/tasks", **headers).value == kept["FromServer"]["tasks"]
        receipts = []
        for sent in kept["FromDaemon"]:
            body = json.dumps(sent["Body"]).encode()
            answer = server.ask(sent["Method"], sent["Path"], body, Content_Type="application/json", **headers)
            assert answer.status in (200, 204), answer
            if sent["Path"].endswith("/result"):
                receipts.append(answer.value)
    assert receipts == kept["FromServer"]["receipts"]
    assert hide(enrolled) == hide(kept["FromServer"]["enrol"])
    assert set(enrolled) >= set(kept["FromServer"]["enrol"])
