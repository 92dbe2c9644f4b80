"""How a fleet comes back that lost its task server: python -m benchmarks.task_server_storm.

1,000 clients poll as daemons do, with the daemon's own pace. The task server is killed, is away for a while, and is
started again on the same port and store. Counted are all tries, those that found nobody too, in seconds from the loss,
from the return, and until the clients have an answer again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence

from benchmarks.measuring import print_table, verdict
from benchmarks.task_server_stage import SQLITE, Connection, add_daemons, database, find_free_port, task_server
from duplicati_client.daemon.answers import Away
from duplicati_client.daemon.pace import Pace

CLIENTS_COUNT = 1000
UP_SECONDS, AWAY_SECONDS, BACK_SECONDS = 15.0, 30.0, 75.0
PEAK_SHARE_MAX = 0.2
BACK_SHARE = 0.99
BACK_SECONDS_MAX = 60.0


def main(arguments: Sequence[str] = ()) -> int:
    """Print the table; the status is 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.task_server_storm", description=__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS_COUNT)
    parser.add_argument("--away", type=float, default=AWAY_SECONDS)
    options = parser.parse_args(arguments)
    with database(SQLITE) as place:
        tokens = [token for _, token in add_daemons(place, options.clients)]
        storm = Storm(options.clients)
        asyncio.run(storm.run(place, tokens, options.away))
    rows = storm.tell()
    head = ["", "measured", "limit", ""]
    print_table(f"{options.clients} clients lose their task server for {options.away:.0f} s and regain it", head, rows)
    return int(any("MISSED" in row for row in rows))


class Storm:
    """The clients, and when each of their tries was."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._tries: list[float] = []
        self._back: dict[int, float] = {}
        self._lost_at = self._returned_at = float("inf")
        self._calm_rate = 0.0

    async def run(self, place: str, tokens: Sequence[str], away_seconds: float) -> None:
        """Let the clients live through it."""
        port = find_free_port()
        listen = f"127.0.0.1:{port}"
        clients: list[asyncio.Task[None]] = []
        with task_server(place, listen=listen):
            clients += [asyncio.create_task(self._live(n, port, token)) for n, token in enumerate(tokens)]
            await asyncio.sleep(UP_SECONDS)
            self._calm_rate = len(self._tries) / UP_SECONDS
            self._lost_at = time.monotonic()
        await asyncio.sleep(away_seconds)
        with task_server(place, listen=listen):
            self._returned_at = time.monotonic()
            self._back.clear()
            await asyncio.sleep(BACK_SECONDS)
        for client in clients:
            client.cancel()

    async def _live(self, number: int, port: int, token: str) -> None:
        """Poll for ever, as the daemon's loop does: held polls, the server's interval, and its pace after failures."""
        chance = random.Random(number)
        pace = Pace(chance.uniform, 10.0)
        connection = Connection(("127.0.0.1", port), token)
        await asyncio.sleep(chance.uniform(0, 10))
        while True:
            self._tries.append(time.monotonic())
            try:
                answer = await connection.ask("GET", "/api/tasks/status", Prefer="wait=0")
            except (OSError, EOFError, asyncio.IncompleteReadError):
                connection.close()
                await asyncio.sleep(pace.fail(Away("the task server is away")))
                continue
            assert answer.status == 304, answer
            if time.monotonic() > self._returned_at:
                self._back.setdefault(number, time.monotonic())
            pace.succeed()
            after = answer.headers.get("duplicati-poll-after")
            pace.interval_seconds = float(after) if after else 10.0
            await asyncio.sleep(pace.interval_seconds)

    def tell(self) -> list[list[str]]:
        """Return the rows of the table."""
        lost = _count_seconds(self._tries, self._lost_at, self._returned_at)
        returned = _count_seconds(self._tries, self._returned_at, self._returned_at + BACK_SECONDS)
        back = sorted(at - self._returned_at for at in self._back.values())
        needed = int(self._count * BACK_SHARE)
        back_seconds = back[needed - 1] if len(back) >= needed else float("inf")
        peaks = {
            "first second of the loss": lost[0],
            "worst second of the loss": max(lost.values(), default=0),
            "first second of the return": returned[0],
            "worst second of the return": max(returned.values(), default=0),
        }
        rows = [["tries a second before", f"{self._calm_rate:.0f}", "", ""]]
        for what, peak in peaks.items():
            share = peak / self._count
            limit = ["20 %", verdict(share, PEAK_SHARE_MAX)] if what.startswith("first") else ["", ""]
            rows.append([f"{what}, of the fleet", f"{share:.1%}", *limit])
        half = back[len(back) // 2] if back else float("inf")
        rows.append(["half are back after, s", f"{half:.0f}", "", ""])
        told = [f"{back_seconds:.0f}", f"{BACK_SECONDS_MAX:.0f}", verdict(back_seconds, BACK_SECONDS_MAX)]
        rows.append(["99 % are back after, s", *told])
        return rows


def _count_seconds(times: Sequence[float], start: float, end: float) -> Counter[int]:
    return Counter(int(at - start) for at in times if start <= at < end)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
