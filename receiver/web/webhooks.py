"""POST /webhooks/alertmanager: authenticated, measured, parsed, taken; 2xx only once it is durable."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web

from receiver.config.sections import Scope
from receiver.model.alert import BadNotification, Notification, parse_notification
from receiver.model.base import rfc3339, to_ms
from receiver.pipeline.intake import Answer, Said
from receiver.store.connection import Contended, StoreAway
from receiver.web import body
from receiver.web.auth import Gate
from receiver.web.errors import AWAY, Refusal, answer
from receiver.web.keys import Doors

AT_ONCE = 64
"""Webhooks under way at once; the rest are told to come again (surfaces.md: 503, never 429)."""
ACCEPT_LIMIT = 1.8
"""Seconds for deciding and committing: the answer must be there within 2 s whatever the store does."""
LARGE_ACCEPT_LIMIT = 1.9
LARGE = 200
"""Alerts above which deciding alone takes long enough to matter."""
PARSE_ASIDE = 1024 * 1024
"""Bytes above which a body is parsed in a thread, so that other requests are answered meanwhile."""
HEAD = 4096
"""Bytes of a refused body that are kept (reliability W9)."""
NAME = 200

# Words of the refusal may repeat a label's name: only what no channel could take for markup is told to people.
_UNTOLD = re.compile(r"[^A-Za-z0-9 .,:;'\"()/_-]")

log = structlog.get_logger("receiver.webhook")


@dataclass
class _Line:
    """What the one log line of a webhook says."""

    outcome: str = "error"
    reason: str = "spoiled"
    fields: dict[str, Any] = field(default_factory=dict)


class Webhooks:
    """The door of Alertmanager."""

    def __init__(self, doors: Doors, gate: Gate) -> None:
        """Nothing is under way yet."""
        self.doors = doors
        self.gate = gate
        self._under_way = 0
        self._tasks: set[asyncio.Task[Answer]] = set()

    async def alertmanager(self, request: web.Request) -> web.Response:
        """Answer as surfaces.md says under "What Alertmanager gets"; count it and write one line."""
        began = self.doors.clock.monotonic()
        line = _Line()
        try:
            return await self._serve(request, line)
        except Refusal as refusal:
            words = {401: "unauthorized", 403: "unauthorized", 503: "unavailable"}
            line.outcome, line.reason = words.get(refusal.status, "refused"), refusal.reason
            raise
        finally:
            took = self.doors.clock.monotonic() - began
            self.doors.metrics.webhooks.labels("alertmanager", line.outcome).inc()
            self.doors.metrics.webhook_duration.observe(took)
            taken = line.outcome not in ("error", "refused", "unauthorized", "unavailable")
            say = log.info if taken else log.warning
            say("webhook", source="alertmanager", outcome=line.outcome, reason=line.reason,
                duration_ms=round(took * 1000, 1), **line.fields)  # fmt: skip

    async def _serve(self, request: web.Request, line: _Line) -> web.Response:
        caller = self.gate.admit(request, Scope.INGEST)
        line.fields["caller"] = caller.name
        if self.doors.state.draining:
            raise Refusal(503, "draining", "this replica is ending; send it again")
        if self._under_way >= AT_ONCE:
            raise Refusal(503, "too_many", "too many requests at once; send it again")
        self._under_way += 1
        try:
            most = self.doors.config.server.max_body
            body.check_head(request, most)
            raw = await body.read_body(request, most)
            notification = await self._parse(raw, request, caller.name)
            line.fields.update(
                alerts=len(notification.alerts), firing=sum(alert.firing for alert in notification.alerts),
                receiver=notification.receiver[:NAME], truncated=notification.truncated,
            )  # fmt: skip
            said = await self._take(notification)
            if notification.set_aside:
                # Behind what could be read: a store that is slow with the one holds up no page.
                line.fields["set_aside"] = notification.set_aside
                await self._keep(raw, request, caller.name, "; ".join(notification.set_aside), in_part=True)
        finally:
            self._under_way -= 1
        first = said.foremost
        line.outcome, line.reason = first.outcome, first.reason
        line.fields.update(incident=first.incident, severity=first.severity)
        shape = _shape(first)
        if len(said.parts) > 1:
            shape["all"] = [_shape(part) for part in said.parts]
        return answer(shape)

    async def _parse(self, raw: bytes, request: web.Request, caller: str) -> Notification:
        try:
            if len(raw) > PARSE_ASIDE:
                return await asyncio.to_thread(parse_notification, raw)
            return parse_notification(raw)
        except BadNotification as bad:
            await self._keep(raw, request, caller, bad.detail)
            raise Refusal(400, "bad_notification", bad.detail, errors=bad.errors) from None

    async def _keep(self, raw: bytes, request: web.Request, caller: str, detail: str, *, in_part: bool = False) -> None:
        # Somebody with a good token means us: an alert may be in there that nobody could read.
        now = self.doors.clock.now()
        head = {
            "at": rfc3339(now), "sha256": hashlib.sha256(raw).hexdigest(),
            "prefix": raw[:HEAD].decode("utf-8", "replace"), "token": caller,
            "user_agent": _carried(request.headers.get("User-Agent", "")[:NAME]), "detail": _carried(detail),
        }  # fmt: skip
        why = _UNTOLD.sub("?", detail[:NAME])
        text = (
            f"A notification from the sender {caller} could not be read and was refused with 400: {why}. "
            "Nothing was changed; an alert in it may have reached nobody. Its head is kept."
        )
        if in_part:
            text = (
                f"A notification from the sender {caller} was read in part: {why}. The rest counts. Its head is kept."
            )
        rows = [
            (f"- {to.channel} refused-{to_ms(now)}", to.channel, to, {"text": text})
            for to in self.doors.setting().policy.informs
        ]
        if self.doors.outage.away:
            return
        try:
            await self.doors.due.refuse(head, to_ms(now), rows)
        except StoreAway as away:
            log.warning("refused_not_kept", reason=str(away))

    async def _take(self, notification: Notification) -> Answer:
        outage = self.doors.outage
        if outage.away:
            outage.remember(notification)
            raise Refusal(503, "store_away", AWAY)
        task = asyncio.create_task(self.doors.intake.accept(notification, self.doors.clock.now()))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        # Waiting does not end the task: a sender that hangs up leaves no half work behind.
        limit = LARGE_ACCEPT_LIMIT if len(notification.alerts) > LARGE else ACCEPT_LIMIT
        await asyncio.wait({task}, timeout=limit)
        if not task.done():
            task.cancel()
            outage.lost("too slow")
            outage.remember(notification)
            raise Refusal(503, "store_slow", AWAY)
        try:
            return task.result()
        except StoreAway as away:
            if not isinstance(away, Contended):
                outage.lost(str(away))
                outage.remember(notification)
            raise Refusal(503, "store_away", AWAY) from None

    def _forget(self, task: asyncio.Task[Answer]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen here too, when the sender is gone and nobody else looks


def _carried(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _shape(said: Said) -> dict[str, Any]:
    return {"incident": said.incident, "severity": said.severity, "outcome": said.outcome, "reason": said.reason}
