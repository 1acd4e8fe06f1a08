"""One replica: store, channels, pipeline and work loop, built once. `receiver/app.py` adds the HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

import structlog

from receiver.clock import Clock
from receiver.config import Config
from receiver.config.loader.token_strength import short_names
from receiver.model.base import to_ms
from receiver.pipeline.context.expression_graphs import NAME as EXPRESSIONS
from receiver.pipeline.context.runbook_cache import NAME as RUNBOOKS
from receiver.pipeline.context.similar_incidents import NAME as SIMILAR
from receiver.pipeline.metric_series import create_series
from receiver.pipeline.response.gammu_inbox import NAME as INBOX
from receiver.pipeline.response.ntfy_replies import NAME as REPLIES
from receiver.pipeline.status.public_history import NAME as PUBLIC_HISTORY
from receiver.pipeline.store_outage.store_monitor import GOOD
from receiver.pipeline.subscriptions.subscriber_mailer import NAME as SUBSCRIBERS
from receiver.replica.alert_parts import AlertParts
from receiver.replica.context_parts import ContextParts
from receiver.replica.intake_parts import IntakeParts
from receiver.replica.sign_in_parts import SignInParts
from receiver.replica.slack_parts import SlackParts
from receiver.replica.status_parts import StatusParts
from receiver.replica.store_outage_parts import StoreOutageParts
from receiver.replica.worker_parts import WorkerParts
from receiver.store.client.connection import StoreAway
from receiver.store.client.connection_lanes import Lane
from receiver.store.client.store_endpoint import Endpoint
from receiver.store.client.store_errors import StoreUnsupported
from receiver.store.embedded.embedded_store import EmbeddedStore
from receiver.store.embedded.folder_lock import EmbeddedStoreError

WATCH = 0.5
"""Seconds between two checks of the embedded store's process."""

ESSENTIAL = ("loop", "beside", "monitor", "refused", "store")
"""Tasks without which a replica pages no one."""
CLOSE_LIMIT = 5.0
"""Maximum seconds for a part to write its pending data, or to close."""

log = structlog.get_logger("receiver")


