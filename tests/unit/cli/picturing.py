"""Hold what a person sees against pictures of it, kept as text in `pictures`.

After a wanted change they are drawn anew by running the test with WRITE_PICTURES=1, and read.
"""

from __future__ import annotations

import os
from pathlib import Path

PICTURES = Path(__file__).parent / "pictures"


def compare(drawn: str, name: str) -> None:
    """Compare with the picture of this name; escapes are kept as `^[`, so that a picture is text."""
    picture, shown = PICTURES / name, drawn.replace("\x1b", "^[")
    if os.environ.get("WRITE_PICTURES"):
        picture.write_text(shown, encoding="utf-8")
    assert shown == picture.read_text(encoding="utf-8")
