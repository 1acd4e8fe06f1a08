"""Requests of a proxy that leaves `server.public_path` in the path: it is taken off before the routes are looked at."""

from __future__ import annotations

from aiohttp.http_parser import RawRequestMessage
from yarl import URL


def without_prefix(message: RawRequestMessage, prefix: str) -> RawRequestMessage:
    """Return `message` without `prefix` ('' or such as `/receiver`); unchanged where its path is not below that.

    A proxy that takes the prefix off itself sends paths without it, so both are served.
    """
    if not prefix or not message.path.startswith(prefix):
        return message
    rest = message.path.removeprefix(prefix)
    if rest[:1] not in ("", "/", "?"):
        return message
    # Built from its parts: a rest that begins with // would be read as the name of a host.
    path, query = message.url.raw_path.removeprefix(prefix) or "/", message.url.raw_query_string
    url = URL.build(path=path, query_string=query, encoded=True)
    return message._replace(path=rest if rest.startswith("/") else f"/{rest}", url=url)
