"""POST /hooks/...: responses that come directly from phones. Without the token of a page, nothing changes."""

from __future__ import annotations

from aiohttp import web

from receiver.pipeline.response.phone_answers import Answered
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.connection_trust import mark_trusted
from receiver.web.http.error_responses import AWAY, Refusal, answer
from receiver.web.webhooks.unsigned_bodies import UnsignedBodies

MOST = 1024
"""Maximum size in bytes; a verb and a token have some sixty."""
AT_ONCE = 32
"""Maximum number of responses that are looked up in the store at once, because strangers can send them too."""


class PhoneHooks:
    """The endpoints for answers from phones."""

    def __init__(self, parts: AppParts) -> None:
        """Create it without current requests."""
        self.parts = parts
        self.unsigned = UnsignedBodies(lambda: parts.config.server.trusted_proxies)
        self._under_way = 0

    async def ntfy(self, request: web.Request) -> web.Response:
        """Return 200 if executed, 410 if it is too late, 404 otherwise; the phone clears the page only on 200."""
        channels = self.parts.phones.answers.hooked()
        if not channels:
            raise Refusal(404, "no_channel", "no channel accepts responses here")
        raw = await self.unsigned.read(request, MOST)
        if self.parts.state.draining or self._under_way >= AT_ONCE:
            raise Refusal(503, "too_many", "too many requests at once, or this replica is stopping; send it again")
        self._under_way += 1
        try:
            answered = await self._take(raw, channels)
        finally:
            self._under_way -= 1
        if answered.status != 404:
            mark_trusted(request, sender=True)
        if answered.status != 200:
            raise Refusal(answered.status, "answer", answered.text)
        return answer({"text": answered.text, "incident": answered.incident})

    async def _take(self, raw: bytes, channels: list[str]) -> Answered:
        try:
            return await self.parts.phones.answers.take(
                raw.decode("utf-8", "replace").strip(), channels, self.parts.clock.now()
            )
        except StoreAway:
            raise Refusal(503, "store_away", AWAY) from None
