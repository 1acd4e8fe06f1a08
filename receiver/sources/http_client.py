"""HTTP queries: one response within a limit, no redirects, and every failure as a SourceError."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from receiver import __version__
from receiver.host_resolver import Names
from receiver.model.host_name import host_of

LIMIT = 2.0
"""Timeout of a whole response in seconds, because other work waits for it."""
LARGEST = 16 * 1024 * 1024
"""Maximum size of a response in bytes: some ten thousand alerts."""
AT_ONCE = 16
"""Maximum number of concurrent requests to one host; more wait. Other hosts, such as the heartbeat's, do not."""


class SourceError(Exception):
    """There is no usable response; the text has only host and port, because path and query may contain a secret."""

    def __init__(self, reason: str, text: str) -> None:
        """`reason`: timeout, connection, status or bad_answer, a small set for a metric's label."""
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class SourceAnswer:
    """A response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON. Raises SourceError."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise SourceError("bad_answer", f"returned {self.status} with something other than JSON") from None


class SourceClient:
    """The connections to all queried systems; opened by the first query."""

    def __init__(self, limit: float = LIMIT) -> None:
        """`limit`: seconds for a whole response."""
        self.limit = limit
        self._session: aiohttp.ClientSession | None = None

    async def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        limit: float | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = LARGEST,
    ) -> SourceAnswer:
        """Return the response to a GET, with any status; `most`: its maximum size in bytes. Raises SourceError."""
        return await self._ask("GET", url, limit or self.limit, most, params=params, headers=headers)

    async def send(
        self,
        method: str,
        url: str,
        body: Any = None,
        limit: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> SourceAnswer:
        """Return the response to a request with a JSON body. Raises SourceError."""
        return await self._ask(method, url, limit or self.limit, json=body, headers=headers)

    async def submit(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None, limit: float | None = None
    ) -> SourceAnswer:
        """Return the response to a POST of a form, with any status. Raises SourceError."""
        return await self._ask("POST", url, limit or self.limit, data=form, headers=headers)

    async def close(self) -> None:
        """Close every connection; a later query opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=AT_ONCE, resolver=Names(AT_ONCE)),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"receiver/{__version__}"},
                trust_env=False,
            )
        return self._session

    async def _ask(self, method: str, url: str, limit: float, most: int = LARGEST, **more: Any) -> SourceAnswer:
        host = host_of(url)
        try:
            async with (
                asyncio.timeout(limit),
                self._open().request(method, url, allow_redirects=False, **more) as response,
            ):
                body = await response.content.read(most + 1)
                while not response.content.at_eof() and len(body) <= most:
                    body += await response.content.read(most + 1 - len(body))
                if len(body) > most:
                    raise SourceError("bad_answer", f"{host} returned more than {most} bytes")
                return SourceAnswer(response.status, body)
        except TimeoutError:
            raise SourceError("timeout", f"no response from {host} within {limit:g} s") from None
        except aiohttp.ClientConnectorError:
            raise SourceError("connection", f"no connection to {host}") from None
        except (aiohttp.InvalidURL, ValueError):
            raise SourceError("connection", f"the address of {host} is not valid") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SourceError("connection", f"the connection to {host} was lost: {type(error).__name__}") from None
