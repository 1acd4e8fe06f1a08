"""Sends mail to subscribers, one replica at a time and after all other work: no page waits for this mail.

It has its own queue, mail server connection and rate. Failures are counted and logged by kind; addresses are never
logged, nor are mail server responses, which may repeat them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import structlog

from receiver.channels.base import DeliveryError
from receiver.clock import Clock
from receiver.config import Config
from receiver.metrics import Metrics
from receiver.model.base import to_ms
from receiver.model.delivery.public_incident import PublicIncident, PublicPage
from receiver.model.delivery.subscription import NewsKind, Subscriber, SubscriberNews, SubscriberState
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.subscriptions.mail_failure import failure_of
from receiver.pipeline.subscriptions.status_subscriptions import StatusSubscriptions
from receiver.pipeline.subscriptions.subscriber_news import STALE, ended, news_of
from receiver.store.client.store_errors import StoreAway
from receiver.store.subscriber_mail import MailRow

if TYPE_CHECKING:
    from receiver.channels.email.channel import Email

NAME = "subscribers"
EVERY = 2.0
"""Seconds between checks for mail to send."""
AT_ONCE = 20
"""Mails per check, one after another: at most 10 a second."""
UNREACHABLE = 3
"""Consecutive mails that did not reach the mail server, after which none is sent for PAUSE. A single one may be due to
an address that the mail server cannot check."""
PAUSE = timedelta(minutes=1)
"""How long sending pauses after the mail server could not be reached."""
TIDY = timedelta(hours=1)

log = structlog.get_logger("receiver.subscriptions")


Public = Callable[[datetime], tuple[PublicPage, tuple[PublicIncident, ...]]]
"""The public page at one moment, and the ended incidents."""


class SubscriberMailer:
    """The queue of mail to subscribers."""

    def __init__(
        self,
        config: Callable[[], Config],
        setting: Callable[[], ActiveConfig],
        subscriptions: StatusSubscriptions,
        public: Public,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`public` returns the public page: nothing else is mailed."""
        self.config = config
        self.setting = setting
        self.subscriptions = subscriptions
        self.mail = subscriptions.mail
        self.public = public
        self.clock = clock
        self.metrics = metrics
        self.busy: Callable[[], bool] = lambda: False
        """Whether pages wait in this process: no mail is sent while they do."""
        self.away: Callable[[], bool] = lambda: False
        """Whether the store is unavailable."""
        self.private_since: Callable[[], Mapping[str, datetime]] = dict
        """When incidents of the page became private, by their public ids, currently in the store."""
        self.catch_up: Callable[[], Awaitable[None]] = _nothing
        """Reads the commits of other replicas, so that no mail is sent that one of them has withdrawn."""
        self._me = secrets.token_hex(8)
        self._paused: datetime | None = None
        self._tidied: datetime | None = None
        self._seen: set[str] = set()
        """Keys of news that are known to be in the queue."""

    async def run(self) -> None:
        """Send due mail until canceled."""
        while True:
            await asyncio.sleep(EVERY)
            if self.away():
                continue
            try:
                await self.run_once(self.clock.now())
            except StoreAway as away:
                log.info("subscriber_mail_postponed", condition=away.condition)

    async def run_once(self, now: datetime) -> int:
        """Queue new mail, send due mail, and return how many mails the mail server accepted. Raises StoreAway."""
        channel = self._channel()
        if channel is None or not self.subscriptions.on or not await self.mail.lead(self._me):
            return 0
        await self._tidy(now)
        await self._queue_news(now)
        if self._paused is not None and now < self._paused:
            return 0
        sent = unreachable = 0
        rows = await self.mail.due(to_ms(now), AT_ONCE)
        if any(not row.sealed for row in rows):
            await self.catch_up()
        # News is sent before sign-ups, which anyone can cause.
        for row in sorted(rows, key=lambda one: bool(one.sealed)):
            if self.busy() or not await self.mail.lead(self._me):
                break
            outcome = await self._send(channel, row, now)
            self.metrics.subscriber_mails.labels(outcome).inc()
            sent += outcome == "sent"
            unreachable = unreachable + 1 if outcome == "unreachable" else 0
            if unreachable >= UNREACHABLE:
                self._paused = now + PAUSE
                break
        return sent

    def _channel(self) -> Email | None:
        name = self.config().status_page.subscriptions.email
        found = self.setting().channels.get(name) if name else None
        # By its kind: the channel's module is loaded only if one is configured.
        return cast("Email", found) if found is not None and found.kind == "email" else None

    async def _tidy(self, now: datetime) -> None:
        if self._tidied is None or now - self._tidied >= TIDY:
            self._tidied = now
            self._seen.clear()
            await self.mail.forget(to_ms(now))
            count = dict.fromkeys(SubscriberState, 0)
            async for page in self.subscriptions.subscribers.each():
                for one in page:
                    count[one.state] += 1
            for state, many in count.items():
                self.metrics.subscribers.labels(state).set(many)
        self.metrics.subscriber_queue.set(await self.mail.depth())

    async def _queue_news(self, now: datetime) -> None:
        page, past = self.public(now)
        found = news_of(page, past, self.config().status_page.maintenance_reminder, now)
        found += ended(await self.mail.windows(), page, now)
        fresh = {one.key: one for one in found if one.key not in self._seen}
        untold = set(await self.mail.untold(list(fresh)))
        for key, news in fresh.items():
            if key not in untold or await self._owe(news, now):
                await self._follow_window(news)
                self._seen.add(key)

    async def _follow_window(self, news: SubscriberNews) -> None:
        if news.kind is NewsKind.MAINTENANCE_BEGUN:
            await self.mail.keep_window(news)
        elif news.kind is NewsKind.MAINTENANCE_OVER:
            await self.mail.drop_window(news.about)

    async def _owe(self, news: SubscriberNews, now: datetime) -> bool:
        await self.mail.announce(news)
        async for page in self.subscriptions.subscribers.each():
            rows = [
                MailRow(member=f"{news.key}|{one.id}", news=news.key, to=one.id) for one in page if news.concerns(one)
            ]
            if not await self.mail.owe(rows, to_ms(now)):
                log.error("subscriber_queue_filled", reason="the queue has no room")
                return False
        # Only now: if this replica stops earlier, the next one adds the same rows again, each only once.
        await self.mail.told(news.key, to_ms(now))
        return True

    async def _send(self, channel: Email, row: MailRow, now: datetime) -> str:
        to: Subscriber | None = None
        if row.sealed:
            act = await self._confirmation(channel, row, now)
        else:
            to = await self.subscriptions.subscribers.get(row.to)
            act = await self._news(channel, row, to, now)
        if act is None:
            await self.mail.done(row.member)
            return "dropped"
        failure: DeliveryError | TimeoutError | None = None
        try:
            async with asyncio.timeout(self.setting().deadline.total_seconds()):
                await act()
        except (DeliveryError, TimeoutError) as error:
            failure = error
        if failure is not None:
            return await self._failed(row, to, failure, now)
        await self.mail.done(row.member)
        if to is not None and to.failures:
            await self.subscriptions.subscribers.replace(to, to.model_copy(update={"failures": 0}))
        return "sent"

    async def _confirmation(self, channel: Email, row: MailRow, now: datetime) -> Callable[[], Awaitable[None]] | None:
        from receiver.pipeline.subscriptions.subscriber_email import confirmation  # noqa: PLC0415  (as below)

        pending = await self.subscriptions.pending(row.sealed, now)
        if pending is None:
            return None
        sender, title = channel.settings.from_, self.config().status_page.title
        message = confirmation(pending, link=self._link(row.sealed), title=title, sender=sender, now=now)
        return lambda: channel.hand_over(message, pending.address)

    async def _news(
        self, channel: Email, row: MailRow, to: Subscriber | None, now: datetime
    ) -> Callable[[], Awaitable[None]] | None:
        from receiver.pipeline.subscriptions.subscriber_email import news_mail  # noqa: PLC0415  (no one else needs it)

        news = await self.mail.news(row.news)
        if to is None or to.state is not SubscriberState.ACTIVE or news is None or news.at <= now - STALE:
            return None
        private_at = self.private_since().get(news.about)
        if private_at is not None and news.at <= private_at:
            return None
        link = self._link((await self.subscriptions.links()).manage(to.id))
        title, sender = self.config().status_page.title, channel.settings.from_
        message = news_mail(news, to, link=link, title=title, sender=sender, now=now)
        return lambda: channel.hand_over(message, to.address)

    async def _failed(
        self, row: MailRow, to: Subscriber | None, error: DeliveryError | TimeoutError, now: datetime
    ) -> str:
        known = error if isinstance(error, DeliveryError) else DeliveryError("timeout", "no answer", ambiguous=True)
        found = failure_of(
            known.reason, known.detail, ambiguous=known.ambiguous, tries=row.tries, failures=to.failures if to else 0
        )
        if found.outcome == "unreachable":
            log.warning("subscriber_mail_failed", code=known.reason)
        if found.again is not None:
            await self.mail.later(replace(row, tries=row.tries + 1), to_ms(now + found.again))
            return found.outcome
        await self.mail.done(row.member)
        if to is None or found.failures == to.failures:
            return found.outcome
        failed = to.model_copy(update={"failures": found.failures})
        # A person who unsubscribed while the mail was being sent is not added again.
        if not await self.subscriptions.subscribers.replace(to, failed) or not found.stop:
            return found.outcome
        await self.subscriptions.stop(failed)
        log.info("subscriber_stopped", reason=found.stop)
        return "stopped"

    def _link(self, token: str) -> str:
        return f"{self.config().base_url}/status/subscriptions/{token}"


async def _nothing() -> None:
    return None
