"""A world of two replicas that are killed in turn, so that each continues the other's work."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from receiver.pipeline.intake.intake_answer import Answer
from receiver.replica import Replica
from tests.stories.world import World


class AlternatingReplicas(World):
    """Before each notification, and before time passes, the first replica is killed, and the second takes its place.

    A new replica replaces the killed one. A replica's memory survives at most two steps of the story, so later
    decisions depend only on the store.
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
        """Post a body to a replica that was not the first at the last step; one time is one step."""
        if self.clock.now() != self._passed_on:
            await self._pass_on()
        return await super().post(body, to)

    async def forward(self, by: str) -> None:
        """Push the clock under a replica that was not the first at the last step."""
        await self._pass_on()
        await super().forward(by)

    async def _pass_on(self) -> None:
        for replica in self.replicas:
            await replica.work.idle()  # a command's deliveries are sent before a replica is killed
        self._passed_on = self.clock.now()
        dead = self.replicas.pop(0)
        await _kill(dead)
        self.killed += 1
        await self.replica(**self._env)
        # The configuration of the first replica applies to all.
        for replica in self.replicas:
            if replica.config != dead.config:
                replica.apply(dead.config)

    async def close(self) -> None:
        """End everything; a story in which no replica was killed fails."""
        await super().close()
        assert self.killed, "no replica was killed in this story"


async def _kill(replica: Replica) -> None:
    # Like kill -9: nothing is written, and no lease is returned.
    await replica.http.close()
    await replica.source_client.close()
    await replica.connection.close()
