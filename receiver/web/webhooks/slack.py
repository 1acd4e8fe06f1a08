"""/slack/commands, /slack/interactions, /slack/events: verified, and answered within three seconds."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import orjson
import structlog
from aiohttp import web

from receiver.pipeline.exception_frames import drop_frames_of
from receiver.pipeline.slack.requests import EXCUSED, ForeignWorkspace, error_reply, said
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.connection_trust import mark_trusted
from receiver.web.http.error_responses import AWAY, Refusal, answer
from receiver.web.webhooks.signatures import by_slack, like_slack
from receiver.web.webhooks.unsigned_bodies import UnsignedBodies

MOST = 64 * 1024
"""Maximum size in bytes."""
FIELDS = 100
AT_ONCE = 64
"""Maximum number of signed requests in progress, not counting slow ones that have already been answered."""
LIMIT = 2.4
"""Seconds after which the user is told that it takes longer: Slack gives up after three."""
LATER = "This takes a little longer; the result will follow."
SLOW = "This takes longer than usual. Please send it again; it will be done only once."
"""In a form, which has no other place for a response."""
FORM = "application/x-www-form-urlencoded"

log = structlog.get_logger("receiver.slack")
FIELDS = 100
"""Maximum number of fields of a form; Slack sends some fifteen."""


class SlackEndpoint:
    """The endpoints that Slack calls."""

    def __init__(self, parts: AppParts) -> None:
        """Create it without current requests."""
        self.parts = parts
        self.unsigned = UnsignedBodies(lambda: parts.config.server.trusted_proxies)
        self._under_way = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def commands(self, request: web.Request) -> web.Response:
        """`POST /slack/commands`: a slash command; the user gets its errors."""
        channel, raw, once = await self._verified(request, FORM)
        form = self._form(raw)
        with self._place():
            work = self.parts.slack.commands.take(channel, form, once, self.parts.clock.now())
            return await self._answered(work, "command", form.get("response_url", ""))

    async def interactions(self, request: web.Request) -> web.Response:
        """`POST /slack/interactions`: a button, a box, a choice, a form."""
        channel, raw, once = await self._verified(request, FORM)
        form = self._form(raw)
        payload = _json(form.get("payload", ""))
        if not isinstance(payload, dict):
            raise Refusal(400, "bad_payload", "the form has no field `payload` with a JSON object")
        back = str(payload.get("response_url") or "")
        with self._place():
            work = self.parts.slack.interactions.take(channel, payload, once, self.parts.clock.now())
            if payload.get("type") == "view_submission":
                late = {"response_action": "errors", "errors": {"msg": SLOW}}
                return await self._answered(work, "interaction", back, late=late)
            return await self._answered(work, "interaction", back, aside=True)

    async def events(self, request: web.Request) -> web.Response:
        """`POST /slack/events`: the handshake, and pinned messages."""
        channel, raw, _ = await self._verified(request, "application/json")
        payload = _json(raw)
        if not isinstance(payload, dict):
            raise Refusal(400, "bad_payload", "the body is not a JSON object")
        if payload.get("type") == "url_verification":
            self._count("ignored")
            return answer({"challenge": str(payload.get("challenge") or "")[:1000]})
        try:
            with self._place():
                async with asyncio.timeout(LIMIT):
                    await self.parts.slack.interactions.event(channel, payload, self.parts.clock.now())
        except ForeignWorkspace as foreign:
            raise self._refusal(403, "foreign", str(foreign)) from None
        except (StoreAway, TimeoutError):
            # Slack sends an event again.
            raise self._refusal(503, "store_away", AWAY) from None
        except EXCUSED as error:
            log.info("slack_event_skipped", reason=str(error)[:200])
        self._count("updated")
        return web.Response()

    async def _verified(self, request: web.Request, kind: str) -> tuple[str, bytes, str]:
        """Return the name of the channel whose secret signed the request, its body, and an idempotency key.

        Raises Refusal: 401 for a wrong or missing signature, or if no secret is configured.
        """
        secrets = self.parts.slack.requests.secrets()
        if not secrets:
            raise self._refusal(401, "no_secret", "no Slack signing_secret is configured")
        stamp = request.headers.getall("X-Slack-Request-Timestamp", [])
        given = request.headers.getall("X-Slack-Signature", [])
        if len(stamp) != 1 or len(given) != 1:
            raise self._refusal(401, "unsigned", "a Slack request must be signed")
        wrong = "the signature is wrong, or older than five minutes"
        now = self.parts.clock.now().timestamp()
        if not like_slack(stamp[0], given[0], now):
            # The store's clock has jumped, and it may be the correct one.
            now = self.parts.clock.store_now().timestamp()
        if not like_slack(stamp[0], given[0], now):
            raise self._refusal(401, "wrong_signature", wrong)
        try:
            raw = await self.unsigned.read(request, MOST)
        except Refusal as refusal:
            raise self._refusal(refusal.status, refusal.reason, refusal.detail, refusal.headers) from None
        found = [name for name, secret in secrets if by_slack(stamp[0], given[0], raw, secret, now)]
        if not found:
            raise self._refusal(401, "wrong_signature", wrong)
        mark_trusted(request, sender=True)
        if request.content_type != kind:
            raise self._refusal(415, "media_type", f"the body must be {kind}")
        return found[0], raw, hashlib.sha256(given[0].encode("utf-8", "replace")).hexdigest()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._under_way >= AT_ONCE:
            raise self._refusal(503, "too_many", "too many requests at once")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def _form(self, raw: bytes) -> dict[str, str]:
        try:
            return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS))
        except ValueError:
            raise self._refusal(400, "bad_form", f"the form has more than {FIELDS} fields") from None

    async def _answered(
        self,
        work: Coroutine[Any, Any, dict[str, Any] | None],
        what: str,
        back: str,
        *,
        aside: bool = False,
        late: dict[str, Any] | None = None,
    ) -> web.Response:
        """Return the response; `aside`: text is sent to `response_url`, and the response itself stays empty.

        `late`: the response if it takes too long.
        """
        task = asyncio.create_task(self._worded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=LIMIT)
        if not task.done():
            self._aside(self._follow(task, back))
            self._count("late")
            return web.Response() if aside else answer(late or said(LATER))
        content, outcome = task.result()
        self._count(outcome)
        log.info("slack_request_answered", what=what, outcome=outcome)
        if content is None:
            return web.Response()
        if aside:
            self._aside(self.parts.slack.requests.speak(back, content))
            return web.Response()
        return answer(content)

    async def _worded(self, work: Coroutine[Any, Any, dict[str, Any] | None]) -> tuple[dict[str, Any] | None, str]:
        try:
            return await work, "updated"
        except ForeignWorkspace as foreign:
            raise self._refusal(403, "foreign", str(foreign)) from None
        except EXCUSED as error:
            return error_reply(error), "unavailable" if isinstance(error, StoreAway) else "refused"

    async def _follow(self, task: asyncio.Task[tuple[dict[str, Any] | None, str]], back: str) -> None:
        content, _ = await task
        if content is not None:
            await self.parts.slack.requests.speak(back, content)

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # No one waits for it anymore: the user gets no response, and the log has the reason.
            log.error("slack_command_crashed", exc_info=error)
            drop_frames_of(task)

    def _refusal(self, status: int, reason: str, detail: str, headers: Mapping[str, str] | None = None) -> Refusal:
        strangers = dict.fromkeys((401, 403, 408), "unauthorized")
        self._count({**strangers, 503: "unavailable"}.get(status, "refused"))
        log.warning("slack_request_answered", outcome="refused", reason=reason)
        return Refusal(status, reason, detail, headers=headers)

    def _count(self, outcome: str) -> None:
        self.parts.metrics.webhooks.labels("slack", outcome).inc()


def _json(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
