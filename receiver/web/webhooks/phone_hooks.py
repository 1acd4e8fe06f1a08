"""POST /hooks/...: answers that come straight from phones. Whoever knows no token of a page changes nothing."""

from __future__ import annotations

from aiohttp import web

from receiver.pipeline.response.phone_answers import Answered
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.request_marks import mark_trusted
from receiver.web.http.error_responses import AWAY, Refusal, answer
from receiver.web.webhooks.unsigned_bodies import UnsignedBodies

MOST = 1024
"""Bytes: a verb and a token are some sixty."""
AT_ONCE = 32
"""Answers that are looked for in the store at once: strangers can ask too."""


class PhoneHooks:
    """The endpoints for answers from phones."""

    def __init__(self, doors: AppParts) -> None:
        """Nothing is under way yet."""
        self.doors = doors
        self.unsigned = UnsignedBodies(lambda: doors.config.server.trusted_proxies)
        self._under_way = 0

    async def ntfy(self, request: web.Request) -> web.Response:
        """Answer 200 to what is done, 410 when it is too late, 404 to anything else; the phone clears on 200 alone."""
        channels = self.doors.phones.answers.hooked()
        if not channels:
            raise Refusal(404, "no_channel", "no channel accepts answers here")
        raw = await self.unsigned.read(request, MOST)
        if self.doors.state.draining or self._under_way >= AT_ONCE:
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
            return await self.doors.phones.answers.take(
                raw.decode("utf-8", "replace").strip(), channels, self.doors.clock.now()
            )
        except StoreAway:
            raise Refusal(503, "store_away", AWAY) from None
