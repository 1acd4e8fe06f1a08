"""Keeps the cache of incidents consistent with the store: loads it once, in pages, then follows changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from receiver.incident.store_outage.incident_summary import summarize
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import IncidentSummary
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.open_incidents.incident_labels import IncidentLabels
from receiver.store.cooperative_loop import in_steps
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.open_summaries import PAGE, OpenSummaries

ROWS = 1000
"""Number of uids that are listed at once, to be read in pages."""
AT_ONCE = 2
"""Number of uid lists that `load` reads before it returns; `fill` reads the rest in the background."""
TAKEN = 100
"""Number of incidents that are added to the cache in one step: about 2 ms."""
NEWEST = 500
"""Number of newest incidents whose finished ones are remembered from the start."""
WAITS, WAIT = 8, 0.1
"""How often, and how long each time (s), a request waits for the first load to end."""
LOGGED = 100
"""Maximum number of lost incidents that get their own log line."""

log = structlog.get_logger("receiver.work")


class IncidentFollower:
    """The only reader of incidents for the cache. This replica's own commits are there already."""

    def __init__(self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, cache: IncidentCache) -> None:
        """Create it without reading: call `load`, then `fill`."""
        self.setting = setting
        self.incidents = incidents
        self.cache = cache
        self.summaries = OpenSummaries(incidents)
        self.labels = IncidentLabels(incidents)
        self._begun = False
        self._place = float("-inf")
        self._rows = ROWS
        self._lost: list[IncidentSummary] = []
        self._filling = asyncio.Lock()
        self._following = asyncio.Lock()

    @property
    def filling(self) -> bool:
        """Whether `fill` is running."""
        return self._filling.locked()

    async def forgotten(self) -> bool:
        """Return whether the store has lost commits that this replica saw. Raises StoreAway."""
        return await self.incidents.commits() < self.cache.after

    def forget(self) -> None:
        """Clear the cache, because the store has lost data: everything is read again."""
        self._lost, self._begun = [*self._lost, *self.cache.clear()], False

    async def load(self) -> None:
        """Read the first 2,000 open incidents; `fill` reads the others.

        Known incidents are kept, unless the store has lost them: then everything is read again. Raises StoreAway.
        """
        commits = await self.incidents.commits()
        if commits < self.cache.after:
            self._lost, self._begun = self.cache.clear(), False
        if not self._begun:
            self._begun, self._place, self.cache.after = True, float("-inf"), commits
        await self.fill(AT_ONCE)

    async def fill(self, lists: int | None = None) -> None:
        """Read open incidents until all are known, at most `lists` lists. Raises StoreAway; then call it again."""
        async with self._filling:
            while not self.cache.complete and lists != 0:
                if not await self._read_list():
                    await self._read_newest()
                    self.cache.completed()
                    self._tell_lost()
                lists = None if lists is None else lists - 1

    async def wait(self) -> None:
        """Wait until every open incident is known, at most 0.8 s; after that, results may be incomplete."""
        for _ in range(WAITS):
            if self.cache.complete:
                return
            await asyncio.sleep(WAIT)

    async def follow(self, changed: Sequence[tuple[str, int]]) -> None:
        """Apply the commits in `changed`: uid and number of each commit after the last known one.

        Only commits of other replicas are read. Raises StoreAway.
        """
        async with self._following:
            fresh = [(uid, number) for uid, number in changed if number > self.cache.after]
            if not fresh:
                return
            uids = [uid for uid, number in fresh if not self.cache.own(uid, number)]
            await self._take(uids, news=True)
            self.cache.after = max(number for _, number in fresh)
            log.debug("replica_changes_applied", changed=len(fresh), read=len(uids), open=len(self.cache))

    async def catch_up(self) -> None:
        """Apply every commit that the store has now, so that the next results are at least as new. Raises StoreAway."""
        while True:
            changed = await self.summaries.changed_after(self.cache.after, PAGE)
            await self.follow(changed)
            if len(changed) < PAGE:
                return

    async def newest_over(self, most: int) -> list[IncidentSummary]:
        """Return the finished ones among the newest `most` incidents, newest first. Raises StoreAway."""
        uids = await self.summaries.newest(most)
        await self._take([uid for uid in uids if self.cache.get(uid) is None])
        return [one for uid in uids if (one := self.cache.get(uid)) is not None and one.state.over]

    async def summaries_of(self, uids: Sequence[str]) -> list[IncidentSummary]:
        """Return the summaries of `uids` that exist, whether or not the cache has them. Raises StoreAway."""
        found = await self.summaries.read(uids)
        return [
            one if isinstance(one, IncidentSummary) else summarize(one, self.setting().policy.of(one)) for one in found
        ]

    async def _read_list(self) -> bool:
        # By opening time, starting from the last one's, so that removals in the meantime cause no gaps.
        rows = await self.summaries.open_from(self._place, self._rows)
        await self._take([uid for uid, _ in rows if self.cache.get(uid) is None])
        if len(rows) < self._rows:
            return False
        last = rows[-1][1]
        # More incidents than one list in one millisecond: a longer list is read.
        self._rows = self._rows * 2 if last == self._place else ROWS
        self._place = last
        return True

    async def _read_newest(self) -> None:
        uids = [uid for uid in await self.summaries.newest(NEWEST) if self.cache.get(uid) is None]
        # The oldest first, so that the newest are removed last.
        await self._take(uids[::-1])

    async def _take(self, uids: Sequence[str], *, news: bool = False) -> None:
        for first in range(0, len(uids), PAGE):
            whole: list[str] = []
            found = await self.summaries.read(uids[first : first + PAGE])
            async for one in in_steps(found, TAKEN):
                if isinstance(one, Incident):
                    self.cache.take(summarize(one, self.setting().policy.of(one)), one, news=news)
                elif one.public or (news and self.cache.listening()):
                    whole.append(one.uid)
                else:
                    self.cache.take(one, news=news)
            async for incident in in_steps(await self.incidents.many(whole), TAKEN):
                self.cache.take(summarize(incident, self.setting().policy.of(incident)), incident, news=news)

    def _tell_lost(self) -> None:
        # Lost incidents would never end here, and would suppress emergency pages. Alerts that still fire are sent again
        # and get the same page keys, so no one is paged twice.
        lost = [one for one in self._lost if self.cache.get(one.uid) is None]
        self._lost = []
        for one in lost[:LOGGED]:
            keys = [page.key for page in one.pages]
            log.error("incident_forgotten", incident=one.id, severity=one.severity, state=one.state, pages=keys)
        if len(lost) > LOGGED:
            log.error("incidents_forgotten", more=len(lost) - LOGGED)
