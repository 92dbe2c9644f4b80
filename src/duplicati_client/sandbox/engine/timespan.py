"""Duplicati's texts for lengths of time and sizes, read as its server reads them."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "D": 86400, "W": 604800, "M": 2592000, "Y": 31536000}
_SIZES = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}
_DECIMAL_COMMAS = frozenset({"cs", "da", "de", "es", "fi", "fr", "it", "nl", "pl", "pt", "ru", "sv"})
_PART = re.compile(r"([+-]?\d+)([smhDWMY])")


def read_timespan(text: str | None) -> int | None:
    """Return the seconds of `1D12h`, of a bare number, or 0 of nothing; None when the text is none of these."""
    text = (text or "").strip()
    if not text:
        return 0
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if not re.fullmatch(r"(?:[+-]?\d+[smhDWMY])+", text):
        return None
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def read_size(text: str | None, unit: str = "mb") -> int | None:
    """Return the bytes of `50mb`; a bare number counts in `unit`; None when the text is no size."""
    match = re.fullmatch(r"\s*(\d+)\s*([kmgt]?b)?\s*", text or "", re.IGNORECASE)
    if not match:
        return None
    return int(match[1]) * _SIZES[(match[2] or unit).lower()]


def write_size(size_bytes: int, units: tuple[str, ...], language: str = "") -> str:
    """Return the display text of a size, in the units of the release: `293.56 KiB`, or `293,56 KB` in German."""
    if size_bytes < 1024:
        return f"{size_bytes} {units[0]}"
    value = float(size_bytes)
    for unit in units[1:]:
        value /= 1024
        if value < 1024 or unit == units[-1]:
            text = f"{value:.2f} {unit}"
            return text.replace(".", ",") if language[:2] in _DECIMAL_COMMAS else text
    return ""
