"""SEV-1 and SEV-2 notifications that were refused: a debt of this replica until they are stored, ended or paged."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import orjson
import structlog

from receiver.clock import Clock
from receiver.incident.alerts.alert_start import drop_future_starts
from receiver.incident.log.notification_outcome import NotificationPart, Outcome
from receiver.incident.store_outage.emergency_pages import PAGED, first_episode
from receiver.metrics import Metrics
from receiver.model.alert.alert import BadNotification, Notification, parse_notification
from receiver.model.alert.sender import ANYBODY, Sender
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake import Intake
from receiver.pipeline.intake.notification_parts import judged, owned_alerts
from receiver.pipeline.store_outage.emergency_pages import EmergencyPage, EmergencyPages
from receiver.pipeline.store_outage.store_monitor import StoreMonitor
from receiver.pipeline.store_outage.unread_bodies import UnreadBodies
from receiver.pipeline.supervision import run_step
from receiver.store.client.connection_lanes import SIZES, Lane, lane
from receiver.store.client.store_errors import Overloaded, StoreAway, StoreSlow

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
ADOPTING = 8
"""Pages that are adopted at once: their commands travel together, on the connections of refused notifications."""
ORDERED = 0.5
"""Seconds after which the order in which thousands are adopted is made anew."""
ERRORS = 3
"""Attempts that may fail for a reason that nobody has thought of before it is paged without the store."""
ADOPT_TRIES = 3
"""Attempts to adopt a page, where the store is not the reason of the failure."""
POLL = 0.05
"""Seconds between two looks at what is kept."""
STEP = 20
"""Notifications that are judged before other tasks have their turn."""
PARSE_ASIDE = 256 * 1024
"""Bytes above which a body is parsed in a thread."""
SETTLED, SETTLED_FOR = 10_000, 300.0
"""Groups of which it is known when a notification was stored last, and seconds for which that is kept while no body
waits to be read: it is compared with bodies that arrived before, and parsing the last of them takes seconds."""
UNKNOWN = 9
"""The rank of one that was not judged yet."""
SENT_AGAIN = 3 * 60.0
"""Seconds in which Alertmanager sends again what was refused and still fires, at the latest: it waits for 90 s at most.
Of what it could never tell of it does not tell the end either."""
LARGE = 200
"""Alerts above which a notification is judged in a thread."""

log = structlog.get_logger("receiver.refused")


@dataclass
class RefusedNotification:
    """One refused notification: the newest of its group."""

    notification: Notification
    since: float
    """Monotonic seconds of the group's first refusal."""
    received: float
    """The same, of the notification that is kept, the newest."""
    version: int = 0
    """How often a newer notification of the group has replaced it."""
    body: bytes = b""
    """As it was received, to be written down should the process end."""
    parts: list[NotificationPart] | None = None
    """What it says, once it was judged."""
    rank: int = UNKNOWN
    """How urgent it is; 1 for SEV-1."""
    first: Notification | None = None
    """The group's first refused notification, until it was judged."""
    episodes: dict[str, int] = field(default_factory=dict)
    """By correlation key, of what fired when it was refused first: a group that shrinks keeps its page keys."""
    next_at: float = 0.0
    busy: bool = False
    failed_from: float = -math.inf
    """When the last attempt began that failed because of the store, and not because of this process (monotonic)."""
    decided: bool = False
    """Whether it was decided whom to page for it without the store."""
    capped: bool = False
    """Whether the page of a storm stands for it."""
    ended: Notification | None = None
    """The refused notification that says that all of it has ended since its people were paged."""
    pages: list[EmergencyPage] = field(default_factory=list)
    errors: int = 0
    """Attempts that failed for a reason that nobody has thought of."""
    tries: int = 0
    """Attempts to adopt its pages that failed although the store was there."""


