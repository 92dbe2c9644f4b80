"""`python -m tests.simulation SEED`: one world with its log; `FIRST..LAST`: many, and only what is wrong with them."""

from __future__ import annotations

import json
import sys
from collections import Counter

from .checks import find_wrongs
from .world import World


def show(seed: int) -> bool:
    world = World(seed)
    world.run()
    for at, who, text in world.log:
        print(f"{at:10.3f}  {who:12}  {text}")
    wrongs = find_wrongs(world)
    print("\n".join(f"WRONG: {wrong}" for wrong in wrongs) or "all is well")
    return not wrongs


def sweep(first: int, last: int, *, is_json: bool) -> bool:
    fired: Counter[str] = Counter()
    wrongs: dict[int, list[str]] = {}
    for seed in range(first, last + 1):
        world = World(seed)
        world.run()
        fired.update(world.fired)
        if found := find_wrongs(world):
            wrongs[seed] = found
            if not is_json:
                print("\n".join(f"{seed}: {wrong}" for wrong in found), flush=True)
    if is_json:
        print(json.dumps({"fired": fired, "wrongs": wrongs}))
    else:
        print("\n".join(f"{count:6}  {kind}" for kind, count in sorted(fired.items())))
        print(f"{len(wrongs)} of {last - first + 1} worlds are not as they should be")
    return not wrongs


if __name__ == "__main__":
    first, _, last = sys.argv[1].partition("..")
    is_well = sweep(int(first), int(last), is_json="--json" in sys.argv) if last else show(int(first))
    sys.exit(not is_well)
