"""The example in the documentation of `Duplicati`, run against a sandbox."""

from __future__ import annotations

import doctest

from duplicati_client.sandbox.app import Options, start_in_thread
from duplicati_client.sdk import client


def test_example_does_what_it_shows() -> None:
    with start_in_thread(Options()) as sandbox:
        found = doctest.testmod(client, extraglobs={"URL": sandbox.url, "PASSWORD": sandbox.password})
    assert found.failed == 0
    assert found.attempted >= 2
