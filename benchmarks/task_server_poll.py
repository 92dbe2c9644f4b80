"""What a poll costs that finds nothing, beside nginx: python -m benchmarks.task_server_poll.

Both answer 304 on the same core, to 200 connections that wrk keeps open on another. The task server knows each of 200
daemons by a token of its own; nginx asks nothing. They are measured in turns, and the ratio is the median of those
of the rounds.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.measuring import print_table
from benchmarks.task_server_stage import (
    POSTGRESQL,
    SQLITE,
    add_daemons,
    database,
    find_free_port,
    find_program,
    nginx,
    task_server,
    tell_missing,
)

ROUNDS = 4
SECONDS = 4
CONNECTIONS_COUNT = 200
SERVER_CORE, CLIENT_CORE = 0, 1
LIMITS = {SQLITE: 0.4, POSTGRESQL: 0.35}


def main() -> int:
    """Print the table; the status is 1 if a limit was missed."""
    if tell_missing("The cost of a poll", "nginx", "wrk", "taskset"):
        return 0
    rows = [row for kind in LIMITS for row in _measure(kind)]
    head = ["what answers 304", "database", "a second", "of nginx", "limit", ""]
    print_table(f"Polls on one core, {CONNECTIONS_COUNT} connections, median of {ROUNDS} rounds", head, rows)
    return int(any("MISSED" in row for row in rows))


def _measure(kind: str) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as name, database(kind) as place:
        folder = Path(name)
        folder.chmod(0o755)
        daemons = add_daemons(place, CONNECTIONS_COUNT)
        script = _write_script(folder / "poll.lua", (token for _, token in daemons))
        rates: dict[str, list[float]] = {"nginx": [], "level 0": [], "level 1": []}
        with (
            nginx(folder, core=SERVER_CORE, port=find_free_port()) as other,
            task_server(place, core=SERVER_CORE) as server,
        ):
            for _ in range(ROUNDS):
                rates["nginx"].append(_run(other, script, "0"))
                rates["level 0"].append(_run(server.url, script, "0"))
                rates["level 1"].append(_run(server.url, script, "1"))
    usual = {what: statistics.median(found) for what, found in rates.items()}
    rows = [["nginx", "-", f"{usual['nginx']:.0f}", "1.00", "", ""]]
    for what in ("level 0", "level 1"):
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates[what], rates["nginx"], strict=True))
        verdict = "kept" if ratio >= LIMITS[kind] else "MISSED"
        cells = [f"task server, {what}", kind, f"{usual[what]:.0f}", f"{ratio:.2f}"]
        rows.append([*cells, f"{LIMITS[kind]:.2f}", verdict])
    return rows


def _write_script(path: Path, tokens: Iterable[str]) -> Path:
    """Write what wrk sends: the polls of all daemons by turns."""
    lines = ",\n".join(f'"{token}"' for token in tokens)
    path.write_text(
        f"local tokens = {{\n{lines}\n}}\nlocal polls, n = {{}}, 0\n"
        "function init(args)\n"
        "  for i, token in ipairs(tokens) do\n"
        '    local headers = {["Authorization"] = "Bearer " .. token}\n'
        '    if args[1] == "1" then\n'
        '      headers["Duplicati-Task-Protocol"] = "1"\n      headers["Duplicati-Instance"] = "one"\n    end\n'
        '    polls[i] = wrk.format("GET", "/api/tasks/status", headers)\n'
        "  end\nend\n"
        "function request()\n  n = n % #polls + 1\n  return polls[n]\nend\n"
    )
    return path


def _run(url: str, script: Path, level: str) -> float:
    """Return how many polls a second were answered."""
    wrk = str(find_program("wrk"))
    command = [wrk, "-t1", f"-c{CONNECTIONS_COUNT}", f"-d{SECONDS}s", "-s", str(script), url, "--", level]
    told = subprocess.run(
        ["taskset", "-c", str(CLIENT_CORE), *command], check=True, capture_output=True, text=True, timeout=120
    ).stdout
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", told)
    if wrong:
        print(f"  {url}: {wrong[0]}", file=sys.stderr)
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert found is not None, told
    return float(found[1])


if __name__ == "__main__":
    sys.exit(main())
