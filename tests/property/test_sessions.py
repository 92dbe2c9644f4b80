"""What is stored comes back, and what is damaged never breaks or mixes two sessions."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duplicati_client.sdk.auth.modern import _read_life_seconds
from duplicati_client.sdk.auth.store import FileSessionStore, MemorySessionStore, Session

texts = st.none() | st.text(max_size=20).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))
required = texts.map(lambda text: text or "")
sessions = st.builds(
    Session,
    url=required,
    generation=required,
    access_token=texts,
    access_ends_at=st.floats(0, 3e9),
    cookie_name=texts,
    refresh_token=texts,
    refresh_nonce=texts,
    xsrf_token=texts,
    session_token=texts,
    version=texts,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(Session._fields) | st.text(max_size=3), inner, max_size=6)
    ),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sessions") / "nas.json"


@given(session=sessions)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_session_comes_back_as_it_was_stored(path: Path, session: Session) -> None:
    FileSessionStore(str(path)).save(session)
    assert FileSessionStore(str(path)).load() == session


@given(session=sessions)
def test_memory_gives_back_what_it_was_given(session: Session) -> None:
    store = MemorySessionStore()
    store.save(session)
    assert store.load() == session


@given(content=st.binary(max_size=60) | JSON.map(lambda raw: json.dumps(raw).encode()))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_a_sane_session_or_none(path: Path, content: bytes) -> None:
    store = FileSessionStore(str(path))
    path.write_bytes(content)
    found = store.load()
    if found is not None:
        assert isinstance(found.url, str)
        assert 0 <= found.access_ends_at < 1e10
        assert all(value is None or isinstance(value, str | float) for value in found)


@given(cut=st.integers(0, 400), session=sessions)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_half_a_file_is_no_session(path: Path, cut: int, session: Session) -> None:
    store = FileSessionStore(str(path))
    store.save(session)
    whole = path.read_bytes()
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    assert store.load() is None


@given(st.text() | JSON.map(lambda raw: "a." + b64encode(json.dumps(raw).encode()).decode() + ".c"))
@settings(max_examples=150)
def test_any_token_has_a_sane_life(token: Any) -> None:
    assert 0 < _read_life_seconds(token) < 1e9
