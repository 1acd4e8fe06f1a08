"""Scheduled test pages: before a shift, by day, to people without a recent answered test page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from receiver.incident.oncall.reachability import asked_lately, find_unproved, is_daytime, shifts_ahead
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.response.reachability_tests import ReachabilityTests

NAME = "prove"
LOOK = timedelta(minutes=1)
"""Time between two checks for expired test pages, and for shifts that begin soon."""
SCHEDULE = "schedule"

log = structlog.get_logger("receiver.reachability")


class ReachabilityTimer:
    """Sends due test pages; one replica at a time, because only one claims the timer."""

    def __init__(self, setting: Callable[[], ActiveConfig], tests: ReachabilityTests) -> None:
        """The work loop calls `look`."""
        self.setting = setting
        self.tests = tests

    async def look(self, now: datetime) -> datetime | None:
        """End unanswered test pages, send due ones, and return when to check again. Raises StoreAway."""
        await self.tests.expire(now)
        policy, every = self.setting().policy, self.setting().prove_every
        if every is None:
            return now + LOOK
        directory, proofs = policy.directory, await self.tests.read()
        for person in shifts_ahead(directory, now):
            card = directory.people.get(person)
            if card is None or not is_daytime(card, policy.zone, now):
                continue
            lacking = find_unproved(directory, [person], self.tests.pagers(), proofs, every, now)
            wanted = frozenset(one.means for one in lacking if not asked_lately(proofs.get((person, one.means)), now))
            if wanted:
                await self.tests.ask([person], SCHEDULE, None, now, wanted)
                log.info("reachability_tested", person=person, means=len(wanted))
        return now + LOOK
