"""POST /webhooks/pagerduty: verifies and handles events, and responds within five seconds."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from aiohttp import web

from receiver.pipeline.exception_frames import drop_frames_of
from receiver.pipeline.response.pagerduty_events import PagerDutyEventResult, UnknownPage
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.connection_trust import mark_trusted
from receiver.web.http.error_responses import AWAY, Refusal, answer
from receiver.web.webhooks.signatures import by_pagerduty, like_pagerduty
from receiver.web.webhooks.unsigned_bodies import UnsignedBodies

MOST = 256 * 1024
"""Maximum size in bytes; PagerDuty never sends larger ones."""
AT_ONCE = 64
LIMIT = 4.0
"""Seconds for handling an event: PagerDuty waits for five."""
SIGNATURE = "X-PagerDuty-Signature"

log = structlog.get_logger("receiver.pagerduty")


class PagerDutyEndpoint:
    """The endpoint of PagerDuty's webhooks."""

    def __init__(self, parts: AppParts) -> None:
        """Create it without current requests."""
        self.parts = parts
        self.unsigned = UnsignedBodies(lambda: parts.config.server.trusted_proxies)
        self._under_way = 0
        self._tasks: set[asyncio.Task[PagerDutyEventResult]] = set()

    async def webhook(self, request: web.Request) -> web.Response:
        """Return 202 once it is durable, 503 if it should be sent again, and 4xx only if PagerDuty did not send it."""
        outcome = "error"
        try:
            news = await self._serve(request)
            outcome = news.outcome
            log.info(
                "webhook_answered", source="pagerduty", outcome=outcome, reason=news.reason, incident=news.incident
            )
            said: dict[str, Any] = {"outcome": outcome, "reason": news.reason, "incident": news.incident}
            return answer(said, 202)
        except Refusal as refusal:
            # A request without a signature, that is too large or too slow, is not from PagerDuty: no genuine webhook
            # was refused.
            outcome = "unauthorized" if refusal.status in (401, 403, 408, 413) else "unavailable"
            outcome = "refused" if refusal.status == 400 else outcome
            outcome = "unauthorized" if refusal.reason == "unsigned" else outcome
            # After three refusals PagerDuty disables the subscription, so the first one must be visible.
            say = log.error if refusal.status == 403 else log.warning
            say("webhook_answered", source="pagerduty", outcome=outcome, reason=refusal.reason)
            raise
        finally:
            self.parts.metrics.webhooks.labels("pagerduty", outcome).inc()

    async def _serve(self, request: web.Request) -> PagerDutyEventResult:
        secrets = self.parts.pagerduty_events.secrets
        if not secrets:
            raise Refusal(401, "no_secret", "no PagerDuty webhook secret is configured: webhook_secret")
        given = request.headers.getall(SIGNATURE, [])
        if not given or not request.can_read_body:
            raise Refusal(400, "unsigned", f"a webhook needs a body and the header {SIGNATURE}")
        signature = ",".join(given)
        wrong = Refusal(403, "wrong_signature", "the signature matches no configured secret")
        if not like_pagerduty(signature):
            raise wrong
        raw = await self.unsigned.read(request, MOST)
        if not by_pagerduty(signature, raw, secrets):
            raise wrong
        mark_trusted(request, sender=True)
        # Only verified requests count, so that strangers cannot use up the slots.
        if self.parts.state.draining or self._under_way >= AT_ONCE:
            raise Refusal(503, "too_many", "too many requests at once, or this replica is stopping; send it again")
        self._under_way += 1
        try:
            return await self._take(raw)
        finally:
            self._under_way -= 1

    async def _take(self, raw: bytes) -> PagerDutyEventResult:
        task = asyncio.create_task(self.parts.pagerduty_events.take(raw, self.parts.clock.now()))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        try:
            await asyncio.wait({task}, timeout=LIMIT)
        finally:
            if not task.done():
                task.add_done_callback(drop_frames_of)
        if not task.done():
            # It continues; when PagerDuty sends the event again, it is done.
            raise Refusal(503, "slow", AWAY)
        try:
            return task.result()
        except StoreAway:
            raise Refusal(503, "store_away", AWAY) from None
        except UnknownPage as error:
            log.warning("pagerduty_event_postponed", reason=str(error))
            raise Refusal(503, "unheard", "the incident that it concerns is not known yet; send it again") from None

    def _forget(self, task: asyncio.Task[PagerDutyEventResult]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here, because no one waits for it anymore
