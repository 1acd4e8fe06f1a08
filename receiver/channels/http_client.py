"""HTTP to vendors: limits, no redirects, and every failure as a DeliveryError."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from receiver import __version__
from receiver.channels.delivery_error import WHOLE_LIMIT, DeliveryError
from receiver.channels.safe_text import clean, hide
from receiver.host_resolver import Names
from receiver.model.host_name import host_of

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 8.0
"""Timeout of one request and its response; a lease of 12 s is longer."""
NAMES = 32
"""Maximum number of host names resolved at once; a name has one lookup at a time, for all callers."""
PER_HOST = 100
"""Connections to one host at once. There is no common limit: a vendor that never answers would use it up for all."""
BODY_LIMIT = 64 * 1024
RETRY_AFTER_LIMIT = 3600.0
"""Maximum wait in seconds by `Retry-After`: a wrong header must not pause a destination for days."""


@dataclass(frozen=True)
class Reply:
    """A vendor's response; `json` is None if the body is not JSON or is incomplete."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    json: Any = field(repr=False)
    text: str = field(repr=False)


def encode(body: object) -> bytes:
    """Return `body` as compact JSON in UTF-8. Text that UTF-8 cannot encode is replaced, never rejected."""
    with suppress(TypeError):
        return orjson.dumps(body)  # a fifth of the time
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


class Http:
    """The connections that all channels of a process share, opened by the first request."""

    def __init__(self, *, connect: float = CONNECT_SECONDS, total: float = TOTAL_SECONDS) -> None:
        """Timeouts in seconds: for opening a connection, and for a whole request."""
        self.connect = connect
        self.total = total
        self._session: aiohttp.ClientSession | None = None

    async def post_json(self, url: str, body: object, headers: Mapping[str, str] | None = None) -> Reply:
        """Post `body` as JSON and return the response. Raises DeliveryError if there is none."""
        content = {"Content-Type": "application/json; charset=utf-8"}
        return await self.post(url, encode(body), {**content, **(headers or {})})

    async def send_json(
        self, method: str, url: str, body: object, headers: Mapping[str, str] | None = None, limit: int = BODY_LIMIT
    ) -> Reply:
        """Send `body` as JSON by `method`, PUT or PATCH, and return the response. Raises DeliveryError without one."""
        content = {"Content-Type": "application/json; charset=utf-8"}
        return await self._request(method, url, {**content, **(headers or {})}, data=encode(body), limit=limit)

    async def post(self, url: str, data: bytes, headers: Mapping[str, str]) -> Reply:
        """Send the raw bytes `data` and return the response. Raises DeliveryError if there is none."""
        return await self._request("POST", url, headers, data=data)

    async def put(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a PUT without a body and return the response. Raises DeliveryError if there is none."""
        return await self._request("PUT", url, headers or {})

    async def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        limit: int = BODY_LIMIT,
    ) -> Reply:
        """Return the response to a GET; a body above `limit` bytes is dropped. Raises DeliveryError without one."""
        return await self._request("GET", url, headers or {}, params=params, limit=limit)

    async def close(self) -> None:
        """Close every connection; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=PER_HOST, resolver=Names(NAMES)),
                timeout=aiohttp.ClientTimeout(total=self.total, connect=self.connect, sock_connect=self.connect),
                # A vendor's cookie must not tie one destination's request to another's.
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"receiver/{__version__}", "Accept": "application/json"},
                trust_env=False,
            )
        return self._session

    async def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        data: bytes | None = None,
        params: Mapping[str, str] | None = None,
        limit: int = BODY_LIMIT,
    ) -> Reply:
        # An error contains only the host: path and query of a webhook may be its credential.
        host = host_of(url, "(no host)")
        try:
            async with self._open().request(
                method, url, headers=headers, data=data, params=params, allow_redirects=False
            ) as response:
                text = await _body(response, limit, self.total / 4)
                return Reply(response.status, response.headers, _json(text), text or "")
        except aiohttp.ConnectionTimeoutError:
            raise DeliveryError("timeout", f"no connection to {host} within {self.connect:g} s") from None
        except TimeoutError:
            detail = f"no response from {host} within {self.total:g} s"
            raise DeliveryError("timeout", detail, ambiguous=True) from None
        except aiohttp.ClientConnectorError as error:
            # A wrong name, address or certificate: nothing of the request was sent.
            raise DeliveryError("connection", f"no connection to {host}: {_why(error)}") from None
        except (aiohttp.InvalidURL, ValueError):
            raise DeliveryError("refused", f"the address or a header for {host} is not valid", permanent=True) from None
        except (aiohttp.ClientError, OSError) as error:
            detail = f"the connection to {host} was lost: {type(error).__name__}"
            raise DeliveryError("connection", detail, ambiguous=True) from None


async def _body(response: aiohttp.ClientResponse, limit: int, seconds: float) -> str | None:
    # A received status counts even if the body is incomplete: None if it did not end in time.
    content = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in response.content.iter_chunked(8192):
                content += chunk
                if len(content) > limit:
                    return None
    except (aiohttp.ClientError, OSError):
        return None
    return content.decode("utf-8", "replace")


def _json(text: str | None) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _why(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host name cannot be resolved"
    return error.os_error.strerror or type(error.os_error).__name__


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds in `Retry-After`, 0 to 3600; None without a valid one (RFC 9110, 10.2.3)."""
    value = headers.get("Retry-After", "").strip()[:64]
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT)


def raise_for(reply: Reply, now: datetime, secrets: Iterable[str] = ()) -> None:
    """Return for a 2xx; otherwise raise what its status means as a DeliveryError.

    `now` is for a `Retry-After` that is a date; `secrets` from the vendor's body must not be shown.
    """
    status = reply.status
    if 200 <= status < 300:
        return
    excerpt = hide(clean(reply.text, WHOLE_LIMIT), secrets)
    detail = f"returned {status}" + (f": {excerpt}" if excerpt else "")
    wait = retry_after(reply.headers, now)
    if status == 429:
        raise DeliveryError("rate_limited", detail, retry_after=wait)
    if status in (401, 403):
        raise DeliveryError("auth", detail, permanent=True)
    if status == 408:
        # The server timed out waiting for the request, so it did not process it; a proxy may return this later.
        raise DeliveryError("timeout", detail, retry_after=wait, ambiguous=True)
    if 300 <= status < 400:
        # Never followed: the body and its credential are for the configured host only.
        raise DeliveryError("redirect", f"returned {status}, and redirects are not followed")
    if 400 <= status < 500:
        raise DeliveryError("client_error", detail, permanent=True)
    raise DeliveryError("server_error", detail, retry_after=wait, ambiguous=True)
