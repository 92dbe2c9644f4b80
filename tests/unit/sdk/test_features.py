"""What a release lacks is refused before anything with an effect is sent, with the release that has it."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.sdk import features
from duplicati_client.sdk.features import Feature
from tests.fakes import answer
from tests.unit.sdk.asking import channel_to

ALL = [feature for feature in vars(features).values() if isinstance(feature, Feature)]
TOOL = Feature(deed="make tea", since=(2, 2), instead="make it yourself")


@pytest.mark.parametrize(
    ("release", "since", "is_there"),
    [
        ("2.0.8.1", (2, 1), False),
        ("2.0.8.1", (2, 2), False),
        ("2.1.0.5", (2, 1), True),
        ("2.1.0.5", (2, 2), False),
        ("2.2.0.3", (2, 2), True),
        ("2.3.0.4", (2, 3, 1), False),
        ("2.3.1.0", (2, 3, 1), True),
    ],
)
def test_feature_is_there_from_its_release_on(release: str, since: tuple[int, ...], is_there: bool) -> None:
    channel, transport = channel_to(release=release)
    assert features.has(channel, TOOL._replace(since=since)) is is_there
    assert transport.requests == []


def test_refusal_names_the_server_the_release_that_can_and_the_next_step() -> None:
    channel, transport = channel_to(release="2.0.8.1")
    with pytest.raises(errors.NotSupported) as caught:
        features.require(channel, TOOL)
    assert caught.value.message == "this server (2.0.8.1) cannot make tea; 2.2 and later can"
    assert caught.value.hint == "make it yourself"
    assert transport.requests == []


def test_modern_server_is_asked_for_its_version_before_a_refusal() -> None:
    channel, transport = channel_to(answer(200, {"ServerVersion": "2.1.0.5"}), release="2.1.0.4")
    with pytest.raises(errors.NotSupported, match=r"this server \(2\.1\.0\.5\) cannot make tea"):
        features.require(channel, TOOL)
    assert transport.asked == ["GET api/v1/systeminfo"]


def test_server_upgraded_since_the_session_was_stored_has_the_feature() -> None:
    channel, _ = channel_to(answer(200, {"ServerVersion": "2.3.1.0"}), release="2.1.0.5")
    features.require(channel, TOOL)
    assert channel.release == (2, 3, 1, 0)


def test_server_of_unknown_version_lacks_the_feature_without_a_made_up_number() -> None:
    channel, _ = channel_to(answer(200, {"ServerVersion": "custom"}), release="custom")
    with pytest.raises(errors.NotSupported, match=r"this server cannot make tea; 2\.2 and later can"):
        features.require(channel, TOOL)


def test_canary_build_of_the_modern_generation_counts_as_modern() -> None:
    channel, _ = channel_to()
    channel.store.save(channel.store.load()._replace(version="2.0.9.106"))
    assert features.has(channel, TOOL._replace(since=(2, 1)))
    assert not features.has(channel, TOOL)


@pytest.mark.parametrize("feature", ALL, ids=lambda feature: feature.deed)
def test_each_deed_fits_the_sentence(feature: Feature) -> None:
    assert feature.deed == feature.deed.strip(" .")
    assert feature.deed[0].islower()
    assert feature.since >= (2, 1)
