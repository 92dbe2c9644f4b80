"""Hide secrets in what is about to be shown, and put them back into what was edited meanwhile; reads no server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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
_PLACE = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,30}://)(?:[^/?#\s\"']*@)?([^/?#\s\"']*)")
_USER_OF_HOST = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,30}://)(?P<user>[^/?#\s\"']*)@(?=(?P<host>[^/?#&\s\"']*))"
)
_USER_OR_QUERY = re.compile(_USER_OF_HOST.pattern + r"|(?P<mark>[?&])(?P<name>[^=&#?]+)=(?P<value>[^&#]*)")
_PLACEHOLDER = re.compile(r"(?:\*|%2[aA]){4,}")
_USER = "@"
_ANEW = "put the secret itself in its place, or put the line back to what it was; a secret stays with its server"
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


def is_placeholder(text: str) -> bool:
    """Say whether a text stands for a secret: nothing but asterisks, more than three (API reference, 7.5)."""
    return _PLACEHOLDER.fullmatch(text) is not None


def conceal(text: str, secret_options: frozenset[str]) -> str:
    """Hide what is secret in the addresses inside a text, as `hide_url` does, so that `reveal` can put it back."""
    return hide_url(text, secret_options) if "://" in text else text


def reveal(text: str, stored: Sequence[str], secret_options: frozenset[str]) -> str:
    """Put the secrets of stored texts back where an edited text has their placeholders.

    A secret goes only to the server it was stored for, and to the parameter of the same name. Raises `InvalidValue`
    for a placeholder that stands for nothing.
    """
    for known in stored:
        if text == conceal(known, secret_options):
            return known
    if is_placeholder(text):
        raise _no_secret(text)
    secrets: dict[tuple[str, int], str] = {}
    for known in stored:
        secrets |= _list_secrets(known, secret_options)
    seen: dict[str, int] = {}

    def put_back(key: str, value: str) -> str:
        seen[key] = at = seen.get(key, -1) + 1
        if not is_placeholder(value):
            return value
        if (key, at) not in secrets:
            raise _no_secret(value)
        return secrets[key, at]

    return _replace_secrets(text, put_back)


def _no_secret(placeholder: str) -> errors.InvalidValue:
    return errors.InvalidValue(f"{placeholder} stands for a secret, but none is stored there", hint=_ANEW)


def _list_secrets(text: str, secret_options: frozenset[str]) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    seen: dict[str, int] = {}

    def note(key: str, value: str) -> str:
        seen[key] = at = seen.get(key, -1) + 1
        name = key.rpartition("?")[2]
        is_secret = key.startswith(_USER) or is_placeholder(value) or (value and is_secret_name(name, secret_options))
        if is_secret:
            found[key, at] = value
        return MASK if is_secret else value

    _replace_secrets(text, note)
    return found


def _replace_secrets(text: str, replace: Callable[[str, str], str]) -> str:
    """Give each user part and parameter to a function, with a key that names it and its server, and take its answer.

    What was put in is not read again: it may look like a part of an address itself.
    """
    if "://" not in text:
        return text
    first = _PLACE.search(text)
    place = f"{first[1]}{first[2]}".lower() if first else ""

    def replace_user(found: re.Match[str]) -> str:
        scheme, user, host = found["scheme"], found["user"], found["host"]
        return f"{scheme}{replace(f'{_USER}{scheme}{host}'.lower(), user)}@"

    def replace_part(found: re.Match[str]) -> str:
        if found["name"] is None:
            return replace_user(found)
        value = replace(f"{place}?{unquote(found['name']).lower()}", found["value"])
        if value == found["value"]:
            value = _USER_OF_HOST.sub(replace_user, value)
        return f"{found['mark']}{found['name']}={value}"

    return _USER_OR_QUERY.sub(replace_part, text)
