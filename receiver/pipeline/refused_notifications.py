"""SEV-1 and SEV-2 notifications that were refused: a debt of this replica until they are stored, ended or paged."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
import structlog

from receiver.clock import Clock
from receiver.incident.beginning import settled
from receiver.incident.emergency import PAGED
from receiver.incident.verdict import Part
from receiver.metrics import Metrics
from receiver.model.alert import BadNotification, Notification, parse_notification
from receiver.model.incident import Page
from receiver.pipeline.emergency_pages import EmergencyPage, EmergencyPages
from receiver.pipeline.intake import Intake
from receiver.pipeline.parts import judged
from receiver.pipeline.setting import Setting
from receiver.pipeline.store_monitor import StoreMonitor
from receiver.pipeline.supervision import survived
from receiver.store.bulkhead import SIZES, Lane, lane
from receiver.store.conditions import StoreAway, StoreSlow

MOST = 2000
"""Notifications that are kept: those that page, and those that were not judged yet."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of their bodies that are kept."""
LEAST = 0.3
"""Seconds of loop time that an attempt to commit gets at least."""
AGAIN = 0.2
"""Seconds between two attempts to commit one notification."""
ADOPT_AGAIN = 0.5
"""The same, for one that was paged: nobody waits for it."""
ERRORS = 3
"""Attempts that may fail for a reason that nobody has thought of before it is paged without the store."""
ADOPT_TRIES = 3
"""Attempts to adopt a page, where the store is not the reason of the failure."""
POLL = 0.05
"""Seconds between two looks at what is kept."""
STEP = 20
"""Notifications that are judged before other tasks have their turn."""
LARGE = 200
"""Alerts above which a notification is judged in a thread."""

log = structlog.get_logger("receiver.refused")


@dataclass
class Debt:
    """One refused notification: the newest of its group."""

    notification: Notification
    since: float
    """Monotonic seconds of the group's first refusal."""
    version: int = 0
    """How often a newer notification of the group has replaced it."""
    body: bytes = b""
    """As it was received, to be written down should the process end."""
    parts: list[Part] | None = None
    """What it says, once it was judged."""
    next_at: float = 0.0
    busy: bool = False
    store_failed: bool = False
    """Whether the last attempt failed because of the store, and not because of this process."""
    decided: bool = False
    """Whether it was decided whom to page for it without the store."""
    capped: bool = False
    """Whether the page of a storm stands for it."""
    pages: list[EmergencyPage] = field(default_factory=list)
    errors: int = 0
    """Attempts that failed for a reason that nobody has thought of."""
    tries: int = 0
    """Attempts to adopt its pages that failed although the store was there."""

    @property
    def rank(self) -> int:
        """How urgent it is; 1 for SEV-1."""
        return min((d.severity.rank for part in self.parts or () for d in part.decisions.values()), default=9)


