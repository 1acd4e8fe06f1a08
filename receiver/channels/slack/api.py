"""Calls of Slack's Web API: reads, which may be repeated, and writes, which may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from receiver.channels.base import DeliveryError, Http, Reply
from receiver.channels.safe_text import HIDDEN
from receiver.channels.slack.api_answers import TOO_MUCH, SlackError, read

A_SECOND = {"calls": 1, "seconds": 1.09}
"""Limit of messages in one channel (Slack API, rate limits)."""
TIER_2 = {"calls": 18, "seconds": 61}
TIER_3 = {"calls": 48, "seconds": 61}
"""Limits of one method in the workspace: 20 and 50 per minute, and a little less."""
PAGE = 100
PAGES = 5
READ_BYTES = 4 * 1024 * 1024
"""A hundred messages with blocks and metadata are some 1 MB."""

Body = dict[str, Any]


class SlackApi:
    """One workspace, one token."""

    def __init__(self, url: str, token: SecretStr, http: Http) -> None:
        """Create it without known limits."""
        self._url = url
        self._token = token
        self._http = http
        self._quiet: dict[str, datetime] = {}

    def request(self, method: str, body: Body) -> Body:
        """Return the write for a preview, without the token."""
        return {
            "method": "POST",
            "url": f"{self._url}/{method}",
            "headers": {"Authorization": f"Bearer {HIDDEN}"},
            "body": body,
        }

    async def write(self, method: str, body: Body, now: datetime) -> Body:
        """Return Slack's response to `body`; a body rejected as too large or malformed is sent again as plain text."""
        try:
            return await self._write(method, body, now)
        except SlackError as error:
            if error.code not in TOO_MUCH:
                raise
            without = {"blocks", "metadata"} if "metadata" in error.code else {"blocks"}
        return await self._write(method, {key: value for key, value in body.items() if key not in without}, now)

    @property
    def url(self) -> str:
        """Address of the Web API."""
        return self._url

    async def form(self, method: str, fields: dict[str, str], now: datetime) -> Body:
        """Return Slack's response to a form: the older methods for files accept no JSON."""
        self._keep_quiet(method, now)
        headers = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded"}
        sent = await self._http.post(f"{self._url}/{method}", urlencode(fields).encode(), headers)
        return self._answer(method, sent, now)

    async def read(self, method: str, query: dict[str, str], now: datetime) -> Body:
        """Return Slack's response to a read, with one retry, because it changes nothing."""
        # Loaded where Slack is used.
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed  # noqa: PLC0415

        retrying = AsyncRetrying(
            stop=stop_after_attempt(2), wait=wait_fixed(0.1), retry=retry_if_exception(_again), reraise=True
        )
        return await retrying(self._read, method, query, now)

    async def items(self, method: str, field: str, query: dict[str, str], now: datetime) -> AsyncIterator[Body]:
        """Yield the objects of the list `field`, over at most five pages."""
        cursor = ""
        for _ in range(PAGES):
            page = await self.read(method, {**query, "cursor": cursor} if cursor else query, now)
            found = page.get(field)
            for item in found if isinstance(found, list) else []:
                if isinstance(item, dict):
                    yield item
            following = page.get("response_metadata")
            cursor = str(following.get("next_cursor") or "") if isinstance(following, dict) else ""
            if not cursor:
                return

    async def _write(self, method: str, body: Body, now: datetime) -> Body:
        self._keep_quiet(method, now)
        return self._answer(method, await self._http.post_json(f"{self._url}/{method}", body, self._headers()), now)

    async def _read(self, method: str, query: dict[str, str], now: datetime) -> Body:
        self._keep_quiet(method, now)
        reply = await self._http.get(f"{self._url}/{method}", self._headers(), query, READ_BYTES)
        return self._answer(method, reply, now)

    def _answer(self, method: str, reply: Reply, now: datetime) -> Body:
        try:
            return read(method, reply, now, self._token.get_secret_value())
        except DeliveryError as error:
            if error.reason == "rate_limited" and error.retry_after:
                self._quiet[method] = now + timedelta(seconds=error.retry_after)
            raise

    def _keep_quiet(self, method: str, now: datetime) -> None:
        # A limit applies to the method and the workspace: in the meantime, no other incident may exceed it.
        left = (self._quiet.get(method, now) - now).total_seconds()
        if left > 0:
            raise DeliveryError("rate_limited", f"{method} is delayed by Slack's rate limit", retry_after=left)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.get_secret_value()}"}


def _again(error: BaseException) -> bool:
    return isinstance(error, DeliveryError) and error.reason in ("connection", "server_error")
