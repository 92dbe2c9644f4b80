"""Every definition that real servers gave: an edit that changes nothing gives back what came, and shows no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from duplicati_client.operations.definition import read_fields, write_definition
from duplicati_client.operations.document import read_document, write_document
from duplicati_client.sdk.models import read_release as read_version
from recordings import RELEASES, read_release

OPTIONS_OF_SECRETS = frozenset({"passphrase", "auth-password"})
DAYS_KNOWN = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def definitions(release: str) -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for entry in read_release(release):
        is_one = entry.method == "GET" and re.fullmatch(r"/api/v1/backup/[0-9a-f-]+", entry.path) is not None
        if is_one and entry.status == 200 and entry.answer is not None:
            found.append((entry.where, entry.answer.get("data", entry.answer)))
    return found


def expected(raw: Mapping[str, Any], release: str) -> dict[str, Any]:
    """Return what came, but for what each release wants otherwise when it comes back."""
    inner, schedule = dict(raw["Backup"]), raw["Schedule"] and dict(raw["Schedule"])
    if read_version(release) >= (2, 2):
        inner["Metadata"] = None
    if schedule and schedule["AllowedDays"]:
        schedule["AllowedDays"] = [day for day in DAYS_KNOWN if day in schedule["AllowedDays"]]
    return {"Backup": inner, "Schedule": schedule}


@pytest.mark.parametrize("release", RELEASES)
def test_definition_that_nobody_changed_goes_back_as_it_came(release):
    for where, raw in definitions(release):
        text = write_document(read_fields(raw, OPTIONS_OF_SECRETS), {})
        body = write_definition(raw, read_document(text).fields, OPTIONS_OF_SECRETS, read_version(release))
        assert body == expected(raw, release), where


@pytest.mark.parametrize("release", RELEASES)
def test_no_secret_of_a_definition_stands_in_the_text(release):
    hidden = 0
    for where, raw in definitions(release):
        text = write_document(read_fields(raw, OPTIONS_OF_SECRETS), {})
        settings = {item["Name"]: item["Value"] for item in raw["Backup"]["Settings"]}
        secrets = [value for name, value in settings.items() if name.lstrip("-") in OPTIONS_OF_SECRETS]
        secrets += re.findall(r"[?&]auth-password=([^&]+)", raw["Backup"]["TargetURL"])
        assert not [secret for secret in secrets if secret in text], where
        hidden += len(secrets)
    assert hidden
