"""How long a person waits for a cold command, as a ratio to a bare interpreter: python -m benchmarks.startup."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import PROGRAM, PYTHON, median_milliseconds, print_table, private_home, verdict
from tests.sandbox_process import sandbox_process

ROUNDS = 25
BARE = "python -c pass"
LIMITS = {"duplicati --help": 5.0, "duplicati list backups": 6.5}


def main() -> int:
    """Print the table; the status is 1 if a ratio is over its limit."""
    commands = {
        BARE: [PYTHON, "-c", "pass"],
        "python -c import duplicati_client": [PYTHON, "-c", "import duplicati_client"],
        "duplicati --help": [PROGRAM, "--help"],
        "duplicati list backups": [PROGRAM, "list", "backups"],
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox_process(Path(folder)) as server,
        private_home() as environment,
    ):
        login = [PROGRAM, "login", server.url, "--password-file", str(server.password_file)]
        subprocess.run(login, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        medians = median_milliseconds(commands, environment=environment, rounds=ROUNDS)
    ratios = {name: value / medians[BARE] for name, value in medians.items()}
    rows = [[name, f"{medians[name]:.1f}", f"{ratio:.2f}", *_limit(name, ratio)] for name, ratio in ratios.items()]
    print_table(
        f"Cold process against a sandbox, median of {ROUNDS}, interleaved",
        ["command", "ms", "ratio", "limit", ""],
        rows,
    )
    return int(any(ratios[name] > limit for name, limit in LIMITS.items()))


def _limit(name: str, ratio: float) -> list[str]:
    return [f"{LIMITS[name]:.1f}", verdict(ratio, LIMITS[name])] if name in LIMITS else ["", ""]


if __name__ == "__main__":
    sys.exit(main())
