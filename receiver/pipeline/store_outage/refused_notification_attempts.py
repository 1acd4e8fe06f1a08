"""Attempts to store a refused notification, including one that was paged without the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Container

import structlog

from receiver.clock import Clock
from receiver.incident.log.notification_outcome import Outcome
from receiver.metrics import Metrics
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.store_outage.refused_notification import RefusedNotification
from receiver.pipeline.store_outage.refused_notifications import RefusedNotifications
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.supervision import run_step
from receiver.store.client.store_errors import Overloaded, StoreAway, StoreSlow

LEAST = 0.3
"""Minimum seconds of loop time for an attempt to commit."""
AGAIN = 0.2
"""Seconds between two attempts to commit one notification."""
ADOPT_AGAIN = 0.5
"""The same for one that was paged, which is less urgent."""
ADOPT_TRIES = 3
"""Maximum number of attempts to adopt a page if the store is not the reason for the failure."""

log = structlog.get_logger("receiver.refused")


class RefusedNotificationAttempts:
    """Stores refused notifications, one at a time."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        refused: RefusedNotifications,
        intake: Intake,
        monitor: StoreMonitor,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Stored notifications are removed from `refused`."""
        self.setting = setting
        self.refused = refused
        self.pages = refused.pages
        self.intake = intake
        self.monitor = monitor
        self.clock = clock
        self.metrics = metrics
        self.doubted_groups: Callable[[], Container[str]] = frozenset
        """Returns the groups of this replica's commits without an answer."""

    async def commit(self, debt: RefusedNotification) -> None:
        """Commit a notification that paged no one; the store's answer is kept in `debt`."""
        # The time left until it is paged: a longer attempt would delay the page.
        whole = self.setting().emergency_after.total_seconds()
        left = whole - (self.clock.monotonic() - debt.since)
        limit = max(LEAST, left) if left > 0 else whole
        began = self.clock.monotonic()
        debt.next_at = began + AGAIN
        version = debt.version
        try:
            try:
                async with self.monitor.connection.time.deadline(limit):
                    answer = await self.intake.accept(debt.notification, self.clock.now(), late=True)
            except TimeoutError:
                # If this process has too little time, its own steps are the cause, not the store.
                raise (Overloaded if self.refused.late() else StoreSlow)(f"no commit within {limit:g} s") from None
        except StoreAway as condition:
            debt.failed_from = began if not condition.ours else -math.inf
            self.monitor.failed(condition)
            return
        if answer.foremost.outcome is Outcome.DUPLICATE and self._doubted(debt):
            return  # stored by a commit of this replica that does not have its pages yet: it queries them
        log.info("refused_notification_stored", outcome=answer.foremost.outcome, incident=answer.foremost.incident)
        if debt.version == version:
            self.refused.forget(debt)

    def _doubted(self, debt: RefusedNotification) -> bool:
        doubted = self.doubted_groups()
        return any(part.group in doubted for part in debt.parts or ())

    async def adopt(self, debt: RefusedNotification) -> None:
        """Commit a notification together with the pages that were sent for it. Raises StoreAway."""
        began, version = self.clock.monotonic(), debt.version

        async def accept() -> None:
            adopted = self.pages.adopted(debt.pages)
            try:
                answer = await self.intake.accept(debt.notification, self.clock.now(), released=True, adopted=adopted)
                if debt.ended is not None and debt.version == version:
                    await self.intake.accept(debt.ended, self.clock.now())
            except Overloaded:
                debt.tries -= 1  # a lack of time in this process says nothing about the page
                raise
            log.warning("emergency_adopted", incident=answer.foremost.incident, pages=len(debt.pages))

        try:
            done = await run_step("adopt", accept, self.metrics, self.intake.due.probe)
        except StoreAway:
            debt.failed_from = began
            raise
        finally:
            # Counted from its end: pages that the vendor has not accepted are retried in between.
            debt.next_at = self.clock.monotonic() + ADOPT_AGAIN
        if not done:
            debt.tries += 1
            if debt.tries < ADOPT_TRIES:
                return
            # Alertmanager repeats a refused notification, so it is not lost.
            log.error("emergency_adoption_failed", pages=[one.page.key for one in debt.pages])
        if debt.version == version:
            self.refused.forget(debt)
        else:
            # A newer notification was refused meanwhile: it is stored next, like any other.
            self.pages.forget(debt.pages)
            debt.pages = []
