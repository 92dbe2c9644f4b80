"""Labels as people write them: NAME=VALUE, repeated."""

from __future__ import annotations

from collections.abc import Iterable

from ... import errors


def read_labels(texts: Iterable[str] | None) -> dict[str, str]:
    """Return labels by name; raises `UsageInvalid`."""
    labels = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise errors.UsageInvalid(f"a label is NAME=VALUE, not {text[:80]!a}")
        labels[name] = value
    return labels


def write_labels(labels: dict[str, str]) -> str:
    """Return them in one line."""
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()))
