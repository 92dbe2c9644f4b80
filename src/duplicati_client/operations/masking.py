"""Hide secrets in what is about to be shown: definitions, addresses of destinations, settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from .. import errors

MASK = "********"
# Beside the options that the server itself calls passwords: keys and tokens that it shows in clear.
_SECRET_NAME = re.compile(r"pass(word|phrase)?\b|passwd|secret|token|salt|access-?key|api-?key|private-?key|-key$|^key$|authid|credential|certificate|config$")  # fmt: skip  # noqa: E501
# Bounded so that no text, however made, costs more than a few steps a character.
_QUERY_PART = re.compile(r"([?&])([^=&#?]+)=([^&#]*)")
# As far as the last @, for a password may hold some; anywhere in a text, for messages quote addresses.
_USER_PART = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,30}://)[^/?#\s\"']*@")
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s\"']*")
_DEEPEST = 50


def is_secret_name(name: str, secret_options: frozenset[str] = frozenset()) -> bool:
    """Say whether a setting or parameter of this name holds a secret."""
    bare = name.lstrip("-").lower()
    return bare in secret_options or _SECRET_NAME.search(bare) is not None


def hide_url(url: str, secret_options: frozenset[str] = frozenset()) -> str:
    """Hide the user part and the secret parameters of a destination's address."""
    hidden = _USER_PART.sub(rf"\1{MASK}@", url) if "@" in url else url
    return _QUERY_PART.sub(lambda part: _hide_part(part, secret_options), hidden)


def _hide_part(part: re.Match[str], secret_options: frozenset[str]) -> str:
    mark, name, value = part.groups()
    is_secret = bool(value) and is_secret_name(unquote(name), secret_options)
    return f"{mark}{name}={MASK if is_secret else value}"


def hide_text(text: str) -> str:
    """Hide what is secret in the addresses that a message quotes."""
    return _ADDRESS.sub(lambda found: hide_url(found.group()), text) if "://" in text else text


def hide_definition(raw: Any, secret_options: frozenset[str], *, depth: int = 0) -> Any:
    """Return a copy of a definition, or of anything inside one, in which no secret is left.

    Raises `NotUnderstood` for what is nested deeper than any definition is.
    """
    if depth > _DEEPEST:
        raise errors.NotUnderstood("the answer is nested deeper than anything that a server has to say")
    if isinstance(raw, dict):
        name = raw.get("Name")
        if isinstance(name, str) and "Value" in raw and is_secret_name(name, secret_options) and raw["Value"]:
            return {**raw, "Value": MASK}
        return {key: _hide_member(key, value, secret_options, depth) for key, value in raw.items()}
    if isinstance(raw, list):
        return [hide_definition(item, secret_options, depth=depth + 1) for item in raw]
    return hide_url(raw, secret_options) if isinstance(raw, str) and "://" in raw else raw


def _hide_member(name: str, value: Any, secret_options: frozenset[str], depth: int) -> Any:
    """2.1.0.5 shows the options of a task as an object of names and values."""
    is_secret = isinstance(value, str) and value and is_secret_name(name, secret_options)
    return MASK if is_secret else hide_definition(value, secret_options, depth=depth + 1)


def hide_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the server's settings without secrets; 2.0.8.1 lists the password's hash among them."""
    return {name: MASK if value and is_secret_name(name) else hide_url(value) for name, value in settings.items()}