class RefusedNotifications:
    """Commits refused notifications on connections of their own; pages those that cannot be committed in time.

    surfaces.md, second part, Delivery: where the store answers, the commit, or the answer that another replica has it,
    settles the debt. Only a commit that could not be made within `incidents.emergency_after` becomes an emergency page.
    """

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
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
        self.doubted_groups: Callable[[], Container[str]] = frozenset
        """Returns the groups that these commits are of."""
        self.all_settled: Callable[[], None] = lambda: None
        """Called when nothing is pending anymore."""
        self.stopping = False
        """Whether this process is stopping, so that no further attempt starts."""
        self._debts: dict[str, RefusedNotification] = {}
        self._bytes = 0
        self._unread = UnreadBodies()
        self._settled: OrderedDict[str, float] = OrderedDict()
        """By group, the monotonic time at which a notification of it was stored last."""
        self.late: Callable[[], bool] = lambda: False
        """Whether this process has less time than its senders need: then what was not read waits."""
        self._order: deque[RefusedNotification] = deque()
        """What is to be attempted next, as of the last look."""
        self._ordered_at = 0.0
        self._busy, self._added = 0, asyncio.Event()
        self._adopting_storm = False
        monitor.came_back.append(self._store_back)
        pages.lets_storm = lambda: not self._adopting_storm

    def __len__(self) -> int:
        """Return how many groups are pending."""
        return len(self._debts)

    def add(self, notification: Notification, body: bytes = b"") -> None:
        """Keep a notification that was refused. A newer one of the same group replaces it, and keeps its beginning."""
        group = group_name(notification)
        known = self._debts.get(group)
        if known is not None and _same(known.notification, notification) and known.ended is None:
            known.received = self.clock.monotonic()  # its sender repeats it
            return
        if known is not None and known.pages and not any(alert.firing for alert in notification.alerts):
            # Nothing is resolved without the store. It is kept, since it may not be sent again: Alertmanager does not
            # tell of an end where it could never tell of the beginning.
            known.ended = notification
            return
        full = len(self._debts) >= MOST or self._bytes + len(body) > MOST_BYTES
        if known is None and full and not self._make_room(len(body)):
            log.error("refused_notification_dropped", kept=len(self._debts), receiver=notification.receiver[:200])
            return
        if known is not None:
            # The same debt, with an attempt that may be under way and what that one finds out about the store.
            self._bytes += len(body) - len(known.body)
            known.notification, known.body, known.parts, known.decided = notification, body, None, False
            known.version += 1
            known.ended, known.received = None, self.clock.monotonic()
        else:
            self._bytes += len(body)
            now = self.clock.monotonic()
            self._debts[group] = RefusedNotification(notification, now, now, body=body, first=notification)
        self._added.set()

    def _make_room(self, size: int) -> bool:
        # Alertmanager sends a notification again that pages nobody, so it is dropped for one that may page somebody.
        while len(self._debts) >= MOST or self._bytes + size > MOST_BYTES:
            idle = next((debt for debt in self._debts.values() if _waits_only(debt)), None)
            if idle is None:
                return False
            self._forget(idle)
        return True

    def add_unread(self, body: bytes, sender: Sender = ANYBODY) -> None:
        """Keep a body that this process was too busy to read: it is judged later, and is a debt where it pages."""
        if not self._unread.add(body, self.clock.monotonic(), sender):
            log.error("refused_notification_dropped", kept=len(self._unread), reason="too many bodies wait to be read")
            return
        self._added.set()

    async def _read(self) -> None:
        body, sender, since = self._unread.take()
        try:
            if len(body) > PARSE_ASIDE:
                notification = await asyncio.to_thread(parse_notification, body)
            else:
                notification = parse_notification(body)
        except BadNotification:
            return  # its sender gets a 400 when it sends it again
        notification = notification.model_copy(update={"sender": sender})
        group = group_name(notification)
        if self._settled.get(group, since) > since:
            return  # a later notification of the group was stored
        known = self._debts.get(group)
        if known is None or known.received < since:
            self.add(notification, body)
            if group in self._debts:
                known = self._debts[group]
                known.since, known.received = min(known.since, since), since

    def replaces(self, notification: Notification) -> bool:
        """Return whether a notification differs from the pending one of its group."""
        known = self._debts.get(group_name(notification))
        return known is not None and not _same(known.notification, notification)

    def ends_pages(self, notification: Notification) -> bool:
        """Return whether alerts of an open SEV-1 or SEV-2 have ended by a notification: its escalation is to stop."""
        if all(alert.firing for alert in notification.alerts):
            return False
        known = [
            self.pages.incident_cache.at(key) for key in owned_alerts(notification, notification.alerts, self.setting())
        ]
        return any(one is not None and not one.state.over and one.severity in PAGED for one in known)

    def adopting(self, notification: Notification) -> dict[str, Sequence[tuple[Page, bool]]]:
        """Return the emergency pages of a notification's group by correlation key: its commit adopts them."""
        known = self._debts.get(group_name(notification))
        return self.pages.adopted(known.pages) if known is not None else {}

    def owes(self, group: str) -> bool:
        """Return whether a group has something pending, by its name (`group_name`)."""
        return group in self._debts

    def settle(self, group: str) -> None:
        """Forget what was refused of a group: a later notification of it was stored, with the pages it had."""
        now = self._settled[group] = self.clock.monotonic()
        self._settled.move_to_end(group)
        while len(self._settled) > SETTLED or (
            not self._unread and next(iter(self._settled.values())) < now - SETTLED_FOR
        ):
            self._settled.popitem(last=False)
        known = self._debts.get(group)
        if known is not None:
            self._forget(known)

    def owed(self) -> list[tuple[bytes, Sender]]:
        """Return the pending bodies and their senders, oldest first: for the data folder at the process's end.

        Safe to call from another thread.
        """
        debts = list(self._debts.values())  # one step, which no other thread interrupts
        debts.sort(key=lambda debt: debt.since)
        return self._unread.bodies() + [
            (debt.body or _body(debt.notification), debt.notification.sender)
            for debt in debts
            if debt.parts is None or debt.rank <= 2
        ]

    async def run(self) -> None:
        """Retry what is pending until cancelled."""
        while True:
            if not self._debts and not self._unread and not self.pages.waiting:
                self.all_settled()
                self._added.clear()
                await self._added.wait()
            await self.run_once()
            await asyncio.sleep(POLL)

    async def run_once(self) -> None:
        """Judge what is new, start attempts to commit, and page what could not be committed in time."""
        setting, now = self.setting(), self.clock.now()
        for _ in range(min(len(self._unread), 1 if self.late() else STEP)):
            await self._read()
        for number, debt in enumerate([debt for debt in self._debts.values() if debt.parts is None]):
            await self._judge(debt, setting)
            if number % STEP == STEP - 1:
                await asyncio.sleep(0)
        for debt in [debt for debt in self._debts.values() if self._too_late(debt, setting)]:
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
            self._forget(debt)  # it is sent again; here it would take the room of one that pages

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
        for debt in self._debts.values():
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
        if not self._order or self._added.is_set() or now - self._ordered_at >= ORDERED:
            self._added.clear()
            for debt in [debt for debt in self._debts.values() if _waits_only(debt)]:
                if now - debt.received > SENT_AGAIN:
                    self._forget(debt)  # all of it has ended
            self._ordered_at, self._order = now, deque(self._ordered(now))
        if self.pages.storm and not self.monitor.away:
            self._start_storm()
        self._start_next()

    def _ordered(self, now: float) -> list[RefusedNotification]:
        waiting = [debt for debt in self._debts.values() if not debt.busy and now >= debt.next_at]
        if self.monitor.away:
            # What was paged, or is not to be, waits for the store; what was not decided is tried all the same.
            waiting = [debt for debt in waiting if not debt.decided]
        elif self.pages.storm:
            # First the incident of the storm: what is part of it joins it, and pages nobody by itself.
            waiting = [debt for debt in waiting if not debt.capped]
        return sorted(waiting, key=_turn)

    def _start_next(self) -> None:
        # Also as soon as an attempt has ended: thousands of pending ones do not wait for the next look at them.
        while self._order and self._busy < (ADOPTING if self._order[0].pages else SIZES[Lane.DEBTS]):
            debt = self._order.popleft()
            gone = self._debts.get(group_name(debt.notification)) is not debt or (self.monitor.away and debt.decided)
            if gone or debt.busy or any(page.busy for page in debt.pages):
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
                    await self.pages.adopt_storm(self.intake, self.setting(), self.clock.now())
            finally:
                self._adopting_storm = False

        self.spawn("adopt", adopt)

    async def _attempt(self, debt: RefusedNotification) -> None:
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
            if debt.errors >= ERRORS:
                debt.failed_from = self.clock.monotonic()
            raise
        finally:
            debt.busy = False
            self._busy -= 1
        if not self.stopping:
            self._start_next()

    async def _commit(self, debt: RefusedNotification) -> None:
        # What is left until it is paged: an attempt that goes on beyond that would hold the page up.
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
                # Where this process has too little time, its own steps took it, and not the store.
                raise (Overloaded if self.late() else StoreSlow)(f"no commit within {limit:g} s") from None
        except StoreAway as condition:
            debt.failed_from = began if not condition.ours else -math.inf
            self.monitor.failed(condition)
            return
        if answer.foremost.outcome is Outcome.DUPLICATE and self._doubted(debt):
            return  # stored by a commit of this replica, which does not have its pages yet: it asks for them
        log.info("refused_notification_stored", outcome=answer.foremost.outcome, incident=answer.foremost.incident)
        if debt.version == version:
            self._forget(debt)

    def _doubted(self, debt: RefusedNotification) -> bool:
        doubted = self.doubted_groups()
        return any(part.group in doubted for part in debt.parts or ())

    async def _adopt(self, debt: RefusedNotification) -> None:
        began, version = self.clock.monotonic(), debt.version

        async def adopt() -> None:
            adopted = self.pages.adopted(debt.pages)
            try:
                answer = await self.intake.accept(debt.notification, self.clock.now(), released=True, adopted=adopted)
                if debt.ended is not None and debt.version == version:
                    await self.intake.accept(debt.ended, self.clock.now())
            except Overloaded:
                debt.tries -= 1  # what this process had no time for says nothing of the page
                raise
            log.warning("emergency_adopted", incident=answer.foremost.incident, pages=len(debt.pages))

        try:
            done = await run_step("adopt", adopt, self.metrics, self.intake.due.probe)
        except StoreAway:
            debt.failed_from = began
            raise
        finally:
            # From its end: what the vendor has not accepted is tried in between.
            debt.next_at = self.clock.monotonic() + ADOPT_AGAIN
        if not done:
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

    def _forget(self, debt: RefusedNotification) -> None:
        group = group_name(debt.notification)
        if self._debts.get(group) is debt:
            del self._debts[group]
            self._bytes -= len(debt.body)
            self.pages.forget(debt.pages)


