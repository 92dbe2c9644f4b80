"""Where a request comes from: the address that connected, or the one that a trusted proxy says it speaks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

_CHARACTERS_MAX: Final = 4096
_IPV6_SITE_BITS: Final = 64
"""As much of an IPv6 address as one customer of a provider has at least."""
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;"]*)', re.IGNORECASE)
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")


class Proxies:
    """The proxies whose word is believed about whom they speak for; none, unless they are named."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def find_client(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the address that the last trusted proxy was connected from; `peer` is who connected to us.

        A proxy writes one of the two headers and may let the other pass as it came, from whomever. So where both are
        there and do not say the same, neither is believed.
        """
        if not self._networks or not self._trusts(_read_address(peer)):
            return peer
        named: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"forwarded": []}
        for name, value in headers:
            if name in named:
                named[name].append(value[:_CHARACTERS_MAX].decode("latin-1"))
        found = {
            self._go_back(peer, hops)
            for hops in (_split(named[b"x-forwarded-for"]), [_find_for(one) for one in _split(named[b"forwarded"])])
            if hops
        }
        return found.pop() if len(found) == 1 else peer

    def _go_back(self, peer: str, hops: Sequence[str]) -> str:
        """Go from proxy to proxy as long as they are trusted, the nearest first; what is no address ends the way."""
        for hop in reversed(hops):
            address = _read_address(hop)
            if address is None:
                break
            peer = str(address)
            if not self._trusts(address):
                break
        return peer

    def _trusts(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def read_network(text: str) -> Network:
    """Return what `ADDRESS[/BITS]` names; raises `ValueError`."""
    return ip_network(text.strip(), strict=False)


def name_site(address: str) -> str:
    """Return the network that failed logins of an address are counted for."""
    known = _read_address(address)
    if isinstance(known, IPv6Address):
        return str(IPv6Network((known, _IPV6_SITE_BITS), strict=False))
    return address if known is None else str(known)


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip().strip('"')
    with_port = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((with_port[1] or with_port[2]) if with_port else text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _split(values: Sequence[str]) -> list[str]:
    return [part for value in values for part in value.split(",")]


def _find_for(element: str) -> str:
    found = _FOR.search(element)
    return found[1] if found else ""
