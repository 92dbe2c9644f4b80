"""A small text file that a person names, such as one with headers or a password."""

from __future__ import annotations

from .. import errors


def read_small_file(path: str) -> str:
    """Return the beginning of a text file; raises `InvalidValue`."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read(64 * 1024)
    except OSError as exc:
        raise errors.InvalidValue(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise errors.InvalidValue(f"{path} is not UTF-8 text") from exc
