"""What was created once is not created again: a key of the sender's tells a request that is repeated."""

from __future__ import annotations

import re
from typing import Final

from ....protocol import codec
from ...errors import Malformed
from ...records import Key
from .conditions import AnyRequest

HEADER: Final = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


async def read_key(request: AnyRequest) -> Key | None:
    """Return the request's key, None if it has none; raises `Malformed`."""
    text = request.headers.get(HEADER.lower())
    if text is None:
        return None
    if not _KEY.fullmatch(text):
        raise Malformed(f"{HEADER} has 1 to 200 visible characters of ASCII")
    return Key(text, codec.digest([request.url.path, (await request.body()).decode("utf-8", "replace")]))
