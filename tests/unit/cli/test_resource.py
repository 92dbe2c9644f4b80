"""A word of the command line as a resource of a task: a number is an id only where it is written as one."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client.cli.resource import write_resource


@pytest.mark.parametrize(
    ("selector", "members"),
    [
        (None, {}),
        ("1", {"ID": 1}),
        ("0", {"ID": 0}),
        ("Documents", {"Name": "Documents"}),
        ("01", {"Name": "01"}),
        ("-1", {"Name": "-1"}),
        ("٣", {"Name": "٣"}),
        ("9" * 15, {"ID": int("9" * 15)}),
        ("9" * 16, {"Name": "9" * 16}),
    ],
)
def test_selector_is_an_id_or_a_name(selector: str | None, members: dict[str, Any]) -> None:
    assert write_resource("backup", selector) == {"Type": "backup", **members}
