"""The commands after a write that make its answer meet `redis.durability` and `redis.replicas`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from receiver.model.store_address import Node
from receiver.store.client.sentinel_locator import Sentinels
from receiver.store.client.store_errors import NotDurable

PATIENCE_MS = 800
"""Maximum time for a write to reach the disk or the replicas."""
LATE = 2
"""Seconds since its last acknowledgement after which a replica is ignored: it sends one each second."""

Info = Callable[[], Awaitable[Mapping[str, Any] | None]]
"""Queries the primary about its replicas; None if it does not report them."""


class Settling:
    """Determines the disk and the replicas that a write waits for.

    If the server is one of several, a write waits for every replica that it has, and at least for `replicas`: a
    failover does not check which replicas have acknowledged.

    Sentinels also promote a replica while the old primary still accepts writes, which the remaining replicas
    acknowledge and then lose. Therefore a write that not all promotable servers have acknowledged is durable only if
    the Sentinels, queried after it, are not promoting any of them. A slow replica that follows the primary is never
    ignored: Sentinels choose by its report of up to a second ago.
    """

    def __init__(self, replicas: int, sentinels: Sentinels | None, *, several: bool = False) -> None:
        """`replicas` as in the configuration; `several`: Sentinels or a cluster may replace the server."""
        self.replicas = replicas
        self.on_disk = False
        """Whether a write waits for the disk (WAITAOF)."""
        self._sentinels = sentinels
        self._several = several
        self._online = 0

    @property
    def counts(self) -> bool:
        """Whether the number of replicas matters."""
        return self._several and self.replicas > 0

    @property
    def waited_for(self) -> int:
        """The number of replicas that a write waits for."""
        return max(self.replicas, self._online) if self.counts else self.replicas

    def seen(self, info: Mapping[str, Any]) -> None:
        """Apply the primary's report about its replicas."""
        replicas = [value for name, value in info.items() if name[:5] == "slave" and name[5:].isdecimal()]
        self._online = sum(isinstance(one, dict) and _follows(one) for one in replicas)

    def begin_anew(self) -> None:
        """Forget the number of replicas, because the primary has changed."""
        self._online = 0

    def commands(self) -> list[tuple[Any, ...]]:
        """Return the commands that are sent after a write on the same connection."""
        disk = [("WAITAOF", 1, 0, PATIENCE_MS)] if self.on_disk else []
        return [*disk, *([("WAIT", self.waited_for, PATIENCE_MS)] if self.replicas else [])]

    async def check(self, replies: Sequence[Any], primary: Node | None, info: Info) -> None:
        """Check the replies of `primary` to `commands`. Raises NotDurable, or the error in a reply."""
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        if self.on_disk and replies[0][0] < 1:
            raise NotDurable("not yet on disk")
        if not self.replicas:
            return
        have = int(replies[-1])
        if have < self.replicas:
            raise NotDurable("too few replicas have it")
        if self._sentinels is None or self._sentinels.all_have(have, primary):
            self._online = min(self._online, have)
            return
        if have < self._online:
            self.seen(await info() or {})
            if have < self._online:
                raise NotDurable("a replica that follows the primary does not have it yet")
        if not await self._sentinels.undisturbed(primary):
            raise NotDurable("a replica that does not have it may be the primary now")


def _follows(replica: Mapping[str, Any]) -> bool:
    return replica.get("state") == "online" and int(replica.get("lag", 0)) <= LATE
