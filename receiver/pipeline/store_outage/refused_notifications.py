"""Refused SEV-1 and SEV-2 notifications: this replica keeps them until they are stored, have ended, or were paged."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

import structlog

from receiver.clock import Clock
from receiver.incident.store_outage.emergency_pages import PAGED
from receiver.model.alert.alert import BadNotification, Notification, parse_notification
from receiver.model.alert.sender import ANYBODY, Sender
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.notification_parts import owned_alerts
from receiver.pipeline.store_outage.emergency_pages import EmergencyPages
from receiver.pipeline.store_outage.refused_notification import RefusedNotification, group_name, says_the_same
from receiver.pipeline.store_outage.unread_bodies import UnreadBodies

MOST = 2000
"""Maximum number of notifications that are kept: those that page, and those that were not judged yet."""
MOST_BYTES = 64 * 1024 * 1024
"""Maximum total size of their bodies in bytes."""
PARSE_ASIDE = 256 * 1024
"""Size in bytes above which a body is parsed in a thread."""
SETTLED, SETTLED_FOR = 10_000, 300.0
"""Number of groups whose last storing time is kept, and for how many seconds while no body waits to be read: it is
compared with bodies that arrived earlier, and parsing the last of them takes seconds."""

log = structlog.get_logger("receiver.refused")


class RefusedNotifications:
    """This replica's refused notifications: the newest of each group, and bodies that were not read yet."""

    def __init__(self, setting: Callable[[], ActiveConfig], pages: EmergencyPages, clock: Clock) -> None:
        """`pages` drops the emergency pages of notifications that are dropped."""
        self.setting = setting
        self.pages = pages
        self.clock = clock
        self.debts: dict[str, RefusedNotification] = {}
        """By group (`group_name`)."""
        self.unread = UnreadBodies()
        self.added = asyncio.Event()
        """Set when a notification was refused."""
        self.late: Callable[[], bool] = lambda: False
        """Whether this process is overloaded: then unread bodies wait."""
        self.all_settled: Callable[[], None] = lambda: None
        """Called when no notification is pending anymore."""
        self._bytes = 0
        self._settled: OrderedDict[str, float] = OrderedDict()
        """By group, the monotonic time at which its last notification was stored."""

    def __len__(self) -> int:
        """Return how many groups are pending."""
        return len(self.debts)

    def add(self, notification: Notification, body: bytes = b"") -> None:
        """Keep a refused notification.

        A newer one of the same group replaces it, and keeps the time of its first refusal.
        """
        group = group_name(notification)
        known = self.debts.get(group)
        if known is not None and says_the_same(known.notification, notification) and known.ended is None:
            known.received = self.clock.monotonic()  # its sender retries it
            return
        if known is not None and known.pages and not any(alert.firing for alert in notification.alerts):
            # Nothing is resolved without the store. It is kept, because it may not be sent again: Alertmanager does not
            # send the end of a group whose beginning it could never deliver.
            known.ended = notification
            return
        full = len(self.debts) >= MOST or self._bytes + len(body) > MOST_BYTES
        if known is None and full and not self._make_room(len(body)):
            log.error("refused_notification_dropped", kept=len(self.debts), receiver=notification.receiver[:200])
            return
        if known is not None:
            # The same pending notification, with an attempt that may be running and its findings about the store.
            self._bytes += len(body) - len(known.body)
            known.notification, known.body, known.parts, known.decided = notification, body, None, False
            known.version += 1
            known.ended, known.received = None, self.clock.monotonic()
        else:
            self._bytes += len(body)
            now = self.clock.monotonic()
            self.debts[group] = RefusedNotification(notification, now, now, body=body, first=notification)
        self.added.set()

    def _make_room(self, size: int) -> bool:
        # Alertmanager retries a notification that pages no one, so it is dropped in favor of one that may page.
        while len(self.debts) >= MOST or self._bytes + size > MOST_BYTES:
            idle = next((debt for debt in self.debts.values() if debt.only_waits), None)
            if idle is None:
                return False
            self.forget(idle)
        return True

    def add_unread(self, body: bytes, sender: Sender = ANYBODY) -> None:
        """Keep a body that this process was too busy to read; it is judged later, and kept if it pages."""
        if not self.unread.add(body, self.clock.monotonic(), sender):
            reason = "too many bodies are waiting to be read"
            log.error("refused_notification_dropped", kept=len(self.unread), reason=reason)
            return
        self.added.set()

    async def read_next(self) -> None:
        """Parse the body that has waited longest, and keep its notification unless a later one was stored."""
        body, sender, since = self.unread.take()
        try:
            if len(body) > PARSE_ASIDE:
                notification = await asyncio.to_thread(parse_notification, body)
            else:
                notification = parse_notification(body)
        except BadNotification:
            return  # its sender gets a 400 when it retries
        notification = notification.model_copy(update={"sender": sender})
        group = group_name(notification)
        if self._settled.get(group, since) > since:
            return  # a later notification of the group was stored
        known = self.debts.get(group)
        if known is None or known.received < since:
            self.add(notification, body)
            if group in self.debts:
                known = self.debts[group]
                known.since, known.received = min(known.since, since), since

    def replaces(self, notification: Notification) -> bool:
        """Return whether a notification differs from the pending one of its group."""
        known = self.debts.get(group_name(notification))
        return known is not None and not says_the_same(known.notification, notification)

    def ends_pages(self, notification: Notification) -> bool:
        """Return whether a notification ends alerts of an open SEV-1 or SEV-2, whose escalation must stop."""
        if all(alert.firing for alert in notification.alerts):
            return False
        known = [
            self.pages.incident_cache.at(key) for key in owned_alerts(notification, notification.alerts, self.setting())
        ]
        return any(one is not None and not one.state.over and one.severity in PAGED for one in known)

    def adopting(self, notification: Notification) -> dict[str, Sequence[tuple[Page, bool]]]:
        """Return the emergency pages of a notification's group by correlation key; its commit adopts them."""
        known = self.debts.get(group_name(notification))
        return self.pages.adopted(known.pages) if known is not None else {}

    def owes(self, group: str) -> bool:
        """Return whether the group with this name (`group_name`) has a pending notification."""
        return group in self.debts

    def settle(self, group: str) -> None:
        """Drop the refused notification of a group, because a later one was stored with its pages."""
        now = self._settled[group] = self.clock.monotonic()
        self._settled.move_to_end(group)
        while len(self._settled) > SETTLED or (
            not self.unread and next(iter(self._settled.values())) < now - SETTLED_FOR
        ):
            self._settled.popitem(last=False)
        known = self.debts.get(group)
        if known is not None:
            self.forget(known)

    def owed(self) -> list[tuple[bytes, Sender]]:
        """Return the pending bodies and their senders, oldest first, for the data folder when the process ends.

        Safe to call from another thread.
        """
        debts = list(self.debts.values())  # one step, which no other thread interrupts
        debts.sort(key=lambda debt: debt.since)
        return self.unread.bodies() + [
            (debt.kept_body(), debt.notification.sender) for debt in debts if debt.parts is None or debt.rank <= 2
        ]

    def forget(self, debt: RefusedNotification) -> None:
        """Drop a notification with its emergency pages, if it is still the pending one of its group."""
        group = group_name(debt.notification)
        if self.debts.get(group) is debt:
            del self.debts[group]
            self._bytes -= len(debt.body)
            self.pages.forget(debt.pages)
