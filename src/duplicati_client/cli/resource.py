"""What a task is about, as a person names it on the command line."""

from __future__ import annotations

from typing import Any

_DIGITS_MAX = 15


def write_resource(kind: str, selector: str | None) -> dict[str, Any]:
    """Return a resource of the protocol: by number where the selector is one as it would be written, else by name."""
    if selector is None:
        return {"Type": kind}
    is_number = selector.isascii() and selector.isdecimal() and len(selector) <= _DIGITS_MAX
    if is_number and selector == str(int(selector)):
        return {"Type": kind, "ID": int(selector)}
    return {"Type": kind, "Name": selector}
