"""Whether the store is away: judged from round trips of the kind a commit needs, never from our own load."""

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
"""Seconds of loop time for the round trips of a commit: a webhook is answered within 2 s (surfaces.md)."""
BACK_BUDGET = 1.4
"""The same, for a store that was away: it must be clearly within the budget before it counts as back."""
STRIKES = 2
"""Failures in a row, one of them a probe, after which the store is away: one may be a lost packet."""
GOOD = 2
"""Good probes in a row after which a store that was away is back."""
EVERY = 1.0
"""Seconds between two probes while nothing is wrong."""
SOON = 0.1
"""Seconds between two probes while something may be."""
AWAY_EVERY = 0.25
"""Seconds between two probes while the store is away."""
INSPECT_EVERY = 60.0
"""Seconds between two looks at the settings of a store that is there."""
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
    """What is known of the store. Pure: each result gives the next state."""

    away: bool = False
    strikes: int = 0
    """Failures since the last good probe."""
    good: int = 0
    """Good probes since the last failure."""
    probed: bool = False
    """Whether one of the strikes was a probe."""

    def failed(self, *, probe: bool) -> StoreState:
        """Return the state after a probe, or a request, that the store did not answer or refused."""
        if self.away and not probe:
            return self  # only its own round trips bring it back, and only they keep it away
        strikes, probed = self.strikes + 1, self.probed or probe
        return StoreState(self.away or (strikes >= STRIKES and probed), strikes, 0, probed)

    def answered(self) -> StoreState:
        """Return the state after a good probe."""
        good = self.good + 1
        away = self.away and good < GOOD
        return replace(self, away=away, strikes=0, good=good, probed=False)

    @property
    def suspect(self) -> bool:
        """Whether the next probe cannot wait."""
        return self.strikes > 0 and not self.away


class StoreMonitor:
    """Probes the store on a connection of its own and tells the others when it goes away and comes back."""

    def __init__(self, connection: Connection, clock: Clock, metrics: Metrics) -> None:
        """Begin in the belief that the store is there."""
        self.connection = connection
        self.probe = CommitProbe(connection)
        self.clock = clock
        self.metrics = metrics
        self.since: float | None = None
        """Monotonic seconds since when it is away; None while it answers."""
        self.came_back: list[Callable[[datetime], None]] = []
        """Called with the time when the store is back."""
        self.stood_still_until: Callable[[], float] = lambda: -math.inf
        """Returns the monotonic time at which this process last stood still; -inf: never."""
        self._state = StoreState()
        self._full = False
        self._failed_from = -math.inf
        """When the last probe that failed began (monotonic)."""
        self._wake = asyncio.Event()
        self._warned: tuple[ServerWarning, ...] = ()
        self._look_again = math.inf

    @property
    def away(self) -> bool:
        """Whether the store is away, so that a request need not wait to find out."""
        return self._state.away

    @property
    def full(self) -> bool:
        """Whether it is away only because its memory is full: what frees or marks is still written."""
        return self._state.away and self._full

    @property
    def gone(self) -> bool:
        """Whether it is away and nothing at all can be written."""
        return self._state.away and not self._full

    @property
    def surely_away(self) -> bool:
        """Whether it is away by a probe that began after this process last stood still.

        What was known before that may have changed: nothing is sent without the store on the strength of it.
        """
        return self._state.away and self._failed_from > self.stood_still_until()

    @property
    def surely_gone(self) -> bool:
        """Whether it is surely away, and nothing at all can be written."""
        return self.surely_away and not self._full

    @property
    def suspect(self) -> bool:
        """Whether a probe is wanted at once."""
        return self._state.suspect

    def failed(self, condition: StoreAway) -> None:
        """Count a request that the store did not answer or refused. What is our own fault says nothing about it."""
        if not condition.ours:
            self._take(self._state.failed(probe=False), condition)
            self._wake.set()

    async def run(self) -> None:
        """Probe for ever: each second, at once after a failed request, more often while the store is away."""
        while True:
            await self.check()
            wait = AWAY_EVERY if self.away else SOON if self.suspect else EVERY
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue
            await asyncio.sleep(SOON)  # what fails in a burst asks for one probe

    async def check(self) -> None:
        """Probe once, and take the result into account."""
        began = self.clock.monotonic()
        condition = await self._probe()
        if condition is None:
            self._full = False
            self._take(self._state.answered(), None)
        elif not condition.ours:
            # A server that refuses everything new for want of memory may take what frees and marks.
            self._full = isinstance(condition, StoreFull) and await self._marks()
            self._failed_from = began
            self._take(self._state.failed(probe=True), condition)

    async def inspect(self) -> None:
        """Find out what the store is and promises; say what people should know of it, once. Raises StoreAway."""
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
                # It may be another server than the one that went away, or have other settings; or nobody could ask yet.
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
