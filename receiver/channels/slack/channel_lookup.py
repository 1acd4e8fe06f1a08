"""Slack's channels: finds the id of a name, and joins public channels to which the app was not invited."""

from __future__ import annotations

from datetime import datetime

from receiver.channels.base import DeliveryError
from receiver.channels.slack.api import Body, SlackApi
from receiver.channels.slack.api_answers import SlackError

STRANGER = "not_in_channel"


class SlackChannelLookup:
    """The channels that one token has used."""

    def __init__(self, api: SlackApi) -> None:
        """Create it without known channel ids."""
        self._api = api
        self._ids: dict[str, str] = {}

    def known(self, address: str) -> str | None:
        """Return the id of a channel that was used before."""
        return self._ids.get(address)

    def learn(self, address: str, number: str) -> None:
        """Store the id from a response."""
        self._ids[address] = number

    async def id(self, address: str, now: datetime) -> str | None:
        """Return the id of `address`: a name is enough for posting, but reading and joining need the id."""
        if not address.startswith("#") or address in self._ids:
            return self._ids.get(address, address)
        query = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": "1000"}
        async for item in self._api.items("conversations.list", "channels", query, now):
            if f"#{item.get('name')}" == address and isinstance(item.get("id"), str):
                self._ids[address] = item["id"]
                return self._ids[address]
        return None

    async def post(self, body: Body, now: datetime) -> Body:
        """Return the response to a message; a public channel without the app is joined first, once.

        Raises DeliveryError: permanent if it cannot be joined, with a correction.
        """
        try:
            return await self._api.write("chat.postMessage", body, now)
        except SlackError as error:
            if error.code != STRANGER:
                raise
            await self._join(str(body["channel"]), error, now)
        return await self._api.write("chat.postMessage", body, now)

    async def _join(self, address: str, error: SlackError, now: datetime) -> None:
        # Nothing was posted yet: a temporary error is retried, together with the whole message.
        try:
            number = await self.id(address, now)
            if number is not None:
                await self._api.write("conversations.join", {"channel": number}, now)
                return
            why = "it is not found"
        except SlackError as refused:
            if not refused.permanent and refused.reason != "client_error":
                raise
            why = refused.code
        detail = f"{error.detail}, and cannot join it ({why}): invite the app there, or give it channels:join"
        raise DeliveryError("client_error", detail, permanent=True)
