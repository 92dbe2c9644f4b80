"""The names that were ever published, in published.json: python -m tests.shapes.published adds the new ones to it.

Nothing is ever taken out under the same number of the schema: programs of other people read these names.
"""

from __future__ import annotations

import json
from pathlib import Path

from docs.generate.shapes import DOCUMENTS, LINES
from duplicati_client.cli.output.columns import SCHEMA
from tests.shapes.checking import names_of

FILE = Path(__file__).with_name("published.json")
Names = dict[str, dict[str, str]]


def read() -> Names:
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    return kept["names"] if kept["schema"] == SCHEMA else {}


def present() -> Names:
    return names_of([*DOCUMENTS, *LINES])


def broken(kept: Names, now: Names) -> list[str]:
    """Return each published name that is gone, or no longer what it was; never to be null again is no break."""
    faults = [f"{shape}: {name}" for shape, names in kept.items() for name in names if name not in now.get(shape, {})]
    for shape, names in kept.items():
        for name, written in names.items():
            found = now.get(shape, {}).get(name, written)
            if found not in (written, written.removesuffix(" or null")):
                faults.append(f"{shape}: {name} was {written}, is {found}")
    return faults


def main() -> None:
    kept, now = (read() if FILE.exists() else {}), present()
    if faults := broken(kept, now):
        raise SystemExit("published names are broken; give the schema another number:\n" + "\n".join(faults))
    FILE.write_text(json.dumps({"schema": SCHEMA, "names": now}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
