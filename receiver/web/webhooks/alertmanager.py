"""POST /webhooks/alertmanager: authenticates, measures, parses and accepts notifications; 2xx only once durable."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from prometheus_client import Counter

from receiver.config.settings.service_settings import Scope
from receiver.log import DirectLog
from receiver.model.alert.alert import BadNotification, Notification, parse_notification
from receiver.model.alert.sender import Sender
from receiver.pipeline.intake.intake_answer import Answer
from receiver.pipeline.store_outage.refused_notification import group_name
from receiver.store.client.store_errors import IncidentUnreadable, Overloaded, StoreAway, StoreLostData, StoreSlow
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http import body_reader as body
from receiver.web.http.error_responses import AWAY, LOST, UNREADABLE, Refusal, answer
from receiver.web.http.ready_answer import ReadyAnswer
from receiver.web.http.refusal_log import RefusalLog
from receiver.web.http.server import takes_ready
from receiver.web.http.thread_offload import Offload
from receiver.web.webhooks.admission_queue import Admission, Place
from receiver.web.webhooks.arrival_order import ArrivalOrder
from receiver.web.webhooks.known_bodies import AcceptedBodies, AcceptedBody, BodyHash, RefusedBodies, Told
from receiver.web.webhooks.notification_acceptance import NotificationAcceptance
from receiver.web.webhooks.notification_answer import answer_json
from receiver.web.webhooks.unreadable_notifications import UnreadableNotifications

PARSE_ASIDE = 256 * 1024
"""Bytes above which a body is parsed in a thread, so that other requests are answered in the meantime."""
OVERLOADED, STORE_SLOW = "overloaded", "store_slow"
BULKY, BULKY_WAIT = 4 * 1024 * 1024, 1.0
"""Bytes above which a body is processed alone, and seconds that the next one waits: each blocks the loop for long."""
PARSED_AT_ONCE, PARSE_WAITING, PARSE_WAIT = 2, 16, 1.5
"""Maximum number of such bodies that are parsed at once, and that wait, and for how many seconds; 503 beyond that."""
EOF_TURNS = 3
"""Iterations of the event loop until the end of a connection that has already closed is noticed."""
NAME = 200

log = DirectLog("receiver.webhook")


@dataclass
class _Line:
    """The fields of a webhook's log line."""

    outcome: str = "error"
    reason: str = "spoiled"
    fields: dict[str, Any] = field(default_factory=dict)
    told: Told | None = None
    """The response to the previous repetition."""


class _RefusedBefore(Overloaded):
    """The refused notification pages no one, or is already stored as refused, so it need not be stored."""


