"""The common part of Jira and Confluence: authentication, rate limits, errors."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from receiver.channels.base import DeliveryError, Http, Reply, raise_for
from receiver.channels.safe_text import HIDDEN

A_SECOND = {"calls": 10, "seconds": 1.09}
"""Limit of deliveries to one site: Atlassian documents no numbers and answers bursts with 429, delaying all calls."""
READ_BYTES = 4 * 1024 * 1024

Body = dict[str, Any]


class Gone(DeliveryError):
    """The object does not exist, or this account may not see it."""


class Site:
    """One site, one account: Cloud with email and API token, Server with a personal access token."""

    def __init__(self, base: str, cloud: bool, user: str, token: str, http: Http) -> None:
        """`base` is the address with its version path; `user` is for the cloud alone."""
        self.base = base
        self.cloud = cloud
        self._http = http
        self._token = token
        self._basic = base64.b64encode(f"{user}:{token}".encode("utf-8", "replace")).decode()
        self._quiet: datetime | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every form of the credential: none may be shown."""
        return (self._token, self._basic)

    def shown(self, method: str, path: str, body: Body | None = None) -> Body:
        """Return a request as a preview shows it, without the credential."""
        way = "Basic" if self.cloud else "Bearer"
        request: Body = {"method": method, "url": f"{self.base}{path}", "headers": {"Authorization": f"{way} {HIDDEN}"}}
        return request if body is None else {**request, "body": body}

    async def get(self, path: str, query: Mapping[str, str], now: datetime) -> Body:
        """Return the JSON of an answer to a GET. Raises Gone, DeliveryError."""
        self._keep_quiet(now)
        reply = await self._http.get(f"{self.base}{path}", self._headers(), query, READ_BYTES)
        return self.read(self._heard(reply, now), now)

    async def send(self, method: str, path: str, body: Body, now: datetime) -> Reply:
        """Return the answer to a JSON body, with any status except 404, 410 and 429. Raises Gone, DeliveryError."""
        self._keep_quiet(now)
        reply = await self._http.send_json(method, f"{self.base}{path}", body, self._headers(), READ_BYTES)
        return self._heard(reply, now)

    def read(self, reply: Reply, now: datetime) -> Body:
        """Return the JSON of a good answer. Raises DeliveryError."""
        self.good(reply, now)
        if isinstance(reply.json, dict):
            return reply.json
        # An HTML page instead of JSON is a sign-in page: the credential was rejected, or a proxy answered.
        detail = f"returned {reply.status} without JSON: a sign-in page? (check user and token)"
        raise DeliveryError("auth", detail, ambiguous=True)

    def good(self, reply: Reply, now: datetime) -> None:
        """Return for a 2xx. Raises DeliveryError for anything else."""
        raise_for(reply, now, self.secrets)

    def _heard(self, reply: Reply, now: datetime) -> Reply:
        if reply.status not in (404, 410, 429):
            return reply
        try:
            self.good(reply, now)
        except DeliveryError as error:
            if reply.status != 429:
                raise Gone(error.reason, error.detail, permanent=True) from None
            self._quiet = now + timedelta(seconds=error.retry_after) if error.retry_after else None
            raise
        return reply

    def _keep_quiet(self, now: datetime) -> None:
        # An early retry extends the wait for every request.
        left = (self._quiet - now).total_seconds() if self._quiet else 0.0
        if left > 0:
            raise DeliveryError("rate_limited", "delayed by the site's rate limit", retry_after=left)

    def _headers(self) -> dict[str, str]:
        credential = f"Basic {self._basic}" if self.cloud else f"Bearer {self._token}"
        # Names are localized for the account; English keeps errors readable in the log.
        return {"Authorization": credential, "Accept": "application/json", "Accept-Language": "en"}


def objects(value: object) -> list[Body]:
    """Return the objects of an untrusted list; none if it is not a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
