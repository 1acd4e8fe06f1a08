"""Returns the host of an address for messages: with its port, and without path, query, user and password."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_of(url: str, otherwise: str = "the address") -> str:
    """Return host and port of `url`, because the port distinguishes two services on one machine; else `otherwise`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return otherwise
    if not host:
        return otherwise
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