class Webhooks:
    """The endpoint of Alertmanager."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it without current requests."""
        self.parts = parts
        self.gate = gate
        self.arrivals = ArrivalOrder(parts.clock.monotonic)
        self.admission = Admission(parts.clock.monotonic)
        self.admission.late = parts.refused.late = lambda: self.arrivals.late
        self._bulky = Admission(parts.clock.monotonic, turns=1)
        self._refusals = RefusalLog()
        self._rejected = UnreadableNotifications(parts)
        self._hash = BodyHash()
        self._refused_bodies = RefusedBodies()
        self._accepted_bodies = AcceptedBodies()
        self._parsing = Offload("parse", at_once=PARSED_AT_ONCE, waiting=PARSE_WAITING, wait=PARSE_WAIT)
        self.acceptance = NotificationAcceptance(parts, self.admission, self.arrivals)
        self._counted = _Counters(parts.metrics.webhooks)

    async def alertmanager(self, request: web.Request) -> web.StreamResponse:
        """Respond with the outcome of the notification; count it and write one log line."""
        began = self.parts.clock.monotonic()
        line = _Line()
        try:
            return await self._serve(request, line)
        except Refusal as refusal:
            words = {401: "unauthorized", 403: "unauthorized", 503: "unavailable"}
            line.outcome, line.reason = words.get(refusal.status, "refused"), refusal.reason
            if refusal.reason == OVERLOADED:
                line.outcome = OVERLOADED
            raise
        finally:
            self._count(line, began)

    def _count(self, line: _Line, began: float) -> None:
        took = self.parts.clock.monotonic() - began
        self._counted[line.outcome].inc()
        self.parts.metrics.webhook_duration.observe(took)
        template = line.told.line if line.told is not None else None
        if template is not None and log.repeat(template, round(took * 1000, 1)):
            return
        if line.outcome in (OVERLOADED, "unauthorized"):
            left_out = self._refusals.line(began + took)
            if left_out is None:
                return
            line.fields["not_logged"] = left_out
        taken = line.outcome not in ("error", "refused", "unauthorized", "unavailable", OVERLOADED)
        say = log.info if taken else log.warning
        say("webhook_answered", source="alertmanager", outcome=line.outcome, reason=line.reason,
            duration_ms=round(took * 1000, 1), **line.fields)  # fmt: skip

    async def _serve(self, request: web.Request, line: _Line) -> web.StreamResponse:
        caller = self.gate.admit(request, Scope.INGEST)
        line.fields["caller"] = caller.name
        sender = caller.sender
        if self.parts.state.draining:
            raise Refusal(503, "draining", "this replica is stopping; send it again")
        most = self.parts.config.server.max_body
        body.check_head(request, most)
        try:
            await self._begin(request, most, sender)
            with self.admission.entered() as measured:
                raw = await body.read_body(request, most, measured=measured)
                said = await self._bulky_in_turn(raw, request, sender, line)
        except Overloaded as overloaded:
            raise Refusal(503, OVERLOADED, f"overloaded: {overloaded}; send it again") from None
        first = said.foremost
        line.outcome, line.reason = first.outcome, first.reason
        line.fields.update(incident=first.incident, severity=first.severity)
        if line.told is not None and takes_ready(request):
            return line.told.ready
        return answer(answer_json(said))

    async def _begin(self, request: web.Request, most: int, sender: Sender) -> None:
        try:
            await self.arrivals.enter()
        except Overloaded:
            # It may page: a complete body is evaluated later, like any refused notification.
            if request.content.is_eof() and (request.content_length or 0) <= PARSE_ASIDE:
                raw = await body.read_body(request, most)
                if self._refused_bodies.place(self._hash(raw), self.parts.setting()) is None:
                    self.parts.refused.add_unread(raw, sender)
            raise

    async def _bulky_in_turn(self, raw: bytes, request: web.Request, sender: Sender, line: _Line) -> Answer:
        if len(raw) <= BULKY:
            return await self._accepted(raw, request, sender, line)
        try:
            async with self._bulky.turn(BULKY_WAIT, lambda: Place.FIRST):
                return await self._accepted(raw, request, sender, line)
        except _RefusedBefore:
            raise
        except Overloaded:
            self.parts.refused.add_unread(raw, sender)
            raise

    async def _accepted(self, raw: bytes, request: web.Request, sender: Sender, line: _Line) -> Answer:
        began = self.parts.clock.monotonic()
        name, setting = self._hash(raw), self.parts.setting()
        known = self._refused_bodies.place(name, setting)
        if known is not None and self.admission.refuses(known):
            raise _RefusedBefore("too many notifications are waiting for the store")
        accepted = self._accepted_bodies.get(name, setting)
        repeated: Answer | StoreAway | None = None
        if accepted is not None and accepted.sender == sender.name and not self._changed(accepted.owner):
            line.fields.update(accepted.fields)
            repeated = await self.acceptance.repeat(accepted, began)
            if isinstance(repeated, Answer):
                line.told = self._told(accepted, repeated, sender.name)
                return repeated
        notification = await self._parse(raw, request, sender)
        if isinstance(repeated, StoreAway):
            raise self._refused(repeated, notification, raw)
        fields = {
            "alerts": len(notification.alerts), "firing": sum(alert.firing for alert in notification.alerts),
            "receiver": notification.receiver[:NAME], "truncated": notification.truncated,
        }  # fmt: skip
        line.fields.update(fields)
        try:
            if self.parts.stood_still():
                await self._still_wanted(request)
            answer = await self._admitted(notification, raw, name, began)
        except _RefusedBefore:
            raise
        except StoreAway as condition:
            raise self._refused(condition, notification, raw) from None
        if notification.set_aside:
            # After the readable part, so that a slow store does not delay its pages.
            line.fields["set_aside"] = notification.set_aside
            await self._rejected.keep(raw, request, sender.name, "; ".join(notification.set_aside), in_part=True)
        elif answer.repetition is not None:
            firing = any(alert.firing for alert in notification.alerts)
            body = AcceptedBody(group_name(notification), answer.repetition, fields, firing, sender.name)
            self._accepted_bodies.add(name, setting, body)
        return answer

    def _changed(self, owner: str) -> bool:
        # Whether a repetition has to be read anyway: for pending work of its group, or for a later evaluation.
        return self.parts.monitor.away or self.parts.stood_still() or self.parts.refused.owes(owner)

    def _told(self, accepted: AcceptedBody, answer: Answer, caller: str) -> Told:
        # Building the response and the log line again costs a tenth of a repetition.
        told = accepted.told
        if told is None or told.answer is not answer or told.caller != caller:
            first = answer.foremost
            line = log.template(
                "webhook_answered", "duration_ms", source="alertmanager", outcome=first.outcome, reason=first.reason,
                duration_ms=0.0, caller=caller, **accepted.fields, incident=first.incident, severity=first.severity,
            )  # fmt: skip
            told = accepted.told = Told(answer, caller, ReadyAnswer(answer_json(answer)), line)
        return told

    async def _admitted(self, notification: Notification, raw: bytes, name: bytes, began: float) -> Answer:
        # Only if notifications may be refused, because the decision takes time.
        if self.admission.crowded or self.admission.refuses(Place.PAGING):
            place = self.acceptance.place(notification)
            if self.admission.refuses(place):
                if all(alert.firing for alert in notification.alerts):
                    self._refused_bodies.add(name, self.parts.setting(), place)
                refusal = _RefusedBefore if place is Place.REST else Overloaded
                raise refusal("too many notifications are waiting for the store")
        return await self.acceptance.accept(notification, began)

    def _refused(self, condition: StoreAway, notification: Notification, raw: bytes) -> StoreAway | Refusal:
        # A SEV-1 or SEV-2 that was refused for any reason is retried by this replica.
        self.parts.refused.add(notification, raw)
        if not self.parts.monitor.away:
            self.parts.monitor.failed(condition)
        if isinstance(condition, Overloaded):
            return condition
        if isinstance(condition, IncidentUnreadable):
            return Refusal(503, condition.condition, UNREADABLE)
        if isinstance(condition, StoreLostData):
            return Refusal(503, condition.condition, LOST)
        return Refusal(503, STORE_SLOW if isinstance(condition, StoreSlow) else "store_away", AWAY)

    async def _still_wanted(self, request: web.Request) -> None:
        # A notification that waited while this process was suspended is old. If another replica has received the end of
        # the alert, it would be held as a new beginning that nothing ends. A waiting sender sends it again, and
        # the retry leaves out ended alerts; a sender that has hung up has used another replica.
        for _ in range(EOF_TURNS):
            await asyncio.sleep(0)
        if request.transport is None or request.transport.is_closing():
            raise Refusal(503, OVERLOADED, "the sender hung up while this process was suspended")
        raise Overloaded("this process was suspended while the notification waited")

    async def _parse(self, raw: bytes, request: web.Request, sender: Sender) -> Notification:
        try:
            if len(raw) > PARSE_ASIDE:
                notification = await self._parsing.run(lambda: parse_notification(raw))
            else:
                notification = parse_notification(raw)
            return notification.model_copy(update={"sender": sender})
        except Refusal as refusal:
            if refusal.reason == OVERLOADED:
                self.parts.refused.add_unread(raw, sender)  # it is unknown yet whether it pages
            raise
        except BadNotification as bad:
            await self._rejected.keep(raw, request, sender.name, bad.detail)
            raise Refusal(400, "bad_notification", bad.detail, errors=bad.errors) from None


class _Counters(dict[str, Counter]):
    """The counters of the metric by outcome, because looking one up by its labels costs more than counting."""

    def __init__(self, metric: Counter) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, outcome: str) -> Counter:
        found = self[outcome] = self._metric.labels("alertmanager", outcome)
        return found
