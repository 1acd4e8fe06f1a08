"""The address of the client: that of the connection, or the one from a trusted proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from aiohttp import web

FORWARDED = "X-Forwarded-For"
LONGEST = 2000
"""Characters of the header that are read, from its end: clients can write the part on the left."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_of(request: web.Request, proxies: Sequence[str]) -> str:
    """Return the peer that sent `request`, in the form of `peer_of`.

    X-Forwarded-For is trusted only from one of `proxies` (networks, `server.trusted_proxies`), and only up to the
    first address from the right that is not a proxy.
    """
    here = request.remote or ""
    if not is_trusted(here, proxies):
        return peer_of(here)
    for given in reversed(",".join(request.headers.getall(FORWARDED, []))[-LONGEST:].split(",")):
        address = _address(given.strip())
        if address is None:
            break
        here = str(address)
        if not is_trusted(here, proxies):
            break
    return peer_of(here)


def peer_of(address: str) -> str:
    """Return what counts as one peer: an IPv4 address, or the /64 of an IPv6 address, which one customer has."""
    found = _address(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found) if found else address


def is_trusted(address: str, proxies: Sequence[str]) -> bool:
    """Return whether `address` is in one of the networks `proxies`."""
    found = _address(address) if proxies else None
    return found is not None and any(found in network for network in _networks(tuple(proxies)))


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(proxy, strict=False) for proxy in proxies)


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # This is the form of an IPv4 peer on a dual-stack socket.
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
