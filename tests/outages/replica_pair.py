"""Two real replicas that share a namespace, each with a fault proxy between itself and the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tests.faults.programs import Fakes, Valkey
from tests.faults.sender import Probe
from tests.faults.stage import QUICK, Change, Stage, vendors_and_store
from tests.faults.waiting import PATIENCE, until
from tests.outages.pager import Pager
from tests.outages.proxy import FaultProxy, VendorProxy

OVER = {"resolved", "closed"}
BACK_WITHIN = 15.0
"""Seconds within which a replica must notice that its store is back."""


class Pair(Stage):
    """Two replicas, their proxies, and the pager's view of them."""

    def __init__(
        self, folder: Path, store: Valkey, fakes: Fakes, proxies: Sequence[FaultProxy], namespace: str
    ) -> None:
        """Nothing is started yet."""
        super().__init__(folder, store, fakes, namespace, plain=True)
        self.proxies = list(proxies)
        self.vendors: VendorProxy
        """Between the first replica and the pager."""

    def store_url(self, number: int) -> str:
        """Return the address of a replica's proxy."""
        return self.proxies[number].url

    @property
    def pager(self) -> Pager:
        """The pager's view of this pair."""
        return Pager.read(self._mine())

    def cut(self) -> None:
        """Cut both replicas off from the store."""
        for proxy in self.proxies:
            proxy.cut()

    def mend(self) -> None:
        """Let both replicas reach the store again."""
        for proxy in self.proxies:
            proxy.mend()

    async def refused(self, probe: Probe, to: int, *, firing: bool = True) -> None:
        """Post to a replica that cannot store the notification."""
        entry = await self.sender.post(probe, firing=firing, to=to)
        assert entry["status"] == 503, entry

    async def taken(self, probe: Probe, to: int, *, firing: bool = True) -> dict[str, Any]:
        """Post to a replica that stores it, again after a 503 as Alertmanager does, and return what it answers."""
        entry = await self.sender.deliver(probe, firing=firing, to=to)
        said: dict[str, Any] = entry["said"]
        return said

    async def back(self) -> None:
        """Wait until both replicas report the store as available."""
        for number in range(len(self.services)):

            async def up(number: int = number) -> bool:
                return bool((await self.get("/healthz", number))["store"]["up"])

            await until(up, f"replica {number} to have its store back", BACK_WITHIN)

    async def kinds(self, incident: str) -> list[str]:
        """Return the kinds of an incident's events."""
        return [event["kind"] for event in (await self.get(f"/api/v1/incidents/{incident}/timeline", 1))["items"]]

    async def over(self, count: int) -> bool:
        """Return whether there are that many incidents, all of them over."""
        states = [one["state"] for one in await self.incidents(1)]
        return len(states) == count and set(states) <= OVER

    async def nothing_open(self, count: int, within: float = PATIENCE) -> None:
        """Wait until there are that many incidents, all of them over, and no page is open at the pager."""

        async def ended() -> bool:
            return not self.pager.open and await self.over(count) and await self.owed() == 0

        await until(ended, f"the end of {count} incidents and of every page", within)

    async def rows(self) -> list[dict[str, str]]:
        """Return the store's rows of pages."""
        assert self.store is not None
        client = Redis.from_url(self.store.url, decode_responses=True)
        try:
            keys = [key async for key in client.scan_iter(f"{{{self.namespace}}}:row:* pager *", count=1000)]
            return [await client.hgetall(key) for key in keys]
        finally:
            await client.aclose()


@contextlib.asynccontextmanager
async def pair(
    folder: Path, *, change: Change | None = None, redis: Mapping[str, str] = QUICK,
    beside: tuple[Valkey, Fakes] | None = None, namespace: str = "pair",
) -> AsyncIterator[Pair]:  # fmt: skip
    """Start everything, and stop it at the end of the block.

    `redis`: settings of the store. `beside`: the store and the vendors that several pairs share.
    """
    async with contextlib.AsyncExitStack() as stack:
        if beside is None:
            valkey, fakes = await stack.enter_async_context(vendors_and_store(folder))
            assert valkey is not None
        else:
            valkey, fakes = beside
        proxies = [
            await stack.enter_async_context(FaultProxy(valkey.socket.parent, valkey.socket, f"{namespace}{number}"))
            for number in range(2)
        ]
        made = Pair(folder / namespace, valkey, fakes, proxies, namespace)
        stack.push_async_callback(made.end)
        made.vendors = await stack.enter_async_context(VendorProxy(int(fakes.url.rpartition(":")[2])))
        await made.open(2, redis=redis, change=change, start=False)
        made.services[0].env["PAGERDUTY_URL"] = made.vendors.url
        await asyncio.gather(made.start(0), made.start(1))
        yield made


def soon(content: dict[str, Any]) -> None:
    """Shorten the delay of a page without the store, and the monitoring of ended incidents."""
    content["incidents"] |= {"monitor_for": "1s", "emergency_after": "500ms"}
