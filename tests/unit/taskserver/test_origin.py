"""Whom a request comes from: proxies are believed if they are named, and only as far as they can know."""

from __future__ import annotations

import pytest

from duplicati_client.taskserver.origin import Proxies, name_site, read_network

PROXIES = Proxies([read_network("10.0.0.0/8"), read_network("2001:db8:1::/48")])


def find(peer, forwarded_for=None, forwarded=None, proxies=PROXIES):
    headers = [(b"host", b"tasks.example.org")]
    headers += [(b"x-forwarded-for", forwarded_for.encode())] if forwarded_for is not None else []
    headers += [(b"forwarded", forwarded.encode())] if forwarded is not None else []
    return proxies.find_client(peer, headers)


def test_without_named_proxies_the_address_that_connected_counts():
    assert find("127.0.0.1", "198.51.100.7", proxies=Proxies()) == "127.0.0.1"


def test_somebody_else_than_a_named_proxy_speaks_for_nobody():
    assert find("198.51.100.9", "203.0.113.1") == "198.51.100.9"


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ("203.0.113.1", "203.0.113.1"),
        ("192.0.2.66, 203.0.113.1", "203.0.113.1"),
        ("192.0.2.66, 203.0.113.1, 10.1.1.1", "203.0.113.1"),
        ("10.1.1.1, 10.1.1.2", "10.1.1.1"),
        ("203.0.113.1:4711", "203.0.113.1"),
        ("[2001:db8:2::7]:4711", "2001:db8:2::7"),
        ("2001:db8:2::7", "2001:db8:2::7"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        ("unknown", "10.0.0.1"),
        ("203.0.113.1, unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("203.0.113.1, 10.1.1.1, ' or 1=1", "10.0.0.1"),
    ],
)
def test_a_proxy_is_believed_as_far_as_the_first_address_that_is_no_proxy(forwarded_for, client):
    assert find("10.0.0.1", forwarded_for) == client


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("for=203.0.113.1", "203.0.113.1"),
        ("for=192.0.2.66, For=203.0.113.1;proto=https;by=10.0.0.1", "203.0.113.1"),
        ('for="[2001:db8:2::7]:4711"', "2001:db8:2::7"),
        ("proto=https", "10.0.0.1"),
        ("for=_hidden", "10.0.0.1"),
    ],
)
def test_the_standard_header_says_the_same(forwarded, client):
    assert find("10.0.0.1", forwarded=forwarded) == client


def test_headers_that_say_different_things_are_both_not_believed():
    assert find("10.0.0.1", "203.0.113.1", "for=192.0.2.66") == "10.0.0.1"
    assert find("10.0.0.1", "203.0.113.1", "for=203.0.113.1") == "203.0.113.1"


def test_several_headers_of_a_name_are_one_after_the_other():
    headers = [(b"x-forwarded-for", b"192.0.2.66"), (b"x-forwarded-for", b"203.0.113.1")]
    assert PROXIES.find_client("10.0.0.1", headers) == "203.0.113.1"


def test_failures_of_ipv6_count_for_a_whole_site():
    assert name_site("2001:db8:2::7") == name_site("2001:db8:2::8") == "2001:db8:2::/64"
    assert name_site("203.0.113.1") == "203.0.113.1"
    assert name_site("nowhere") == "nowhere"


@pytest.mark.parametrize("text", ["", "example.org", "10.0.0.0/33", "10.0.0.1/x"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match=r"does not appear|Only"):
        read_network(text)
