"""How to connect to the store: the address, TLS, and the credentials for Sentinels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from receiver.model.store_address import StoreAddress, parse_store_address


@dataclass(frozen=True)
class Endpoint:
    """The data needed to connect."""

    address: StoreAddress
    tls: Mapping[str, Any] = field(default_factory=dict)
    """TLS options of the client; empty without TLS."""
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)


def endpoint(
    url: str,
    *,
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
    sentinel_username: str = "",
    sentinel_password: str = "",
) -> Endpoint:
    """Parse `url`. Raises ValueError if it is not the address of a store."""
    address = parse_store_address(url)
    named = {"ssl_ca_certs": ca_file, "ssl_certfile": cert_file, "ssl_keyfile": key_file}
    tls = {name: path for name, path in named.items() if path} if address.tls else {}
    return Endpoint(address, tls, sentinel_username, sentinel_password)
