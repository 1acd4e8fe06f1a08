"""Pages that are sent without the store: whom, once a key, repeated until the vendor has accepted them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from receiver.channels.base import DeliveryError
from receiver.clock import Clock
from receiver.incident.emergency import emergency_pages
from receiver.incident.verdict import Part
from receiver.metrics import Metrics
from receiver.model.incident import Page
from receiver.model.notice import Action, Notice
from receiver.pipeline.deliver import PAGE_WAIT
from receiver.pipeline.mirror import Mirror
from receiver.pipeline.notices import bare_incident
from receiver.pipeline.setting import Setting

AT_ONCE = 32
"""Emergency pages under way at once."""
STUCK_WAIT = 30.0
"""Seconds until a page is tried again whose channel a reload has taken away."""
LONGEST_WAIT = 30.0
"""Seconds between two attempts at a page, at most (architecture.md, Delivery)."""

log = structlog.get_logger("receiver.emergency")


@dataclass
class EmergencyPage:
    """One emergency page and how far it got."""

    page: Page
    part: Part
    next_at: float
    attempts: int = 0
    accepted: bool = False
    busy: bool = False


class EmergencyPages:
    """The emergency pages of this replica, by their key."""

    def __init__(self, mirror: Mirror, clock: Clock, metrics: Metrics) -> None:
        """Nobody was paged yet."""
        self.mirror = mirror
        self.clock = clock
        self.metrics = metrics
        self.spawn: Callable[[str, Callable[[], Awaitable[None]]], None]
        """Runs a step beside the caller."""
        self._pages: dict[str, EmergencyPage] = {}

    @property
    def waiting(self) -> bool:
        """Whether some page was not accepted yet."""
        return any(not one.accepted for one in self._pages.values())

    def decide(self, parts: Iterable[Part], setting: Setting, now: datetime) -> list[EmergencyPage]:
        """Return the pages that these parts call for and that were not made yet."""
        made = []
        for part in parts:
            sent = [one.page for one in self._pages.values()]
            for page in emergency_pages(part, self.mirror.at(part.key), setting.policy, now, sent):
                one = EmergencyPage(page, part, self.clock.monotonic())
                self._pages[page.key] = one
                made.append(one)
        return made

    def adopted(self, pages: Iterable[EmergencyPage]) -> dict[str, Sequence[tuple[Page, bool]]]:
        """Return pages by correlation key, each with whether the vendor accepted it: the commit adopts them."""
        found: dict[str, list[tuple[Page, bool]]] = {}
        for one in pages:
            found.setdefault(one.part.key, []).append((one.page, one.accepted))
        return dict(found)

    def forget(self, pages: Iterable[EmergencyPage]) -> None:
        """Forget pages that were adopted, or never will be."""
        for one in pages:
            self._pages.pop(one.page.key, None)

    def send(self, setting: Setting, now: datetime) -> None:
        """Start an attempt at each page that is due. One that hangs keeps no other waiting."""
        free = AT_ONCE - sum(one.busy for one in self._pages.values())
        moment = self.clock.monotonic()
        due = [one for one in self._pages.values() if not one.accepted and not one.busy and moment >= one.next_at]
        for one in sorted(due, key=lambda one: one.attempts)[: max(0, free)]:
            one.busy = True
            self.spawn("emergency", partial(self._send, one, setting, now))

    async def _send(self, one: EmergencyPage, setting: Setting, now: datetime) -> None:
        try:
            await self._try(one, setting, now)
        finally:
            one.busy = False

    async def _try(self, one: EmergencyPage, setting: Setting, now: datetime) -> None:
        channel = setting.channels.get(one.page.channel)
        if channel is None:
            # A reload has removed it, and may bring it back; meanwhile it is tried after those that can be sent.
            one.attempts += 1
            one.next_at = self.clock.monotonic() + STUCK_WAIT
            self.metrics.emergency_pages.labels("stuck").inc()
            log.error("emergency_page_stuck", person=one.page.person, key=one.page.key, channel=one.page.channel)
            return
        incident = bare_incident(one.part, one.page, now)
        notice = Notice(
            key=one.page.key,
            action=Action.TRIGGER,
            address=one.page.address,
            incident=incident,
            page=one.page,
            text=f"EMERGENCY PAGE (the incident store is away): {incident.title}",
            repeat=one.attempts > 0,
            now=now,
        )
        one.attempts += 1
        wait = min(LONGEST_WAIT, 2.0**one.attempts * random.uniform(0.5, 1))  # noqa: S311
        # Set before it is sent: whatever the attempt fails of, the page is tried again, behind the others.
        one.next_at = self.clock.monotonic() + wait
        outcome = "ok"
        try:
            await channel.send(notice)
        except DeliveryError as error:
            one.next_at = self.clock.monotonic() + max(min(error.retry_after or 0.0, PAGE_WAIT), wait)
            outcome = error.reason
        else:
            one.accepted = True
        self.metrics.deliveries.labels(one.page.channel, "trigger", outcome).inc()
        self.metrics.emergency_pages.labels("accepted" if one.accepted else "failed").inc()
        log.critical(
            "emergency_page", person=one.page.person, key=one.page.key, outcome=outcome, severity=incident.severity
        )
