"""Reading arbitrary JSON, or bytes that are none, never raises anything but an error of ours."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.operations.masking import hide_definition, hide_settings
from duplicati_client.sdk import answers, events
from duplicati_client.sdk.activity import Progress, QueuedTask, ServerState, ServerTask
from duplicati_client.sdk.models import Backup, LogRow, Notification, Schedule, ServerLogEntry, SystemInfo, Version
from duplicati_client.sdk.refusals import explain
from tests.fakes import Answer, answer

KNOWN = st.sampled_from(
    [
        "ID",
        "Backup",
        "Schedule",
        "Metadata",
        "Settings",
        "Sources",
        "Name",
        "Value",
        "Status",
        "TaskID",
        "Item1",
        "ActiveTask",
        "SchedulerQueueIds",
        "ProposedSchedule",
        "Item2",
        "Phase",
        "TotalFileSize",
        "ProcessedFileSize",
        "BackendSpeed",
        "Timestamp",
        "When",
        "Time",
        "AllowedDays",
        "Options",
        "Type",
        "ServerVersion",
        "Data",
        "Exception",
        "IsFullBackup",
        "APIExtensions",
        "Error",
        "Message",
        "LastBackupStarted",
    ]
)
TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        "2026-11-24T12:00:00Z",
        "20261124T120000Z",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59-23:00",
        "3",
        "legacystatus",
        "progress",
        "taskcompleted",
        "99.99:99:99",
        "٣",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KNOWN | st.text(max_size=4), inner, max_size=5),
    max_leaves=12,
)
READERS = (
    Backup.read,
    Schedule.read,
    ServerTask.read,
    QueuedTask.read,
    ServerState.read,
    Progress.read,
    LogRow.read,
    ServerLogEntry.read,
    Notification.read,
    Version.read,
    SystemInfo.read,
)


def touch(found: Any) -> None:
    """Look at everything that is read only when it is looked at."""
    for name in dir(type(found)):
        if not name.startswith("_"):
            getattr(found, name)
    if isinstance(found, Backup):
        touch(found.metadata)


@given(JSON | st.dictionaries(KNOWN, JSON, max_size=6))
@settings(max_examples=200, deadline=None)
def test_models_read_anything_or_say_that_they_cannot(raw: Any) -> None:
    for read in READERS:
        try:
            found = read(raw)
        except errors.NotUnderstood:
            continue
        if found is not None:
            touch(found)
            assert getattr(found, "raw", raw) is raw


@given(JSON)
def test_messages_of_a_socket_are_events_or_nothing(raw: Any) -> None:
    text = json.dumps(raw, allow_nan=True)
    assert events._read_message(text) is None or events._read_message(text.encode()) is not None


@given(
    st.binary(max_size=60) | JSON.map(lambda raw: json.dumps(raw).encode()),
    st.sampled_from(["", "text/html", "application/json"]),
)
@settings(max_examples=200)
def test_bytes_are_decoded_or_not_understood(body: bytes, kind: str) -> None:
    try:
        decoded = answers.decode(answer(200, body, headers=[("Content-Type", kind)]), "it")
    except errors.NotUnderstood:
        return
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    assert decoded == json.loads(text) if text else decoded is None


@given(
    st.integers(300, 599), JSON.map(lambda raw: json.dumps(raw).encode()) | st.binary(max_size=40), st.text(max_size=20)
)
@settings(max_examples=200)
def test_every_refusal_is_an_error_of_ours(status: int, body: bytes, reason: str) -> None:
    error = explain(Answer(status, reason, (), body), "the thing")
    assert isinstance(error, errors.DuplicatiClientError)
    assert error.message


@given(JSON, st.text("abcdef0123456789", min_size=8, max_size=20))
@settings(max_examples=200)
def test_masking_leaves_no_secret_wherever_it_stands(around: Any, secret: str) -> None:
    raw = [
        around,
        {
            "Settings": [{"Name": "--passphrase", "Value": secret}],
            "Options": {"auth-password": secret},
            "TargetURL": f"ssh://user:{secret}@host/?auth-password={secret}&x=1",
            "Message": f"cannot reach ftp://me:{secret}@host now",
        },
    ]
    hidden = hide_definition(raw, frozenset())
    assert secret not in json.dumps(hidden[1])
    json.dumps(hide_definition(around, frozenset(["name"])))


@given(
    st.dictionaries(st.text(max_size=10), st.text(max_size=10)), st.text("abcdef0123456789", min_size=8, max_size=20)
)
def test_settings_keep_their_names_and_lose_their_secrets(found: dict[str, str], secret: str) -> None:
    hidden = hide_settings({**found, "server-passphrase": secret, "--url": f"s3://x?aws-secret-access-key={secret}"})
    assert set(hidden) == {*found, "server-passphrase", "--url"}
    assert secret not in hidden["server-passphrase"] + hidden["--url"]
