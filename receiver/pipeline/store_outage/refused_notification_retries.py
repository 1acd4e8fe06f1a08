"""Judges and retries refused notifications; those that are not stored in time are paged without the store."""

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
"""Number of pages that are adopted at once: their commands share round trips on the connections of refused
notifications."""
ORDERED = 0.5
"""Seconds after which the adoption order of thousands of pages is computed again."""
ERRORS = 3
"""Number of attempts that may fail with an unexpected error before the notification is paged without the store."""
POLL = 0.05
"""Seconds between two checks of the kept notifications."""
STEP = 20
"""Number of notifications that are judged before other tasks run."""
SENT_AGAIN = 3 * 60.0
"""Maximum seconds until Alertmanager sends a refused notification that still fires again: it waits at most 90 s. For a
group that it could never deliver, it does not send the end either."""
LARGE = 200
"""Number of alerts above which a notification is judged in a thread."""


class RefusedNotificationRetries:
    """Commits refused notifications on separate connections; pages those that cannot be committed in time.

    If the store answers, the commit, or the answer that another replica made it, settles the notification. Only a
    commit that could not be made within `incidents.emergency_after` becomes an emergency page.
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
        """Runs a step in the background."""
        self.in_doubt: Callable[[], Container[str]] = frozenset
        """Returns the uids of this replica's commits without an answer."""
        self.stopping = False
        """Whether this process is stopping, so that no further attempt starts."""
        self._order: deque[RefusedNotification] = deque()
        """The next attempts, as of the last check."""
        self._ordered_at = 0.0
        self._busy = 0
        self._adopting_storm = False
        monitor.came_back.append(self._store_back)
        self.pages.lets_storm = lambda: not self._adopting_storm

    async def run(self) -> None:
        """Retry pending notifications until canceled."""
        while True:
            if not self.refused.debts and not self.refused.unread and not self.pages.waiting:
                self.refused.all_settled()
                self.refused.added.clear()
                await self.refused.added.wait()
            await self.run_once()
            await asyncio.sleep(POLL)

    async def run_once(self) -> None:
        """Judge new notifications, start attempts to commit, and page those that could not be committed in time."""
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
            return  # a newer one replaced it meanwhile, and is judged next
        debt.parts = parts
        debt.episodes = {**_episodes(debt.parts), **debt.episodes}
        severities = {decision.severity for part in debt.parts for decision in part.decisions.values()}
        debt.rank = min((severity.rank for severity in severities), default=UNKNOWN)
        if not debt.pages and severities.isdisjoint(PAGED):
            self.refused.forget(debt)  # it is sent again; here it would take the space of one that pages

    async def _judged(self, notification: Notification, setting: ActiveConfig) -> list[NotificationPart]:
        # An implausible startsAt is replaced as when the notification is stored, because it is part of the page key.
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
        # Results from before this process was suspended may be outdated.
        return debt.failed_from > self.monitor.stood_still_until()

    def _lets(self, debt: RefusedNotification) -> bool:
        # If the store answers, the commit settles it, because it knows whether the alert has ended.
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
        # If people were already paged for it, or no one is to be paged, it is still stored once possible.
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
            # Notifications that were paged, or page no one, wait for the store; undecided ones are still attempted.
            waiting = [debt for debt in waiting if not debt.decided]
        elif self.pages.storm:
            # First the storm's incident: its members join it and do not page separately.
            waiting = [debt for debt in waiting if not debt.capped]
        return sorted(waiting, key=lambda debt: debt.order)

    def _start_next(self) -> None:
        # Also as soon as an attempt has ended, so that thousands of pending ones do not wait for the next check.
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
            # An error that neither the store nor the load explains: after three, it is paged without being stored.
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
