"""Removes `server.public_path` from the path before routing, for proxies that keep it."""

from __future__ import annotations

from aiohttp.http_parser import RawRequestMessage
from yarl import URL


def without_prefix(message: RawRequestMessage, prefix: str) -> RawRequestMessage:
    """Return `message` without `prefix` ('' or such as `/receiver`); unchanged if its path is not below it.

    A proxy that strips the prefix sends paths without it, so both forms are served.
    """
    if not prefix or not message.path.startswith(prefix):
        return message
    rest = message.path.removeprefix(prefix)
    if rest[:1] not in ("", "/", "?"):
        return message
    # Built from its parts, because a rest that begins with // would be parsed as a host name.
    path, query = message.url.raw_path.removeprefix(prefix) or "/", message.url.raw_query_string
    url = URL.build(path=path, query_string=query, encoded=True)
    return message._replace(path=rest if rest.startswith("/") else f"/{rest}", url=url)
