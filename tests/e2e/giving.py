"""Gives a task as the conformance kit wants it: `python -m tests.e2e.giving URL FILE_WITH_TOKEN DAEMON < TASK`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.conformance.exchange import Peer


def main() -> None:
    """Give the task without its ID, and print the one that it got."""
    url, key, daemon = sys.argv[1:]
    peer = Peer(url, {"Authorization": f"Bearer {Path(key).read_text().strip()}"})
    task = json.load(sys.stdin)
    del task["ID"]
    made = peer.ask("POST", "api/v1/tasks", {"Daemon": daemon, "Task": task})
    print(json.dumps(made.value["Items"][0]["ID"]))


if __name__ == "__main__":
    main()
