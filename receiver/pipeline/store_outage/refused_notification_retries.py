"""Refused notifications are judged and attempted again; what the store does not take in time is paged without it."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import datetime
from functools import partial

from receiver.clock import Clock
from receiver.incident.alerts.alert_start import drop_future_starts
from receiver.incident.log.notification_outcome import NotificationPart
from receiver.incident.store_outage.emergency_pages import PAGED, first_episode
from receiver.model.alert.alert import Notification
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.notification_parts import judged
from receiver.pipeline.store_outage.refused_notification import UNKNOWN, RefusedNotification, group_name
from receiver.pipeline.store_outage.refused_notification_attempts import ADOPT_AGAIN, RefusedNotificationAttempts
from receiver.pipeline.store_outage.refused_notifications import RefusedNotifications
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.store.client.connection_lanes import SIZES, Lane, lane
from receiver.store.client.store_errors import StoreAway

ADOPTING = 8
"""Pages that are adopted at once: their commands travel together, on the connections of refused notifications."""
ORDERED = 0.5
"""Seconds after which the order in which thousands are adopted is made anew."""
ERRORS = 3
"""Attempts that may fail for a reason that nobody has thought of before it is paged without the store."""
POLL = 0.05
"""Seconds between two looks at what is kept."""
STEP = 20
"""Notifications that are judged before other tasks have their turn."""
SENT_AGAIN = 3 * 60.0
"""Seconds in which Alertmanager sends again what was refused and still fires, at the latest: it waits for 90 s at most.
Of what it could never tell of it does not tell the end either."""
LARGE = 200
"""Alerts above which a notification is judged in a thread."""


class RefusedNotificationRetries:
    """Commits refused notifications on connections of their own; pages those that cannot be committed in time.

    surfaces.md, second part, Delivery: where the store answers, the commit, or the answer that another replica has it,
    settles the debt. Only a commit that could not be made within `incidents.emergency_after` becomes an emergency page.
    """

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        refused: RefusedNotifications,
        attempts: RefusedNotificationAttempts,
        monitor: StoreMonitor,
        clock: Clock,
    ) -> None:
        """`attempts` stores what is in `refused`."""
        self.setting = setting
        self.refused = refused
        self.attempts = attempts
        self.pages = refused.pages
        self.monitor = monitor
        self.clock = clock
        self.spawn: Callable[[str, Callable[[], Awaitable[None]]], None]
        """Runs a step beside the caller."""
        self.in_doubt: Callable[[], Container[str]] = frozenset
        """Returns the uids of commits of this replica whose answer did not come."""
        self.stopping = False
        """Whether this process is stopping, so that no further attempt starts."""
        self._order: deque[RefusedNotification] = deque()
        """What is to be attempted next, as of the last look."""
        self._ordered_at = 0.0
        self._busy = 0
        self._adopting_storm = False
        monitor.came_back.append(self._store_back)
        self.pages.lets_storm = lambda: not self._adopting_storm

    async def run(self) -> None:
        """Retry what is pending until cancelled."""
        while True:
            if not self.refused.debts and not self.refused.unread and not self.pages.waiting:
                self.refused.all_settled()
                self.refused.added.clear()
                await self.refused.added.wait()
            await self.run_once()
            await asyncio.sleep(POLL)

    async def run_once(self) -> None:
        """Judge what is new, start attempts to commit, and page what could not be committed in time."""
        setting, now = self.setting(), self.clock.now()
        for _ in range(min(len(self.refused.unread), 1 if self.refused.late() else STEP)):
            await self.refused.read_next()
        for number, debt in enumerate([debt for debt in self.refused.debts.values() if debt.parts is None]):
            await self._judge(debt, setting)
            if number % STEP == STEP - 1:
                await asyncio.sleep(0)
        for debt in [debt for debt in self.refused.debts.values() if self._too_late(debt, setting)]:
            self._page(debt, setting, now)
        self._start()
        self.pages.send(setting, now)

    async def _judge(self, debt: RefusedNotification, setting: ActiveConfig) -> None:
        notification, version = debt.notification, debt.version
        if debt.first is not None and debt.first is not notification:
            debt.episodes = _episodes(await self._judged(debt.first, setting))
        debt.first = None
        parts = await self._judged(notification, setting)
        if debt.version != version:
            return  # a newer one has replaced it meanwhile, and is judged next
        debt.parts = parts
        debt.episodes = {**_episodes(debt.parts), **debt.episodes}
        severities = {decision.severity for part in debt.parts for decision in part.decisions.values()}
        debt.rank = min((severity.rank for severity in severities), default=UNKNOWN)
        if not debt.pages and severities.isdisjoint(PAGED):
            self.refused.forget(debt)  # it is sent again; here it would take the room of one that pages

    async def _judged(self, notification: Notification, setting: ActiveConfig) -> list[NotificationPart]:
        # A startsAt that cannot be is replaced as it is when the notification is stored: it is a part of the page key.
        notification = drop_future_starts(notification, self.clock.now())
        if len(notification.alerts) > LARGE:
            return await asyncio.to_thread(judged, notification, setting)
        return judged(notification, setting)

    def _too_late(self, debt: RefusedNotification, setting: ActiveConfig) -> bool:
        if debt.busy or debt.decided or not setting.emergency_paging:
            return False
        if self.clock.monotonic() - debt.since < setting.emergency_after.total_seconds():
            return False
        return self._store_refuses(debt) or self.monitor.surely_away

    def _store_refuses(self, debt: RefusedNotification) -> bool:
        # What was found out before this process stood still may have changed.
        return debt.failed_from > self.monitor.stood_still_until()

    def _lets(self, debt: RefusedNotification) -> bool:
        # Where the store answers, the commit settles it, which knows whether the alert has ended.
        return not debt.busy and (self.monitor.surely_away or self._store_refuses(debt))

    def _store_back(self, now: datetime) -> None:
        for debt in self.refused.debts.values():
            if debt.pages:
                debt.failed_from = -math.inf

    def _page(self, debt: RefusedNotification, setting: ActiveConfig, now: datetime) -> None:
        debt.decided = True
        made, debt.capped = self.pages.decide(debt.parts or (), setting, now, debt.episodes, self.in_doubt())
        for page in made:
            page.allows = partial(self._lets, debt)
        debt.pages.extend(made)
        # Where somebody was paged for it already, or nobody is to be, it is stored all the same once that can be done.
        debt.next_at = self.clock.monotonic() + ADOPT_AGAIN

    def _start(self) -> None:
        now = self.clock.monotonic()
        if not self._order or self.refused.added.is_set() or now - self._ordered_at >= ORDERED:
            self.refused.added.clear()
            for debt in [debt for debt in self.refused.debts.values() if debt.only_waits]:
                if now - debt.received > SENT_AGAIN:
                    self.refused.forget(debt)  # all of it has ended
            self._ordered_at, self._order = now, deque(self._ordered(now))
        if self.pages.storm and not self.monitor.away:
            self._start_storm()
        self._start_next()

    def _ordered(self, now: float) -> list[RefusedNotification]:
        waiting = [debt for debt in self.refused.debts.values() if not debt.busy and now >= debt.next_at]
        if self.monitor.away:
            # What was paged, or is not to be, waits for the store; what was not decided is tried all the same.
            waiting = [debt for debt in waiting if not debt.decided]
        elif self.pages.storm:
            # First the incident of the storm: what is part of it joins it, and pages nobody by itself.
            waiting = [debt for debt in waiting if not debt.capped]
        return sorted(waiting, key=lambda debt: debt.order)

    def _start_next(self) -> None:
        # Also as soon as an attempt has ended: thousands of pending ones do not wait for the next look at them.
        while self._order and self._busy < (ADOPTING if self._order[0].pages else SIZES[Lane.DEBTS]):
            debt = self._order.popleft()
            gone = self.refused.debts.get(group_name(debt.notification)) is not debt
            waits = self.monitor.away and debt.decided
            if gone or waits or debt.busy or any(page.busy for page in debt.pages):
                continue
            debt.busy = True
            self._busy += 1
            self.spawn("refused", partial(self._attempt, debt))

    def _start_storm(self) -> None:
        if self._adopting_storm or any(page.busy for page in self.pages.storm):
            return
        self._adopting_storm = True

        async def adopt() -> None:
            try:
                with lane(Lane.DEBTS):
                    await self.pages.adopt_storm(self.attempts.intake, self.setting(), self.clock.now())
            finally:
                self._adopting_storm = False

        self.spawn("adopt", adopt)

    async def _attempt(self, debt: RefusedNotification) -> None:
        try:
            with lane(Lane.DEBTS):
                if debt.pages:
                    await self.attempts.adopt(debt)
                else:
                    await self.attempts.commit(debt)
        except StoreAway:
            raise
        except Exception:
            # Nothing that the store or the load explains: after three it is paged without being stored.
            debt.errors += 1
            if debt.errors >= ERRORS:
                debt.failed_from = self.clock.monotonic()
            raise
        finally:
            debt.busy = False
            self._busy -= 1
        if not self.stopping:
            self._start_next()


def _episodes(parts: Sequence[NotificationPart]) -> dict[str, int]:
    return {part.key: first_episode(part, None) for part in parts if any(alert.firing for alert in part.alerts)}