class RefusedNotifications:
    """Commits refused notifications on connections of their own; pages those that cannot be committed in time.

    surfaces.md, second part, Delivery: where the store answers, the commit, or the answer that another replica has it,
    settles the debt. Only a commit that could not be made within `incidents.emergency_after` becomes an emergency page.
    """

    def __init__(
        self,
        setting: Callable[[], Setting],
        intake: Intake,
        monitor: StoreMonitor,
        pages: EmergencyPages,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Nothing was refused yet."""
        self.setting = setting
        self.intake = intake
        self.monitor = monitor
        self.pages = pages
        self.clock = clock
        self.metrics = metrics
        self.spawn: Callable[[str, Callable[[], Awaitable[None]]], None]
        """Runs a step beside the caller."""
        self.in_doubt: Callable[[], Container[str]] = frozenset
        """Returns the uids of commits of this replica whose answer did not come."""
        self.all_settled: Callable[[], None] = lambda: None
        """Called when nothing is owed any more."""
        self._debts: dict[str, Debt] = {}
        self._bytes = 0
        self._unparsed: deque[tuple[bytes, float]] = deque()
        self._added = asyncio.Event()
        self._adopting_storm = False

    def __len__(self) -> int:
        """Return how many groups are owed."""
        return len(self._debts)

    def add(self, notification: Notification, body: bytes = b"") -> None:
        """Keep a notification that was refused. A newer one of the same group replaces it, and keeps its beginning."""
        group = _group(notification)
        known = self._debts.get(group)
        if known is not None and known.pages and not any(alert.firing for alert in notification.alerts):
            return  # nothing is resolved without the store; the resolve is sent again once it is back
        if known is None and (len(self._debts) >= MOST or self._bytes + len(body) > MOST_BYTES):
            log.error("refused_notification_dropped", kept=len(self._debts), receiver=notification.receiver[:200])
            return
        if known is not None:
            # The same debt, with an attempt that may be under way and what that one finds out about the store.
            self._bytes += len(body) - len(known.body)
            known.notification, known.body, known.parts, known.decided = notification, body, None, False
            known.version += 1
        else:
            self._bytes += len(body)
            self._debts[group] = Debt(notification, self.clock.monotonic(), body=body)
        self._added.set()

    def add_unparsed(self, body: bytes) -> None:
        """Keep a body that this process was too busy to parse: it is parsed later, one at a time."""
        if sum(len(one) for one, _ in self._unparsed) + len(body) <= MOST_BYTES:
            self._unparsed.append((body, self.clock.monotonic()))
            self._added.set()

    async def _parse(self) -> None:
        body, since = self._unparsed.popleft()
        try:
            notification = await asyncio.to_thread(parse_notification, body)
        except BadNotification:
            return  # its sender gets a 400 when it sends it again
        group = _group(notification)
        if group not in self._debts:
            self.add(notification, body)
            if group in self._debts:
                self._debts[group].since = since

    def adopting(self, notification: Notification) -> dict[str, Sequence[tuple[Page, bool]]]:
        """Return the emergency pages of a notification's group by correlation key: its commit adopts them."""
        known = self._debts.get(_group(notification))
        return self.pages.adopted(known.pages) if known is not None else {}

    def settle(self, notification: Notification) -> None:
        """Forget what was refused of a group: a later notification of it was stored, with the pages it had."""
        known = self._debts.get(_group(notification))
        if known is not None:
            self._forget(known)

    def owed(self) -> list[bytes]:
        """Return the bodies of what is owed, oldest first: for the data folder, should the process end.

        Safe to call from another thread.
        """
        debts = list(self._debts.values())  # one step, which no other thread interrupts
        debts.sort(key=lambda debt: debt.since)
        unparsed = [body for body, _ in list(self._unparsed)]
        return unparsed + [
            debt.body or _body(debt.notification) for debt in debts if debt.parts is None or debt.rank <= 2
        ]

    async def run(self) -> None:
        """Look at what is owed until cancelled."""
        while True:
            if not self._debts and not self._unparsed and not self.pages.waiting:
                self.all_settled()
                self._added.clear()
                await self._added.wait()
            await self.run_once()
            await asyncio.sleep(POLL)

    async def run_once(self) -> None:
        """Judge what is new, start attempts to commit, and page what could not be committed in time."""
        setting, now = self.setting(), self.clock.now()
        if self._unparsed:
            await self._parse()
        for number, debt in enumerate([debt for debt in self._debts.values() if debt.parts is None]):
            await self._judge(debt, setting)
            if number % STEP == STEP - 1:
                await asyncio.sleep(0)
        for debt in [debt for debt in self._debts.values() if self._too_late(debt, setting)]:
            self._page(debt, setting, now)
        self._start()
        self.pages.send(setting, now)

    async def _judge(self, debt: Debt, setting: Setting) -> None:
        # A startsAt that cannot be is replaced as it is when the notification is stored: it is a part of the page key.
        notification = settled(debt.notification, self.clock.now())
        if len(notification.alerts) > LARGE:
            debt.parts = await asyncio.to_thread(judged, notification, setting)
        else:
            debt.parts = judged(notification, setting)
        severities = {decision.severity for part in debt.parts for decision in part.decisions.values()}
        if not debt.pages and severities.isdisjoint(PAGED):
            self._forget(debt)  # it is sent again; here it would take the room of one that pages

    def _too_late(self, debt: Debt, setting: Setting) -> bool:
        if debt.busy or debt.decided or not setting.emergency_paging:
            return False
        if self.clock.monotonic() - debt.since < setting.emergency_after.total_seconds():
            return False
        return debt.store_failed or self.monitor.away

    def _page(self, debt: Debt, setting: Setting, now: datetime) -> None:
        debt.decided = True
        made, debt.capped = self.pages.decide(debt.parts or (), setting, now, self.in_doubt())
        debt.pages.extend(made)
        if not debt.pages and not debt.capped:
            self._forget(debt)  # somebody was paged for it already, or nobody is to be
        else:
            debt.next_at = self.clock.monotonic() + ADOPT_AGAIN

    def _start(self) -> None:
        now = self.clock.monotonic()
        free = SIZES[Lane.DEBTS] - sum(debt.busy for debt in self._debts.values())
        waiting = [debt for debt in self._debts.values() if not debt.busy and now >= debt.next_at]
        if self.monitor.away:
            # What was paged waits for the store; what was not is tried all the same.
            waiting = [debt for debt in waiting if not debt.decided]
        elif self.pages.storm:
            # First the incident of the storm: what is part of it joins it, and pages nobody by itself.
            waiting = [debt for debt in waiting if not debt.capped]
            self._start_storm()
        waiting = [debt for debt in waiting if not any(page.busy for page in debt.pages)]
        order = sorted(waiting, key=lambda debt: (debt.capped, bool(debt.pages), debt.rank, debt.since))
        for debt in order[: max(0, free)]:
            debt.busy = True
            self.spawn("refused", lambda debt=debt: self._attempt(debt))  # type: ignore[misc]

    def _start_storm(self) -> None:
        if self._adopting_storm or any(page.busy for page in self.pages.storm):
            return
        self._adopting_storm = True

        async def adopt() -> None:
            try:
                with lane(Lane.DEBTS):
                    await self.pages.adopt_storm(self.intake, self.setting(), self.clock.now())
            finally:
                self._adopting_storm = False

        self.spawn("adopt", adopt)

    async def _attempt(self, debt: Debt) -> None:
        try:
            with lane(Lane.DEBTS):
                if debt.pages:
                    await self._adopt(debt)
                else:
                    await self._commit(debt)
        except StoreAway:
            raise
        except Exception:
            # Nothing that the store or the load explains: after three it is paged without being stored.
            debt.errors += 1
            debt.store_failed = debt.store_failed or debt.errors >= ERRORS
            raise
        finally:
            debt.busy = False

    async def _commit(self, debt: Debt) -> None:
        # What is left until it is paged: an attempt that goes on beyond that would hold the page up.
        whole = self.setting().emergency_after.total_seconds()
        left = whole - (self.clock.monotonic() - debt.since)
        limit = max(LEAST, left) if left > 0 else whole
        debt.next_at = self.clock.monotonic() + AGAIN
        version = debt.version
        try:
            try:
                async with self.monitor.connection.time.deadline(limit):
                    answer = await self.intake.accept(debt.notification, self.clock.now(), late=True)
            except TimeoutError:
                raise StoreSlow(f"no commit within {limit:g} s") from None
        except StoreAway as condition:
            debt.store_failed = not condition.ours
            self.monitor.failed(condition)
            return
        log.info("refused_notification_stored", outcome=answer.foremost.outcome, incident=answer.foremost.incident)
        if debt.version == version:
            self._forget(debt)

    async def _adopt(self, debt: Debt) -> None:
        debt.next_at = self.clock.monotonic() + ADOPT_AGAIN
        version = debt.version

        async def adopt() -> None:
            adopted = self.pages.adopted(debt.pages)
            answer = await self.intake.accept(debt.notification, self.clock.now(), released=True, adopted=adopted)
            log.warning("emergency_adopted", incident=answer.foremost.incident, pages=len(debt.pages))

        if not await survived("adopt", adopt, self.metrics, self.intake.due.probe):
            debt.tries += 1
            if debt.tries < ADOPT_TRIES:
                return
            # Alertmanager repeats what it was refused, so it is not lost.
            log.error("emergency_not_adopted", pages=[one.page.key for one in debt.pages])
        if debt.version == version:
            self._forget(debt)
        else:
            # A newer notification was refused meanwhile: it is stored next, as any other.
            self.pages.forget(debt.pages)
            debt.pages = []

    def _forget(self, debt: Debt) -> None:
        group = _group(debt.notification)
        if self._debts.get(group) is debt:
            del self._debts[group]
            self._bytes -= len(debt.body)
            self.pages.forget(debt.pages)


def _group(notification: Notification) -> str:
    return f"{notification.receiver}\0{notification.group_key}"


def _body(notification: Notification) -> bytes:
    return orjson.dumps(notification.model_dump(mode="json", by_alias=True))
