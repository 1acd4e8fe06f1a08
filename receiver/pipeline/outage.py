"""The store is away: this replica says so, pages what cannot wait, and makes it good when the store is back."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from receiver.channels.base import DeliveryError
from receiver.clock import Clock
from receiver.incident.emergency import emergency_pages
from receiver.incident.verdict import Part
from receiver.metrics import Metrics
from receiver.model.alert import Notification
from receiver.model.incident import Page
from receiver.model.notice import Action, Notice
from receiver.pipeline.deliver import PAGE_WAIT
from receiver.pipeline.intake import Intake
from receiver.pipeline.mirror import Mirror
from receiver.pipeline.notices import bare_incident
from receiver.pipeline.parts import judged
from receiver.pipeline.setting import Setting
from receiver.pipeline.unending import survived

AWAY_AFTER = 2.0
"""Seconds that the store has been away for when paging without it begins (architecture.md, When the store is away)."""
MOST = 2000
"""Notifications that are remembered: those that page, and those that nobody has judged yet."""
ADOPT_TRIES = 3
"""Times that the adoption of a page is tried, a beat apart: a store that has just come back may be slow, or outrun."""
AT_ONCE = 32
"""Emergency pages under way at once."""

log = structlog.get_logger("receiver.outage")


@dataclass
class _Ring:
    """One emergency page and how far it got."""

    page: Page
    part: Part
    next_at: float
    attempts: int = 0
    accepted: bool = False
    busy: bool = False


@dataclass
class _Kept:
    """A notification that could not be stored and may have to page."""

    notification: Notification
    decided: bool = False
    rings: list[_Ring] = field(default_factory=list)
    tries: int = 0
    """How often its adoption has failed although the store was there."""


class Outage:
    """Whether the store is away is a state of the replica, not of a request."""

    def __init__(
        self, setting: Callable[[], Setting], intake: Intake, mirror: Mirror, clock: Clock, metrics: Metrics
    ) -> None:
        """Begin in the belief that the store is there; the first beat or request tells otherwise."""
        self.setting = setting
        self.intake = intake
        self.mirror = mirror
        self.clock = clock
        self.metrics = metrics
        self.came_back: Callable[[datetime], None] = lambda now: None
        """Told when the store is back."""
        self.spawn: Callable[[str, Callable[[], Awaitable[None]]], None]
        """Runs a step beside the loop."""
        self.since: float | None = None
        """Monotonic seconds since when it is away; None while it answers."""
        self._kept: dict[str, _Kept] = {}
        self._pages: dict[str, _Ring] = {}

    @property
    def away(self) -> bool:
        """Whether the store is away, so that a request need not wait to find out."""
        return self.since is not None

    def lost(self, why: str) -> None:
        """The store did not answer, or refused to write."""
        if self.since is None:
            self.since = self.clock.monotonic()
            self.metrics.store_up.set(0)
            log.warning("store_away", reason=why)

    def remember(self, notification: Notification) -> None:
        """Keep a notification that could not be stored, if it may have to page."""
        setting = self.setting()
        if not setting.emergency_paging:
            return
        group = f"{notification.receiver}\0{notification.group_key}"
        known = self._kept.get(group)
        if known is not None and known.rings and not any(alert.firing for alert in notification.alerts):
            return  # nothing is resolved in this state; the resolve comes again once the store is back
        if known is None and len(self._kept) >= MOST:
            return
        self._kept[group] = _Kept(notification, rings=known.rings if known else [])

    def step(self, now: datetime) -> None:
        """Page what cannot wait any longer: each key once, repeated until the vendor has taken it.

        One that hangs keeps no other waiting, nor the look at the store.
        """
        if self.since is None or self.clock.monotonic() - self.since < AWAY_AFTER:
            return
        setting = self.setting()
        for group, kept in list(self._kept.items()):
            if not kept.decided:
                kept.decided = True
                self._decide(kept, setting, now)
                if not kept.rings:
                    self._kept.pop(group)  # it comes again; here it would take the room of one that pages
        free = AT_ONCE - sum(ring.busy for ring in self._pages.values())
        waiting = [
            ring
            for ring in self._pages.values()
            if not ring.accepted and not ring.busy and self.clock.monotonic() >= ring.next_at
        ]
        for ring in sorted(waiting, key=lambda ring: ring.attempts)[:free]:
            ring.busy = True
            self.spawn("emergency", partial(self._send, ring, setting, now))

    def _decide(self, kept: _Kept, setting: Setting, now: datetime) -> None:
        for part in judged(kept.notification, setting):
            made = emergency_pages(
                part, self.mirror.at(part.key), setting.policy, now, [r.page for r in self._pages.values()]
            )
            for page in made:
                ring = _Ring(page, part, self.clock.monotonic())
                self._pages[page.key] = ring
                kept.rings.append(ring)

    async def _send(self, ring: _Ring, setting: Setting, now: datetime) -> None:
        try:
            await self._try(ring, setting, now)
        finally:
            ring.busy = False

    async def _try(self, ring: _Ring, setting: Setting, now: datetime) -> None:
        channel = setting.channels.get(ring.page.channel)
        if channel is None:
            # A reload has taken it away, and may bring it back; meanwhile it comes behind those that can be sent.
            ring.attempts += 1
            ring.next_at = self.clock.monotonic() + 30.0
            log.error("emergency_page_stuck", person=ring.page.person, key=ring.page.key, channel=ring.page.channel)
            return
        incident = bare_incident(ring.part, ring.page, now, setting.policy)
        notice = Notice(
            key=ring.page.key,
            action=Action.TRIGGER,
            address=ring.page.address,
            incident=incident,
            page=ring.page,
            text=f"EMERGENCY PAGE (the incident store is away): {incident.title}",
            repeat=ring.attempts > 0,
            now=now,
        )
        ring.attempts += 1
        outcome: str = "ok"
        wait = min(30.0, 2.0**ring.attempts * random.uniform(0.5, 1))  # noqa: S311
        # Put off before it is sent: whatever it fails of, it comes again, and the others are not behind it.
        ring.next_at = self.clock.monotonic() + wait
        try:
            await channel.send(notice)
        except DeliveryError as error:
            ring.next_at = self.clock.monotonic() + max(min(error.retry_after or 0.0, PAGE_WAIT), wait)
            outcome = error.reason
        else:
            ring.accepted = True
        self.metrics.deliveries.labels(ring.page.channel, "trigger", outcome).inc()
        log.critical(
            "emergency_page", person=ring.page.person, key=ring.page.key, outcome=outcome, severity=incident.severity
        )

    async def back(self, now: datetime) -> None:
        """The store answers and writes again: commit the notifications that were paged, and with them the keys used.

        It waits until nothing is under way, for how that ends is a part of it. Raises StoreAway when it went away once
        more; nothing that was paged is forgotten then.
        """
        if any(ring.busy for ring in self._pages.values()):
            return
        for group, kept in list(self._kept.items()):
            if kept.rings:
                adopted: dict[str, Sequence[tuple[Page, bool]]] = {}
                for ring in kept.rings:
                    adopted[ring.part.key] = (*adopted.get(ring.part.key, ()), (ring.page, ring.accepted))
                if not await self._adopt(kept, adopted, now):
                    return
            self._kept.pop(group)
            for ring in kept.rings:
                self._pages.pop(ring.page.key, None)
        away = timedelta(seconds=self.clock.monotonic() - self.since) if self.since is not None else timedelta()
        self.since = None
        self.metrics.store_up.set(1)
        self.came_back(now)
        log.info("store_back", away_seconds=round(away.total_seconds(), 1))

    async def _adopt(self, kept: _Kept, adopted: dict[str, Sequence[tuple[Page, bool]]], now: datetime) -> bool:
        async def adopt() -> None:
            answer = await self.intake.accept(kept.notification, now, released=True, adopted=adopted)
            log.warning("emergency_adopted", incident=answer.foremost.incident, pages=len(kept.rings))

        if await survived("adopt", adopt, self.metrics, self.intake.due.probe):
            return True
        kept.tries += 1
        if kept.tries < ADOPT_TRIES:
            return False
        # Alertmanager repeats what it was refused, so it is not lost; kept here, it would keep this replica away.
        log.error("emergency_not_adopted", pages=[ring.page.key for ring in kept.rings])
        return True
