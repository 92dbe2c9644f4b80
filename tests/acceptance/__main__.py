"""Run the acceptance scripts against any server: python -m tests.acceptance --server URL --password-file FILE."""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from duplicati_client import DuplicatiClientError
from tests.acceptance.script import load_scripts
from tests.acceptance.suite import Result, Server, run_suite


def main() -> int:
    """Print a line a script and a summary; the status is 1 if any script failed."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.data and not arguments.data.is_dir():
        parser.error(f"{arguments.data} is not a folder")
    if not arguments.password_file.is_file():
        parser.error("PASSWORD_FILE, a file with the server's password, is needed")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the backups are removed
    scripts = [script for script in load_scripts() if not arguments.only or script.name in arguments.only]
    server = Server(arguments.server, arguments.password_file, arguments.data)
    try:
        return _report(run_suite(server, scripts))
    except DuplicatiClientError as trouble:
        print(f"the server cannot be tested: {trouble}", file=sys.stderr)
        return 1


def _report(results: Iterable[Result]) -> int:
    counts: Counter[str] = Counter()
    for result in results:
        counts[result.verdict] += 1
        told = f": {result.detail}" if result.verdict == "skipped" else f"  {result.duration_seconds:.1f} s"
        print(f"{result.verdict:8}{result.script}{told}", flush=True)
        if result.verdict == "failed":
            print("        " + result.detail.replace("\n", "\n        "), flush=True)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--server", required=True, metavar="URL")
    parser.add_argument("--password-file", required=True, type=Path, metavar="FILE")
    parser.add_argument("--data", type=Path, metavar="DIR", help="a folder that this program and the server both reach")
    parser.add_argument("--only", nargs="+", metavar="SCRIPT", help="these and no others, such as login list-backups")
    return parser


if __name__ == "__main__":
    sys.exit(main())
