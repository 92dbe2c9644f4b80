"""How long a person waits after TAB, as a ratio to a bare interpreter: python -m benchmarks.completing."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measuring import PROGRAM, PYTHON, median_milliseconds, print_table, private_home, verdict
from tests.sandbox_process import sandbox_process

ROUNDS = 25
BARE = "python -c pass"
ASK = [PROGRAM, "completion", "ask", "bash", "--", " =", ""]
CACHED, FETCHED, SILENT = "names just asked for", "names from the server", "server that does not answer"
RATIO_MAX = 6.5
# What such a server adds at most to what names from a good one take.
SILENCE_MILLISECONDS_MAX = 350.0


def main() -> int:
    """Print the table; the status is 1 if a limit was missed."""
    with tempfile.TemporaryDirectory() as folder, sandbox_process(Path(folder)) as server, _silent_server() as silent:
        medians = _measure(server.url, server.password_file, silent)
    limits = dict.fromkeys(("verbs", CACHED, FETCHED), RATIO_MAX * medians[BARE])
    limits[SILENT] = medians[FETCHED] + SILENCE_MILLISECONDS_MAX
    rows = [
        [name, f"{value:.1f}", f"{value / medians[BARE]:.2f}", *_limit(value, limits.get(name))]
        for name, value in medians.items()
    ]
    print_table(
        f"TAB as a cold process, median of {ROUNDS}, interleaved",
        ["completion of", "ms", "ratio", "limit ms", ""],
        rows,
    )
    return int(any("MISSED" in row for row in rows))


def _measure(url: str, password_file: Path, silent_url: str) -> dict[str, float]:
    with private_home() as environment:
        login = [PROGRAM, "login", url, "--password-file", str(password_file), "--name", "nas"]
        subprocess.run(login, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        names = [*ASK[:-1], "duplicati run Doc"]
        commands = {
            BARE: [PYTHON, "-c", "pass"],
            "verbs": [*ASK[:-1], "duplicati l"],
            CACHED: names,
            FETCHED: ["env", f"DUPLICATI_CLIENT_STATE_DIR={_state_without_a_cache(environment)}", *names],
        }
        medians = median_milliseconds(commands, environment=environment, rounds=ROUNDS)
        config = Path(environment["HOME"]) / ".config" / "duplicati-client" / "config.toml"
        session = Path(environment["HOME"]) / ".local" / "state" / "duplicati-client" / "sessions" / "nas.json"
        for path in (config, session):
            path.write_text(path.read_text(encoding="utf-8").replace(url, silent_url), encoding="utf-8")
        medians |= median_milliseconds({SILENT: names}, environment=environment, rounds=5)
    return medians


def _limit(value: float, limit: float | None) -> list[str]:
    return ["", ""] if limit is None else [f"{limit:.0f}", verdict(value, limit)]


def _state_without_a_cache(environment: Mapping[str, str]) -> str:
    """Return a state folder with the session, in which no cache can be made: a file has its name."""
    state = Path(environment["HOME"]) / ".local" / "state" / "duplicati-client"
    other = Path(environment["HOME"]) / "state"
    other.mkdir()
    (other / "sessions").symlink_to(state / "sessions")
    (other / "completion").touch()
    return str(other)


@contextmanager
def _silent_server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


if __name__ == "__main__":
    sys.exit(main())
