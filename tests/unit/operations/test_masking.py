"""No secret of a definition, an address or a setting is left in what may be shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.operations.masking import (
    MASK,
    conceal,
    hide_definition,
    hide_settings,
    hide_url,
    is_secret_name,
    reveal,
)

SECRETS = frozenset({"auth-password"})
RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.mark.parametrize(
    "name",
    [
        "passphrase",
        "--passphrase",
        "auth-password",
        "AWS-Secret-Access-Key",
        "authid",
        "jwt-config",
        "pbkdf-config",
        "server-passphrase-salt",
        "storage-account-key",
        "oauth-token",
        "ssh-key",
        "api-key",
        "remote-control-config",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "dblock-size",
        "encryption-module",
        "keep-time",
        "auth-username",
        "no-encryption",
        "compression-module",
        "throttle-upload",
    ],
)
def test_other_names(name: str) -> None:
    assert not is_secret_name(name)


def test_options_that_the_server_calls_passwords_are_secret() -> None:
    assert is_secret_name("--Odd-Name", frozenset(["odd-name"]))


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("file:///srv/backup", "file:///srv/backup"),
        ("ssh://me:hidden@host/x", f"ssh://{MASK}@host/x"),
        ("ssh://me:hid@den@host/x@y", f"ssh://{MASK}@host/x@y"),
        ("s3://b?auth-username=AKIA&auth-password=hidden#f", f"s3://b?auth-username=AKIA&auth-password={MASK}#f"),
        ("s3://b?auth-%70assword=hidden", f"s3://b?auth-%70assword={MASK}"),
        ("s3://b?passphrase=", "s3://b?passphrase="),
        ("cannot open ftp://me:hidden@host: refused", f"cannot open ftp://{MASK}@host: refused"),
        ("mail a@b.c and http://x/", "mail a@b.c and http://x/"),
    ],
)
def test_secret_parts_of_an_address_are_hidden(url: str, hidden: str) -> None:
    assert hide_url(url) == hidden


def test_empty_secrets_stay_empty() -> None:
    raw = {"Settings": [{"Name": "passphrase", "Value": ""}, {"Name": "passphrase", "Value": None}]}
    assert hide_definition(raw, frozenset()) == raw


def test_original_is_left_as_it_was() -> None:
    raw = {"Settings": [{"Name": "passphrase", "Value": "hidden"}], "Options": {"passphrase": "hidden"}}
    copy = json.loads(json.dumps(raw))
    assert "hidden" not in json.dumps(hide_definition(raw, frozenset()))
    assert raw == copy


def test_settings_of_2_0_8_are_shown_without_hash_salt_and_certificate() -> None:
    hidden = hide_settings(
        {"server-passphrase": "h", "server-passphrase-salt": "s", "server-ssl-certificate": "c", "startup-delay": "1"}
    )
    assert list(hidden.values()) == [MASK, MASK, MASK, "1"]


def test_no_secret_of_any_recorded_answer_is_left() -> None:
    secrets_count = 0
    for path in sorted(RECORDINGS.glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            body = (json.loads(line).get("response") or {}).get("body")
            raw = body.get("json") if isinstance(body, dict) else None
            secrets = set(_secrets(raw))
            secrets_count += len(secrets)
            text = json.dumps(hide_definition(raw, frozenset()), ensure_ascii=False) if secrets else ""
            assert [secret for secret in secrets if secret in text] == [], path
    assert secrets_count > 20


def _secrets(raw: Any) -> list[str]:
    if isinstance(raw, list):
        return [secret for item in raw for secret in _secrets(item)]
    if not isinstance(raw, dict):
        return []
    own = [raw["Value"]] if raw.get("Name") in ("passphrase", "--passphrase") and raw.get("Value") else []
    own += [
        value
        for name, value in raw.items()
        if name in ("server-passphrase", "passphrase") and isinstance(value, str) and value
    ]
    return own + [secret for value in raw.values() for secret in _secrets(value)]


@pytest.mark.parametrize(
    ("stored", "edited", "revealed"),
    [
        ("ftp://u:p@h/a", "ftp://********@h/b", "ftp://u:p@h/b"),
        ("s3://b/a?auth-password=x%20y", "s3://b/c?auth-password=****", "s3://b/c?auth-password=x%20y"),
        ("s3://b/a?token=1&k=2", "s3://b/a?k=3&token=********", "s3://b/a?k=3&token=1"),
        ("s3://b/a?token=1&token=2", "s3://b/c?token=********&token=********", "s3://b/c?token=1&token=2"),
        ("s3://b/a?token=***************", "s3://b/c?token=********", "s3://b/c?token=***************"),
        # What was put in is not read again, and what is hidden as a whole is not counted again.
        ("ftp://u&token=1@h/a?token=2", "ftp://********@h/b?token=********", "ftp://u&token=1@h/b?token=2"),
        ("s3://b/a?token=x://1@h&n=x://2@h", "s3://b/c?token=********&n=x://********@h", "s3://b/c?token=x://1@h&n=x://2@h"),
        ("s3://b/a?token=1", "s3://b/a?token=new", "s3://b/a?token=new"),
    ],
)  # fmt: skip
def test_a_secret_goes_back_to_where_it_was_hidden(stored, edited, revealed):
    assert reveal(edited, [stored], SECRETS) == revealed
    assert reveal(conceal(stored, SECRETS), [stored], SECRETS) == stored


@pytest.mark.parametrize(
    "edited",
    [
        "********",
        "ftp://********@evil/a",
        "sftp://********@h/a?auth-password=****",
        "ftp://h/a?passphrase=********",
        "ftp://h/a?auth-password=********&auth-password=********",
        "ftp://h:22/a?auth-password=%2A%2A%2A%2A",
    ],
)
def test_a_placeholder_that_stands_for_nothing_is_refused(edited):
    with pytest.raises(errors.InvalidValue, match="none is stored there"):
        reveal(edited, ["ftp://u:p@h/a?auth-password=x"], SECRETS)
