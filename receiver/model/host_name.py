"""How a message names the host of an address: with its port, and without path, query, user and password."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_of(url: str, otherwise: str = "the address") -> str:
    """Return host and port of `url`: of two on one machine the port says which. `otherwise`: where there is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return otherwise
    if not host:
        return otherwise
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