class Replica(
    IntakeParts, StoreOutageParts, AlertParts, ContextParts, SlackParts, StatusParts, SignInParts, WorkerParts
):
    """Accepts notifications, and sends pages and messages about them."""

    def __init__(
        self, config: Config, *, url: str | Endpoint, embedded: EmbeddedStore | None = None, clock: Clock | None = None
    ) -> None:
        """`url`: the store's address, or all data to connect to it; `embedded` is restarted if it ends."""
        super().__init__(config, url=url, embedded=embedded, clock=clock)
        self.build_intake_parts()
        self.build_store_outage_parts()
        self.build_alert_parts()
        self.build_context_parts()
        self.build_response_parts()
        self.build_review_parts()
        self.build_oncall_parts()
        self.build_slack_parts()
        self.build_status_parts()
        self.build_sign_in_parts()
        self.build_worker_parts()
        self.work.clock_agreement.stepped.append(self._clock_set)
        self._show_config()

    def _show_config(self) -> None:
        create_series(
            self.metrics, self.setting, (*self.work.timers.service_timers, *self.work.timers.incident_timers, RUNBOOKS)
        )
        service = self.config.service
        where = self.config.base_url or f"http://{self.config.server.listen}"
        self.metrics.short_tokens.set(len(short_names(self.config.auth, self.config.server)))
        self.metrics.tokens_expire((one.name, one.expires_at) for one in self.config.auth.tokens)
        self.metrics.serves(service.name, service.environment, where)

    def _clock_set(self, now: datetime) -> None:
        # Times that this replica recorded by the earlier clock would be wrong for as long as that clock was.
        self.able_since = now
        self.work.deliver.health.circuits.clear()
        self.reconcile.forget()
        self.tickets.forget()

    def apply(self, config: Config) -> None:
        """Apply all of `config`; work in progress ends with the configuration that it began with.

        Pending rows of a channel that has been removed are left to replicas that still have it; when there are none,
        the rows are given up (pipeline/delivery/orphaned_rows.py).
        """
        self.activate(config)
        self._show_config()
        self.work.renew()

    async def open_store(self) -> None:
        """Check the store and load the open incidents; a replica starts even if the store is unavailable.

        Raises StoreUnsupported: the server can never serve as the store.
        """
        try:
            await self.monitor.inspect()
            await self.work.clock_agreement.first()
            if self.embedded is not None:
                # No other process can reach it, so the holders of these leases no longer exist.
                await self.due.free(to_ms(self.clock.now()))
            await self.work.load()
        except StoreAway as away:
            if isinstance(away, StoreUnsupported):
                raise
            # A replica that cannot reach the store can still page in an emergency.
            self.monitor.failed(away)

    def run(self) -> None:
        """Start the tasks that run until the service stops."""
        tasks: dict[str, tuple[Callable[[], Awaitable[None]], Lane]] = {
            "loop": (self.work.run, Lane.BEAT),
            "beside": (self.work.run_pending, Lane.BEAT),
            "monitor": (self.monitor.run, Lane.PROBE),
            "refused": (self.refused_retries.run, Lane.DEBTS),
            "audit": (self.auditor.run, Lane.WORKER),
            "unknowns": (self.unknowns.run, Lane.WORKER),
            "hits": (self.rule_hits.run, Lane.WORKER),
            "history": (self.history.run, Lane.WORKER),
            "figures": (self.reports.run, Lane.WORKER),
            SIMILAR: (self.seen_before.run, Lane.WORKER),
            EXPRESSIONS: (self.expressions.run, Lane.WORKER),
            RUNBOOKS: (self.runbook_cache.run, Lane.WORKER),
            REPLIES: (self.replies.run, Lane.WORKER),
            INBOX: (self.inbox.run, Lane.WORKER),
            PUBLIC_HISTORY: (self.public_history.run, Lane.WORKER),
            SUBSCRIBERS: (self.subscriber_mailer.run, Lane.WORKER),
        }
        if self.connection.locator is not None:
            tasks["primary"] = (self.connection.locator.follow, Lane.PROBE)
        if self.embedded is not None:
            tasks["store"] = (partial(self._watch, self.embedded), Lane.WORKER)
        self.owed.restore()
        for name, (run, kind) in tasks.items():
            self.supervisor.start(name, run, kind, essential=name in ESSENTIAL)
        self.hang_detector.start()

    async def turn(self) -> None:
        """Run one round of the permanent tasks; for tests that move the clock."""
        for _ in range(GOOD):
            if self.monitor.away or self.monitor.suspect:
                await self.monitor.check()
        await self.refused_retries.run_once()
        await self.work.guarded_poll()

    async def _watch(self, embedded: EmbeddedStore) -> None:
        while True:
            await asyncio.sleep(WATCH)
            if not embedded.alive():
                log.error("embedded_store_ended", next="it is being restarted")
                with suppress(EmbeddedStoreError):
                    await asyncio.to_thread(embedded.restart)

    async def settle(self) -> None:
        """Claim no more work, and wait for deliveries in progress."""
        self.supervisor.stopping = self.refused_retries.stopping = True
        await self.work.stop(self.setting.deadline.total_seconds() + 1)

    async def close(self) -> None:
        """End every task and every connection."""
        self.hang_detector.stop()
        await self.supervisor.stop()
        self.owed.save()
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "unknowns": self.unknowns.flush, "hits": self.rule_hits.flush, "history": self.history.flush,
            "reports": self.reports.flush, "charts": self.expressions.pictures.charts.close,
            "http": self.http.close, "asking": self.source_client.close,
            "sign_in": self.sign_in_requests.close, "store": self.connection.close,
        }  # fmt: skip
        for name, close in parts.items():
            # The others are closed even if one fails.
            (failed,) = await asyncio.gather(asyncio.wait_for(close(), CLOSE_LIMIT), return_exceptions=True)
            if failed is not None:
                log.error("close_failed", part=name, error=type(failed).__name__, reason=str(failed)[:200])
