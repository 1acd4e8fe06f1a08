"""Decides and commits a notification, or recognizes a repetition, in time for a response within 2 seconds."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from receiver.model.alert.alert import Notification
from receiver.pipeline.exception_frames import drop_frames_of
from receiver.pipeline.intake.intake_answer import Answer
from receiver.pipeline.intake.notification_parts import may_page
from receiver.pipeline.store_outage.refused_notification import group_name
from receiver.store.client.connection_lanes import Lane, lane
from receiver.store.client.store_errors import Overloaded, StoreAway, StoreSlow
from receiver.web.app_keys import AppParts
from receiver.web.http.error_responses import AWAY
from receiver.web.webhooks.admission_queue import PLACES, Admission, Place
from receiver.web.webhooks.arrival_order import ArrivalOrder
from receiver.web.webhooks.known_bodies import AcceptedBody

ACCEPT_LIMIT = 1.8
"""Seconds for waiting, deciding and committing: the answer must be sent within 2 s even if the store is slow."""
LARGE_ACCEPT_LIMIT = 1.9
GRACE = 0.05
"""Seconds after the limit in which a task that has just reached it can raise its own error."""
STORE_LIMIT = 1.7
"""Seconds of loop time spent on the store after which the store is considered slow, and not this process."""
BEHIND = 0.4
"""If the event loop was late by this many seconds in the meantime, this process is considered slow anyway: the dozen
iterations that a notification needs have then taken as long."""
LARGE = 200
"""Number of alerts above which deciding alone takes a noticeable time."""


class NotificationAcceptance:
    """Gives each notification its turn at the store, and ends the wait for it before the sender's timeout."""

    def __init__(self, parts: AppParts, admission: Admission, arrivals: ArrivalOrder) -> None:
        """`arrivals` reports whether this process is late."""
        self._parts = parts
        self._admission = admission
        self._arrivals = arrivals
        self._tasks: set[asyncio.Task[Answer]] = set()

    async def repeat(self, accepted: AcceptedBody, began: float) -> Answer | StoreAway | None:
        """Return the response to a repetition of `accepted`; None if something has changed, or why it is unknown.

        `began`: when the request began, in monotonic seconds. It takes one read and no turn: a repetition is accepted
        even while other notifications are refused, because a refused one would be sent again.
        """
        try:
            answer = await self._ask_store(accepted, self._left(began, ACCEPT_LIMIT))
        except TimeoutError:
            return (Overloaded if self._arrivals.late else StoreSlow)(f"no response within {ACCEPT_LIMIT:g} s")
        except StoreAway as condition:
            return condition
        if answer is not None:
            self._parts.refused.settle(accepted.owner)
            self._admission.learn(accepted.owner, answer.foremost.severity)
        return answer

    async def _ask_store(self, accepted: AcceptedBody, left: float) -> Answer | None:
        repeated, now = self._parts.intake.repeated, self._parts.clock.now()
        if not self._parts.connection.confirms:
            return await repeated(accepted.repetition, now, left)
        # A write follows the read, and both must end in time.
        with lane(Lane.INGEST):
            async with asyncio.timeout(left):
                return await repeated(accepted.repetition, now, left)

    async def accept(self, notification: Notification, began: float) -> Answer:
        """Decide and commit `notification` in its turn, and return the response; `began`: see `repeat`.

        Raises StoreAway; Overloaded if this process was too busy to decide and commit in time.
        """
        monitor = self._parts.monitor
        if monitor.away and not (monitor.full and not any(alert.firing for alert in notification.alerts)):
            raise StoreAway(AWAY)  # a full store still accepts resolved alerts
        limit = LARGE_ACCEPT_LIMIT if len(notification.alerts) > LARGE else ACCEPT_LIMIT
        turn = self._admission.turn(self._left(began, limit), lambda: self.place(notification))
        with lane(Lane.INGEST):
            task = asyncio.create_task(self._in_turn(turn, notification))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        # Neither the timeout nor a sender that hangs up cancels the task: its work would be wasted, and the sender's
        # next attempt is a repetition of the notification stored in the meantime.
        try:
            await asyncio.wait({task}, timeout=self._left(began, limit) + GRACE)
        finally:
            if not task.done():
                task.add_done_callback(drop_frames_of)
        if not task.done() or task.cancelled():
            raise Overloaded("not decided and committed in time")
        return task.result()

    async def _in_turn(self, turn: AbstractAsyncContextManager[None], notification: Notification) -> Answer:
        async with turn:
            answer = await self._commit(notification)
        self._parts.refused.settle(group_name(notification))
        self._admission.learn(group_name(notification), answer.foremost.severity)
        return answer

    async def _commit(self, notification: Notification) -> Answer:
        adopted = self._parts.refused.adopting(notification)
        deadline = self._parts.connection.time.deadline(STORE_LIMIT)
        try:
            async with deadline:
                now = self._parts.clock.now()
                return await self._parts.intake.accept(notification, now, released=bool(adopted), adopted=adopted)
        except TimeoutError:
            # If this process has too little CPU time, its own steps caused the delay, and not the store.
            ours = self._arrivals.late or deadline.behind > BEHIND
            raise (Overloaded if ours else StoreSlow)(f"no commit within {STORE_LIMIT:g} s") from None

    def place(self, notification: Notification) -> Place:
        """Return the priority of `notification` in the queue."""
        group, refused = group_name(notification), self._parts.refused
        known = self._admission.place(group)
        if known is Place.FIRST or refused.ends_pages(notification):
            return Place.FIRST
        if refused.replaces(notification):
            return Place.FIRST  # the refused one must not be committed in its old state
        if len(notification.alerts) > LARGE:
            # Deciding its priority takes longer than accepting it.
            return known if self._admission.known(group) else Place.PAGING
        urgent, severity = may_page(notification, self._parts.setting())
        if not urgent:
            return known
        self._admission.learn(group, severity)
        return min(known, PLACES.get(severity, Place.FIRST) if severity is not None else Place.FIRST)

    def _left(self, began: float, limit: float) -> float:
        return max(0.0, limit - (self._parts.clock.monotonic() - began))

    def _forget(self, task: asyncio.Task[Answer]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here, because no one waits for it once the sender is gone
