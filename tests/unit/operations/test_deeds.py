"""What looking after a backup did, in words, as results of real servers tell it."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client.operations.deeds import describe_deed


def verified(*problems: list[object], count: object = None) -> dict[str, Any]:
    listed = [{"Key": f"duplicati-{number}.dblock.zip", "Value": found} for number, found in enumerate(problems)]
    return {"MainOperation": "Test", "Verifications": listed, "VerificationsActualLength": count}


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (verified([], [], []), "3 volumes tested, none damaged."),
        (verified([{"Key": "Error", "Value": "x"}]), "1 volume tested, 1 damaged."),
        (verified(*[[]] * 20, count=300), "300 volumes tested, none damaged."),
        (verified(), None),
        ({"MainOperation": "Repair", "RecreateDatabaseResults": {"x": 1}}, "The local database was rebuilt."),
        (
            {"MainOperation": "Repair", "BackendStatistics": {"FilesUploaded": 1, "FilesDeleted": 2}},
            "1 file put back, 2 unknown files deleted at the destination.",
        ),
        ({"MainOperation": "Repair"}, "Nothing had to be changed at the destination."),
        ({"MainOperation": "Compact", "DeletedFileCount": 0}, "Nothing had to be compacted."),
        (
            {"MainOperation": "Compact", "DeletedFileCount": 4, "UploadedFileCount": 1},
            "4 volumes replaced by 1.",
        ),
        ({"MainOperation": "Vacuum"}, None),
        ({"MainOperation": "Backup", "AddedFiles": 3}, None),
        ({}, None),
        (None, None),
        ({"MainOperation": ["Test"]}, None),
        (verified([]) | {"Verifications": "x"}, None),
        ({"MainOperation": "Compact", "DeletedFileCount": True}, "Nothing had to be compacted."),
        ({"MainOperation": "Repair", "BackendStatistics": [1]}, "Nothing had to be changed at the destination."),
    ],
)
def test_deed_is_told_by_the_counts_of_the_result(result: dict[str, Any] | None, text: str | None) -> None:
    assert describe_deed(result) == text
