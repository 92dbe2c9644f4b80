"""Hides secrets in what the sandbox shows and puts them back into what a client returns."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

PLACEHOLDER = "*" * 15
# The options of type Password of a server (2.3.1.0 settings:51), and those of destination types it lacked.
SECRET_NAMES = frozenset(
    {
        "api-key", "api-token", "auth-password", "authid", "aws-secret-access-key", "aws_secret_access_key",
        "azure-access-key", "azure-access-sas-token", "azure_access_key", "b2-applicationkey", "client-secret",
        "gcs-service-account-json", "mega-password", "new-passphrase", "openstack-apikey", "openstack-password",
        "passphrase", "password", "secret-provider", "send-http-password", "send-mail-password",
        "send-xmpp-password", "ssh-keyfile-password", "storj-secret", "storj-shared-access",
    }
)  # fmt: skip


def is_secret(name: str) -> bool:
    """Say whether an option, with or without leading dashes, holds a secret."""
    return name.lstrip("-").lower() in SECRET_NAMES


def is_placeholder(value: str | None) -> bool:
    """Say whether a value stands for a hidden one: nothing but asterisks, more than three, perhaps URL-encoded."""
    return bool(value) and len(unquote(value or "")) > 3 and not unquote(value or "").strip("*")


def _map_query(url: str, change: Any) -> str:
    head, mark, query = url.partition("?")
    if not mark:
        return url
    pairs = [pair.partition("=") for pair in query.split("&")]
    return head + "?" + "&".join(change(name, separator, value) for name, separator, value in pairs)


def mask_url(url: str) -> str:
    """Hide the secret query values of a target URL."""

    def hide(name: str, separator: str, value: str) -> str:
        return (
            f"{name}={PLACEHOLDER}" if separator and value and is_secret(unquote(name)) else f"{name}{separator}{value}"
        )

    return _map_query(url, hide)


def strip_url(url: str) -> str:
    """Remove the secret query values of a target URL, as an export without passwords does."""
    head, mark, query = url.partition("?")
    kept = [pair for pair in query.split("&") if pair and not is_secret(unquote(pair.partition("=")[0]))]
    return head + (mark + "&".join(kept) if kept else "")


def unmask_url(url: str, stored: str) -> str | None:
    """Put stored query values back where the placeholder stands; None when nothing is stored for one."""
    values = {
        unquote(name).lower(): value
        for name, _, value in (pair.partition("=") for pair in stored.partition("?")[2].split("&"))
    }
    missing = []

    def reveal(name: str, separator: str, value: str) -> str:
        if not is_placeholder(value):
            return f"{name}{separator}{value}"
        if unquote(name).lower() not in values:
            missing.append(name)
        return f"{name}={values.get(unquote(name).lower(), '')}"

    result = _map_query(url, reveal)
    return None if missing else result


def mask_source(source: str) -> str:
    """Hide the secret query values of a remote source, `@<mount point>|<url>`; a path has none."""
    return mask_url(source) if source.startswith("@") else source


def unmask_sources(sources: list[str], stored: list[str]) -> list[str] | None:
    """Put stored query values back into the sources of the same mount point; None when nothing is stored for one."""
    known = {source.partition("|")[0]: source for source in stored}
    result = [
        unmask_url(source, known.get(source.partition("|")[0], "")) if source.startswith("@") else source
        for source in sources
    ]
    whole = [source for source in result if source is not None]
    return whole if len(whole) == len(result) else None


def mask_targets(targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hide the secret query values of additional destinations."""
    return [{**target, "TargetUrl": mask_url(str(target.get("TargetUrl") or ""))} for target in targets]


def unmask_targets(targets: list[dict[str, Any]], stored: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Put stored query values back into the additional destinations of the same key; None as above."""
    known = {str(target.get("UrlKey")): str(target.get("TargetUrl")) for target in stored}
    result = []
    for target in targets:
        url = unmask_url(str(target.get("TargetUrl") or ""), known.get(str(target.get("UrlKey")), ""))
        if url is None:
            return None
        result.append({**target, "TargetUrl": url})
    return result


def has_masked_query(url: str) -> bool:
    """Say whether a URL holds the placeholder anywhere."""
    return bool(re.search(r"=(?:\*|%2[aA]){4,}(?:&|$)", url)) or is_placeholder(url)


def mask_settings(settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the settings with secret values hidden."""
    return [
        {**setting, "Value": PLACEHOLDER} if is_secret(setting["Name"]) and setting["Value"] else dict(setting)
        for setting in settings
    ]


def unmask_settings(settings: list[dict[str, Any]], stored: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Put stored values back where the placeholder stands; None when nothing is stored under such a name."""
    values = {setting["Name"].lower(): setting["Value"] for setting in stored}
    result = []
    for setting in settings:
        if not is_placeholder(setting["Value"]):
            result.append(setting)
        elif setting["Name"].lower() in values:
            result.append({**setting, "Value": values[setting["Name"].lower()]})
        else:
            return None
    return result


def quote_for_shell(text: str) -> str:
    """Quote an argument as the exported command line does: only when it needs it."""
    return text if re.fullmatch(r"[\w@%+=:,./-]*", text, re.ASCII) else '"' + text.replace('"', '\\"') + '"'


def encoded(text: str) -> str:
    """Encode a text for a query value."""
    return quote(text, safe="")