def _turn(debt: RefusedNotification) -> tuple[bool, bool, bool, int, float]:
    # Last what a storm holds back; of what was paged first what nobody has accepted: it is sent again by the store.
    sent = all(page.accepted for page in debt.pages)
    return debt.capped, bool(debt.pages), bool(debt.pages) and sent, debt.rank, debt.since


def _waits_only(debt: RefusedNotification) -> bool:
    # Whether nobody is paged for it, so that it only waits to be stored.
    return debt.decided and not debt.pages and not debt.capped and not debt.busy


def group_name(notification: Notification) -> str:
    """Return the name under which refused notifications of one group replace each other.

    A restricted sender has its own, so that it replaces nothing that another one sent.
    """
    return "\0".join((notification.receiver, notification.group_key, *notification.sender.mark))


def _same(one: Notification, other: Notification) -> bool:
    # Two Alertmanagers with a token each say the same of a group.
    return one == (other if other.sender == one.sender else other.model_copy(update={"sender": one.sender}))


def _episodes(parts: Sequence[NotificationPart]) -> dict[str, int]:
    return {part.key: first_episode(part, None) for part in parts if any(alert.firing for alert in part.alerts)}


def _body(notification: Notification) -> bytes:
    return orjson.dumps(notification.model_dump(mode="json", by_alias=True))
