"""POST /webhooks/alertmanager: authenticated, measured, parsed, taken; 2xx only once it is durable."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.log import DirectLog
from receiver.model.alert.alert import BadNotification, Notification, parse_notification
from receiver.pipeline.intake.intake import Answer, PartResult
from receiver.pipeline.intake.notification_parts import may_page
from receiver.pipeline.store_outage.refused_notifications import group_name
from receiver.store.client.connection_lanes import Lane, lane
from receiver.store.client.store_errors import IncidentUnreadable, Overloaded, StoreAway, StoreSlow
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http import body_reader as body
from receiver.web.http.error_responses import AWAY, UNREADABLE, Refusal, answer
from receiver.web.http.thread_offload import Offload
from receiver.web.webhooks.admission_queue import PLACES, Admission, Place, RefusalLog
from receiver.web.webhooks.arrival_order import ArrivalOrder
from receiver.web.webhooks.known_bodies import AcceptedBodies, AcceptedBody, BodyHash, RefusedBodies
from receiver.web.webhooks.unreadable_notifications import UnreadableNotifications

ACCEPT_LIMIT = 1.8
"""Seconds for waiting, deciding and committing: the answer must be there within 2 s whatever the store does."""
LARGE_ACCEPT_LIMIT = 1.9
GRACE = 0.05
"""Seconds after the limit until which a task that has just reached it may say so itself."""
STORE_LIMIT = 1.7
"""Seconds of loop time at the store after which it is the store that is slow, and not this process."""
LARGE = 200
"""Alerts above which deciding alone takes long enough to matter."""
PARSE_ASIDE = 256 * 1024
"""Bytes above which a body is parsed in a thread, so that other requests are answered meanwhile."""
OVERLOADED, STORE_SLOW = "overloaded", "store_slow"
BULKY, BULKY_WAIT = 4 * 1024 * 1024, 1.0
"""Bytes above which a body is worked on alone, and seconds that the next one waits: each holds the loop for long."""
PARSED_AT_ONCE, PARSE_WAITING, PARSE_WAIT = 2, 16, 1.5
"""Such bodies that are parsed at once, that wait for it, and for how many seconds; 503 beyond that."""
EOF_TURNS = 3
"""Turns of the event loop until the end of a connection that is there already is seen."""
NAME = 200

log = DirectLog("receiver.webhook")


@dataclass
class _Line:
    """What the one log line of a webhook says."""

    outcome: str = "error"
    reason: str = "spoiled"
    fields: dict[str, Any] = field(default_factory=dict)


class _RefusedBefore(Overloaded):
    """A notification was refused that pages nobody, or that is a debt already: nothing is to be kept of it."""


class Webhooks:
    """The door of Alertmanager."""

    def __init__(self, doors: AppParts, gate: TokenCheck) -> None:
        """Nothing is under way yet."""
        self.doors = doors
        self.gate = gate
        self.arrivals = ArrivalOrder(doors.clock.monotonic)
        self.admission = Admission(doors.clock.monotonic)
        self.admission.late = doors.refused.late = lambda: self.arrivals.late
        self._bulky = Admission(doors.clock.monotonic, turns=1)
        self._refusals = RefusalLog()
        self._rejected = UnreadableNotifications(doors)
        self._hash = BodyHash()
        self._refused_bodies = RefusedBodies()
        self._accepted_bodies = AcceptedBodies()
        self._parsing = Offload("parse", at_once=PARSED_AT_ONCE, waiting=PARSE_WAITING, wait=PARSE_WAIT)
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
            if refusal.reason == OVERLOADED:
                line.outcome = OVERLOADED
            raise
        finally:
            self._count(line, began)

    def _count(self, line: _Line, began: float) -> None:
        took = self.doors.clock.monotonic() - began
        self.doors.metrics.webhooks.labels("alertmanager", line.outcome).inc()
        self.doors.metrics.webhook_duration.observe(took)
        if line.outcome == OVERLOADED:
            left_out = self._refusals.line(began + took)
            if left_out is None:
                return
            line.fields["not_logged"] = left_out
        taken = line.outcome not in ("error", "refused", "unauthorized", "unavailable", OVERLOADED)
        say = log.info if taken else log.warning
        say("webhook", source="alertmanager", outcome=line.outcome, reason=line.reason,
            duration_ms=round(took * 1000, 1), **line.fields)  # fmt: skip

    async def _serve(self, request: web.Request, line: _Line) -> web.Response:
        caller = self.gate.admit(request, Scope.INGEST)
        line.fields["caller"] = caller.name
        if self.doors.state.draining:
            raise Refusal(503, "draining", "this replica is ending; send it again")
        most = self.doors.config.server.max_body
        body.check_head(request, most)
        try:
            await self._begin(request, most)
            with self.admission.entered() as measured:
                raw = await body.read_body(request, most, measured=measured)
                said = await self._bulky_in_turn(raw, request, caller.name, line)
        except Overloaded as overloaded:
            raise Refusal(503, OVERLOADED, f"overloaded: {overloaded}; send it again") from None
        first = said.foremost
        line.outcome, line.reason = first.outcome, first.reason
        line.fields.update(incident=first.incident, severity=first.severity)
        shape = _shape(first)
        if len(said.parts) > 1:
            shape["all"] = [_shape(part) for part in said.parts]
        return answer(shape)

    async def _begin(self, request: web.Request, most: int) -> None:
        try:
            await self.arrivals.enter()
        except Overloaded:
            # It may page somebody: what is here whole is judged once there is time, as any refused notification.
            if request.content.is_eof() and (request.content_length or 0) <= PARSE_ASIDE:
                raw = await body.read_body(request, most)
                if self._refused_bodies.place(self._hash(raw), self.doors.setting()) is None:
                    self.doors.refused.add_unread(raw)
            raise

    async def _bulky_in_turn(self, raw: bytes, request: web.Request, caller: str, line: _Line) -> Answer:
        if len(raw) <= BULKY:
            return await self._accepted(raw, request, caller, line)
        try:
            async with self._bulky.turn(BULKY_WAIT, lambda: Place.FIRST):
                return await self._accepted(raw, request, caller, line)
        except _RefusedBefore:
            raise
        except Overloaded:
            self.doors.refused.add_unread(raw)
            raise

    async def _accepted(self, raw: bytes, request: web.Request, caller: str, line: _Line) -> Answer:
        began = self.doors.clock.monotonic()
        name, setting = self._hash(raw), self.doors.setting()
        known = self._refused_bodies.place(name, setting)
        if known is not None and self.admission.refuses(known):
            raise _RefusedBefore("too many notifications wait for the store")
        accepted = self._accepted_bodies.get(name, setting)
        repeated: Answer | StoreAway | None = None
        if accepted is not None and not self._changed(accepted.owner):
            line.fields.update(accepted.fields)
            repeated = await self._repeated(accepted, began)
            if isinstance(repeated, Answer):
                return repeated
        notification = await self._parse(raw, request, caller)
        if isinstance(repeated, StoreAway):
            raise self._refused(repeated, notification, raw)
        fields = {
            "alerts": len(notification.alerts), "firing": sum(alert.firing for alert in notification.alerts),
            "receiver": notification.receiver[:NAME], "truncated": notification.truncated,
        }  # fmt: skip
        line.fields.update(fields)
        try:
            if self.doors.stood_still():
                await self._still_wanted(request)
            answer = await self._admitted(notification, raw, name, began)
        except _RefusedBefore:
            raise
        except StoreAway as condition:
            raise self._refused(condition, notification, raw) from None
        if notification.set_aside:
            # Behind what could be read: a store that is slow with the one holds up no page.
            line.fields["set_aside"] = notification.set_aside
            await self._rejected.keep(raw, request, caller, "; ".join(notification.set_aside), in_part=True)
        elif answer.repetition is not None:
            firing = any(alert.firing for alert in notification.alerts)
            body = AcceptedBody(group_name(notification), answer.repetition, fields, firing)
            self._accepted_bodies.add(name, setting, body)
        return answer

    def _changed(self, owner: str) -> bool:
        # Whether a repetition has to be read all the same: for what is owed of its group, or to be judged later.
        return self.doors.monitor.away or self.doors.stood_still() or self.doors.refused.owes(owner)

    async def _repeated(self, accepted: AcceptedBody, began: float) -> Answer | StoreAway | None:
        # The answer; None where something has changed, or the condition for which nobody knows.
        # One read, and no turn at the store: what has been accepted before is answered even when others are refused,
        # since each refusal brings it back.
        try:
            with lane(Lane.INGEST):
                async with asyncio.timeout(self._left(began, ACCEPT_LIMIT)):
                    answer = await self.doors.intake.repeated(accepted.repetition, self.doors.clock.now())
        except TimeoutError:
            return (Overloaded if self.arrivals.late else StoreSlow)(f"no answer within {ACCEPT_LIMIT:g} s")
        except StoreAway as condition:
            return condition
        if answer is not None:
            self.doors.refused.settle(accepted.owner)
            self.admission.learn(accepted.owner, answer.foremost.severity)
        return answer

    async def _admitted(self, notification: Notification, raw: bytes, name: bytes, began: float) -> Answer:
        # Only where somebody may be refused; judging costs time as well.
        if self.admission.crowded or self.admission.refuses(Place.PAGING):
            place = self._place(notification)
            if self.admission.refuses(place):
                if all(alert.firing for alert in notification.alerts):
                    self._refused_bodies.add(name, self.doors.setting(), place)
                refusal = _RefusedBefore if place is Place.REST else Overloaded
                raise refusal("too many notifications wait for the store")
        return await self._take(notification, began)

    def _refused(self, condition: StoreAway, notification: Notification, raw: bytes) -> StoreAway | Refusal:
        # A SEV-1 or SEV-2 that was refused, for whatever reason, stays a debt of this replica.
        self.doors.refused.add(notification, raw)
        if not self.doors.monitor.away:
            self.doors.monitor.failed(condition)
        if isinstance(condition, Overloaded):
            return condition
        if isinstance(condition, IncidentUnreadable):
            return Refusal(503, condition.condition, UNREADABLE)
        return Refusal(503, STORE_SLOW if isinstance(condition, StoreSlow) else "store_away", AWAY)

    async def _still_wanted(self, request: web.Request) -> None:
        # What has waited while this process stood still is old. Where another replica has heard of the alert's end, it
        # would be held as a new beginning, and count in the end, with nobody to end it. A sender that waits sends it
        # again, and the debt leaves out what has ended; one that has hung up has told somebody else.
        for _ in range(EOF_TURNS):
            await asyncio.sleep(0)
        if request.transport is None or request.transport.is_closing():
            raise Refusal(503, OVERLOADED, "its sender has hung up while this process stood still")
        raise Overloaded("this process stood still while it waited")

    async def _parse(self, raw: bytes, request: web.Request, caller: str) -> Notification:
        try:
            if len(raw) > PARSE_ASIDE:
                return await self._parsing.run(lambda: parse_notification(raw))
            return parse_notification(raw)
        except Refusal as refusal:
            if refusal.reason == OVERLOADED:
                self.doors.refused.add_unread(raw)  # nobody knows yet whether it pages
            raise
        except BadNotification as bad:
            await self._rejected.keep(raw, request, caller, bad.detail)
            raise Refusal(400, "bad_notification", bad.detail, errors=bad.errors) from None

    async def _take(self, notification: Notification, began: float) -> Answer:
        # Raises StoreAway; Overloaded where this process was too busy to decide and commit in time.
        monitor = self.doors.monitor
        if monitor.away and not (monitor.full and not any(alert.firing for alert in notification.alerts)):
            raise StoreAway(AWAY)  # a store that is only full still takes what ends
        limit = LARGE_ACCEPT_LIMIT if len(notification.alerts) > LARGE else ACCEPT_LIMIT
        turn = self.admission.turn(self._left(began, limit), lambda: self._place(notification))
        with lane(Lane.INGEST):
            task = asyncio.create_task(self._in_turn(turn, notification))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        # Waiting does not end the task, nor does a sender that hangs up: half a decision would be wasted, and the next
        # attempt of the sender is a repetition of what has been stored meanwhile.
        await asyncio.wait({task}, timeout=self._left(began, limit) + GRACE)
        if not task.done() or task.cancelled():
            raise Overloaded("not decided and committed within the time of an answer")
        return task.result()

    async def _in_turn(self, turn: AbstractAsyncContextManager[None], notification: Notification) -> Answer:
        async with turn:
            answer = await self._accept(notification)
        self.doors.refused.settle(group_name(notification))
        self.admission.learn(group_name(notification), answer.foremost.severity)
        return answer

    async def _accept(self, notification: Notification) -> Answer:
        adopted = self.doors.refused.adopting(notification)
        try:
            async with self.doors.connection.time.deadline(STORE_LIMIT):
                now = self.doors.clock.now()
                return await self.doors.intake.accept(notification, now, released=bool(adopted), adopted=adopted)
        except TimeoutError:
            # Where this process has too little time, its own steps took it, and not the store.
            raise (Overloaded if self.arrivals.late else StoreSlow)(f"no commit within {STORE_LIMIT:g} s") from None

    def _place(self, notification: Notification) -> Place:
        group, refused = group_name(notification), self.doors.refused
        known = self.admission.place(group)
        if known is Place.FIRST or refused.ends_pages(notification):
            return Place.FIRST
        if refused.replaces(notification):
            return Place.FIRST  # what is owed must not be committed as it was
        if len(notification.alerts) > LARGE:
            # Judging it takes longer than letting it in.
            return known if self.admission.known(group) else Place.PAGING
        urgent, severity = may_page(notification, self.doors.setting())
        if not urgent:
            return known
        self.admission.learn(group, severity)
        return min(known, PLACES.get(severity, Place.FIRST) if severity is not None else Place.FIRST)

    def _left(self, began: float, limit: float) -> float:
        return max(0.0, limit - (self.doors.clock.monotonic() - began))

    def _forget(self, task: asyncio.Task[Answer]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen here too, when the sender is gone and nobody else looks


def _shape(said: PartResult) -> dict[str, Any]:
    return {"incident": said.incident, "severity": said.severity, "outcome": said.outcome, "reason": said.reason}
