"""How this program starts itself again, as a process of its own."""

from __future__ import annotations

import sys

# -P: what lies in the folder that a person happens to be in must not be imported.
PROGRAM = (sys.executable, "-P", "-c", "from duplicati_client.cli.main import run; run()")
TETHERED = (sys.executable, "-P", "-c", "from duplicati_client.cli.tether import run; run()")
"""One that ends with whoever holds the other end of its stdin; a folder to be removed then comes before the words."""
