"""A world of two replicas, each of which is killed in turn: what one has begun the other goes on with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from receiver.pipeline.intake.intake_answer import Answer
from receiver.replica import Replica
from tests.stories.world import World


class Relay(World):
    """Before each notification, and before time passes, the first replica is killed, and the second takes its place.

    A new one starts in place of that. What a replica holds in memory outlives two steps of the story at most: whatever
    comes later is decided by what the store has.
    """

    def __init__(self, store: str) -> None:
        super().__init__(store)
        self.killed = 0
        self._passed_on: datetime | None = None
        self._env: dict[str, Any] = {}

    async def open(self, replicas: int = 1, **env: Any) -> World:
        """Start the vendors and two replicas at least."""
        self._env = env
        return await super().open(max(2, replicas), **env)

    async def post(self, body: bytes, to: int = 0) -> Answer:
        """Give a body to a replica that was not the first at the last step; one moment is one step."""
        if self.clock.now() != self._passed_on:
            await self._pass_on()
        return await super().post(body, to)

    async def forward(self, by: str) -> None:
        """Push the clock under a replica that was not the first at the last step."""
        await self._pass_on()
        await super().forward(by)

    async def _pass_on(self) -> None:
        for replica in self.replicas:
            await replica.work.idle()  # what a command has started is sent: nobody is killed in the midst of it here
        self._passed_on = self.clock.now()
        dead = self.replicas.pop(0)
        await _kill(dead)
        self.killed += 1
        await self.replica(**self._env)
        # What a story has configured otherwise at the first is the configuration of all.
        for replica in self.replicas:
            if replica.config != dead.config:
                replica.apply(dead.config)

    async def close(self) -> None:
        """End everything; a story in which no replica was killed says nothing about that."""
        await super().close()
        assert self.killed, "nobody was killed in this story"


async def _kill(replica: Replica) -> None:
    # As kill -9 does: nothing is written down, nothing is given back.
    await replica.http.close()
    await replica.source_client.close()
    await replica.connection.close()
