"""ntfy's stream of a topic: one message per line, as long as the connection is open."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from receiver import __version__
from receiver.sources.http_client import SourceError

CONNECT_LIMIT = 5.0
SILENCE_LIMIT = 120.0
"""Seconds without a line after which the connection counts as lost: the server sends a line every 45 s."""
LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class Posted:
    """A message posted to a topic."""

    id: str
    text: str


@dataclass(frozen=True)
class NtfyTopic:
    """A topic to read."""

    server: str
    topic: str
    token: str = field(default="", repr=False)

    async def read(self, since: str) -> AsyncGenerator[Posted | None]:
        """Yield each message that was posted after `since` (a message's id, or a duration such as 12h), then new ones.

        None is a keep-alive. Raises SourceError if the stream ends for any reason.
        """
        host = urlsplit(self.server).hostname or "the server"
        timeout = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_LIMIT, sock_connect=CONNECT_LIMIT, sock_read=SILENCE_LIMIT
        )
        headers = {"User-Agent": f"receiver/{__version__}"}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=timeout, headers=headers, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(),
                    read_bufsize=LONGEST_LINE,
                ) as session,
                session.get(
                    f"{self.server}/{self.topic}/json", params={"since": since}, allow_redirects=False
                ) as response,
            ):  # fmt: skip
                if response.status != 200:
                    raise SourceError("status", f"{host} returned {response.status}")
                async for line in response.content:
                    yield _posted(line)
        except TimeoutError:
            raise SourceError("timeout", f"{host} sent nothing") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceError("connection", f"the stream from {host} was interrupted: {type(error).__name__}") from None
        raise SourceError("connection", f"{host} closed the stream")


def _posted(line: bytes) -> Posted | None:
    try:
        said: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict) or said.get("event") != "message":
        return None
    name, text = said.get("id"), said.get("message")
    return Posted(name, text) if isinstance(name, str) and isinstance(text, str) else None
