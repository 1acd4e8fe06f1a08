"""Determines whether the store is unavailable, from round trips like those of a commit, never from our own load."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from receiver.clock import Clock
from receiver.metrics import Metrics
from receiver.store.client.commit_probe import CommitProbe
from receiver.store.client.connection import Connection
from receiver.store.client.server_check import DURABILITY, EVICTS, FAILOVER, REPLICAS, UNSEEN, WARNINGS, ServerWarning
from receiver.store.client.store_errors import StoreAway, StoreFull

BUDGET = 1.6
"""Limit in seconds of loop time for the round trips of a commit: a webhook is answered within 2 s."""
BACK_BUDGET = 1.4
"""The same for a store that was unavailable: it must be well within the limit before it counts as back."""
STRIKES = 2
"""Number of failures in a row, one of them a probe, after which the store is unavailable: one may be a lost packet."""
GOOD = 2
"""Number of good probes in a row after which an unavailable store is back."""
EVERY = 1.0
"""Seconds between two probes while the store works."""
SOON = 0.1
"""Seconds between two probes after a failure."""
AWAY_EVERY = 0.25
"""Seconds between two probes while the store is unavailable."""
INSPECT_EVERY = 60.0
"""Seconds between two checks of an available store's settings."""
WARNING_EVENTS: Mapping[str, str] = {
    DURABILITY: "store_weak_durability_detected",
    EVICTS: "store_eviction_detected",
    UNSEEN: "store_hidden_settings_detected",
    FAILOVER: "store_lossy_failover_detected",
    REPLICAS: "store_missing_replicas_detected",
}
"""The log event of each warning about the server."""

log = structlog.get_logger("receiver.store")


@dataclass(frozen=True)
class StoreState:
    """The availability of the store. Pure: each result returns the next state."""

    away: bool = False
    strikes: int = 0
    """Failures since the last good probe."""
    good: int = 0
    """Good probes since the last failure."""
    probed: bool = False
    """Whether one of the failures was a probe."""

    def failed(self, *, probe: bool) -> StoreState:
        """Return the state after a probe or a request that the store refused or did not answer."""
        if self.away and not probe:
            return self  # only probes end or extend an outage
        strikes, probed = self.strikes + 1, self.probed or probe
        return StoreState(self.away or (strikes >= STRIKES and probed), strikes, 0, probed)

    def answered(self) -> StoreState:
        """Return the state after a good probe."""
        good = self.good + 1
        away = self.away and good < GOOD
        return replace(self, away=away, strikes=0, good=good, probed=False)

    @property
    def suspect(self) -> bool:
        """Whether the next probe is urgent."""
        return self.strikes > 0 and not self.away


class StoreMonitor:
    """Probes the store on a separate connection and reports when it becomes unavailable and when it is back."""

    def __init__(self, connection: Connection, clock: Clock, metrics: Metrics) -> None:
        """Assume at first that the store is available."""
        self.connection = connection
        self.probe = CommitProbe(connection)
        self.clock = clock
        self.metrics = metrics
        self.since: float | None = None
        """Monotonic seconds since when it is unavailable; None while it answers."""
        self.came_back: list[Callable[[datetime], None]] = []
        """Called with the current time when the store is back."""
        self.stood_still_until: Callable[[], float] = lambda: -math.inf
        """Returns the monotonic time at which this process was last suspended; -inf: never."""
        self._state = StoreState()
        self._full = False
        self._failed_from = -math.inf
        """When the last failed probe began (monotonic)."""
        self._wake = asyncio.Event()
        self._warned: tuple[ServerWarning, ...] = ()
        self._look_again = math.inf

    @property
    def away(self) -> bool:
        """Whether the store is unavailable, so that a request need not wait for it."""
        return self._state.away

    @property
    def full(self) -> bool:
        """Whether it is unavailable only because its memory is full.

        Writes that free memory or mark rows still succeed.
        """
        return self._state.away and self._full

    @property
    def gone(self) -> bool:
        """Whether it is unavailable and nothing at all can be written."""
        return self._state.away and not self._full

    @property
    def surely_away(self) -> bool:
        """Whether a probe that began after this process was last suspended found the store unavailable.

        Earlier results may be outdated, and pages must not be sent without the store because of them.
        """
        return self._state.away and self._failed_from > self.stood_still_until()

    @property
    def surely_gone(self) -> bool:
        """Whether it is surely unavailable, and nothing at all can be written."""
        return self.surely_away and not self._full

    @property
    def suspect(self) -> bool:
        """Whether a probe must run at once."""
        return self._state.suspect

    def failed(self, condition: StoreAway) -> None:
        """Count a request that the store refused or did not answer. Errors of this process do not count."""
        if not condition.ours:
            self._take(self._state.failed(probe=False), condition)
            self._wake.set()

    async def run(self) -> None:
        """Probe until canceled: each second, at once after a failed request, and more often during an outage."""
        while True:
            await self.check()
            wait = AWAY_EVERY if self.away else SOON if self.suspect else EVERY
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue
            await asyncio.sleep(SOON)  # a burst of failures causes one probe

    async def check(self) -> None:
        """Probe once, and apply the result."""
        began = self.clock.monotonic()
        condition = await self._probe()
        if condition is None:
            self._full = False
            self._take(self._state.answered(), None)
        elif not condition.ours:
            # A server that refuses new data for lack of memory may accept writes that free memory or mark rows.
            self._full = isinstance(condition, StoreFull) and await self._marks()
            self._failed_from = began
            self._take(self._state.failed(probe=True), condition)

    async def inspect(self) -> None:
        """Inspect the store's software and settings, and log each problem once. Raises StoreAway."""
        server = self.connection.server
        await server.inspect()
        self._look_again = self.clock.monotonic() + INSPECT_EVERY
        self.metrics.durable(server.level, met=server.met)
        found = {warning.kind for warning in server.warnings}
        self.metrics.warned({kind: kind in found for kind in WARNINGS})
        for warning in server.warnings:
            if warning not in self._warned:
                log.warning(WARNING_EVENTS[warning.kind], why=warning.why, hint=warning.hint, level=server.level)
        self._warned = server.warnings

    async def _marks(self) -> bool:
        try:
            await self.probe.round_trips_when_full(BACK_BUDGET)
        except StoreAway as condition:
            return condition.ours and self._full
        return True

    async def _probe(self) -> StoreAway | None:
        try:
            await self.probe.round_trips(BACK_BUDGET if self.away else BUDGET)
            returns = self.away and self._state.good + 1 >= GOOD
            unknown = self.connection.server.level == "unknown" or self.connection.server.is_another
            if returns or unknown or self.clock.monotonic() >= self._look_again:
                # It may be a different server, or have other settings; or no inspection has succeeded yet.
                await self.inspect()
            await self.connection.server.count_replicas()
        except StoreAway as condition:
            return condition
        return None

    def _take(self, state: StoreState, condition: StoreAway | None) -> None:
        before, self._state = self._state, state
        if state.away and not before.away:
            self.since = self.clock.monotonic()
            self.metrics.store_up.set(0)
            reason = str(condition)
            name = condition.condition if condition else None
            log.warning("store_failed", condition=name, reason=reason, full=self._full)
        elif before.away and not state.away:
            away = timedelta(seconds=self.clock.monotonic() - self.since) if self.since is not None else timedelta()
            self.since = None
            self.metrics.store_up.set(1)
            log.info("store_recovered", away_seconds=round(away.total_seconds(), 1))
            for call in self.came_back:
                call(self.clock.now())
