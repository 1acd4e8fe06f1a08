"""What is sent behind a write, so that its answer means what `redis.durability` and `redis.replicas` say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from receiver.model.store_address import Node
from receiver.store.conditions import NotDurable
from receiver.store.sentinel import Sentinels

PATIENCE_MS = 800
"""How long a write may take to reach the disk, or the replicas."""


class Settling:
    """The disk and the replicas that a write waits for.

    With Sentinels it waits for every replica that is there, and for `replicas` at least. Sentinels make the replica the
    primary that they choose, not one that has acknowledged; until they have told the old primary, it goes on taking
    writes, which the replicas that are left acknowledge and lose. A replica that is made the primary is the first to
    leave the old one: then fewer acknowledge than were there, and only Sentinels can say that none was promoted.
    """

    def __init__(self, replicas: int, sentinels: Sentinels | None) -> None:
        """`replicas` as in the configuration."""
        self.replicas = replicas
        self.on_disk = False
        """Whether the disk is waited for (WAITAOF)."""
        self._sentinels = sentinels
        self._there = 0

    @property
    def wanted(self) -> bool:
        """Whether there is anything to wait for."""
        return self.on_disk or self.replicas > 0

    @property
    def counts(self) -> bool:
        """Whether it matters how many replicas there are."""
        return self._sentinels is not None and self.replicas > 0

    @property
    def waited_for(self) -> int:
        """How many replicas a write waits for."""
        return max(self.replicas, self._there) if self.counts else self.replicas

    def seen(self, info: Mapping[str, Any]) -> None:
        """Take into account what the primary says of its replicas; fewer than before may mean that one was promoted."""
        replicas = [value for name, value in info.items() if name[:5] == "slave" and name[5:].isdecimal()]
        online = sum(isinstance(one, dict) and one.get("state") == "online" for one in replicas)
        self._there = max(self._there, online)

    def begin_anew(self) -> None:
        """Forget how many replicas there were: the primary is another one."""
        self._there = 0

    def commands(self) -> list[tuple[Any, ...]]:
        """Return what is sent behind a write, on the same connection."""
        disk = [("WAITAOF", 1, 0, PATIENCE_MS)] if self.on_disk else []
        return [*disk, *([("WAIT", self.waited_for, PATIENCE_MS)] if self.replicas else [])]

    async def check(self, replies: Sequence[Any], primary: Node | None) -> None:
        """Look at the replies to `commands`. Raises NotDurable, and the error that a reply is."""
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
        if have < self.waited_for:
            if self._sentinels is None or not await self._sentinels.undisturbed(primary):
                raise NotDurable("a replica has left, and may be the primary now")
            self._there = have
