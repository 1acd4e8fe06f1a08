"""Graphs of expressions as images for chat messages: drawn once the message exists, and sent once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from receiver.channels.base import Channel, DeliveryError
from receiver.model.delivery.picture import Picture
from receiver.model.incident.incident import Incident
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.context.chart_process import ChartProcess
from receiver.pipeline.outbox.outbox_rows import member_of
from receiver.review.expression.graph import ExpressionGraph, hides_graph
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.ticket_states import TicketStates

WAITING = 100
"""Maximum number of waiting graphs; in a storm, the newest of them."""
WAITS = timedelta(minutes=2)
"""How long a graph waits for the message of its thread."""

log = structlog.get_logger("receiver.expressions")


@dataclass(frozen=True)
class Waiting:
    """A graph for a message that does not exist yet."""

    uid: str
    graph: ExpressionGraph
    until: datetime
    left: tuple[str, ...]
    """The channels that have not shown it."""


class ExpressionPictures:
    """The images that one replica shows in chat."""

    def __init__(self, setting: Callable[[], ActiveConfig], incidents: IncidentStore, memories: TicketStates) -> None:
        """`memories` reads the receipts of channels for posted messages. Nothing waits yet."""
        self.setting = setting
        self.incidents = incidents
        self.memories = memories
        self.charts = ChartProcess()
        self._waiting: deque[Waiting] = deque(maxlen=WAITING)

    def add(self, incident: Incident, graph: ExpressionGraph, now: datetime) -> None:
        """Show a graph in the thread of `incident`'s message, now or when it exists; not for a private incident.

        An image would show more of a private incident than its message.
        """
        names = tuple(name for name, channel in self.setting().channels.items() if channel.pictures)
        if names and not incident.private:
            self._waiting.append(Waiting(incident.uid, graph, now + WAITS, names))

    async def show(self, now: datetime) -> None:
        """Show each graph whose message exists by now. Raises StoreAway."""
        for _ in range(len(self._waiting)):
            left = await self._show(self._waiting.popleft(), now)
            if left is not None:
                self._waiting.append(left)

    async def _show(self, one: Waiting, now: datetime) -> Waiting | None:
        # Returns what still waits.
        incident, setting = await self.incidents.incident(one.uid), self.setting()
        if incident is None or incident.private or now > one.until:
            return None
        channels = [setting.channels[name] for name in one.left if name in setting.channels]
        places = {channel.name: await self._places(incident, channel) for channel in channels}
        ready = [channel for channel in channels if places[channel.name]]
        if not ready:
            return one
        if hides_graph(await self.incidents.events(one.uid)):
            return None
        png = await self.charts.draw(one.graph)
        if png is None:
            return None
        name = f"{incident.id or 'incident'}-expression.png"
        picture = Picture(png, name, one.graph.title, one.graph.text)
        for channel in ready:
            await self._send(channel, picture, places[channel.name], now)
        left = tuple(name for name in one.left if not places.get(name))
        return replace(one, left=left) if left else None

    async def _places(self, incident: Incident, channel: Channel[Any]) -> list[dict[str, Any]]:
        informs = self.setting().policy.of(incident).informs
        addresses = dict.fromkeys(to.address for to in informs if to.channel == channel.name)
        members = [member_of(incident.uid, channel.name, address) for address in addresses]
        found = await self.memories.memories(members) if members else []
        return [memory for memory in found if channel.posted(memory)]

    async def _send(
        self, channel: Channel[Any], picture: Picture, places: Sequence[Mapping[str, Any]], now: datetime
    ) -> None:
        for memory in places:
            try:
                async with asyncio.timeout(channel.http.total):
                    await channel.show(picture, memory, now)
            except (DeliveryError, TimeoutError) as error:
                # A bot without files:write, or an unavailable vendor: the message has no image.
                reason = error.reason if isinstance(error, DeliveryError) else "timeout"
                log.info("picture_upload_failed", channel=channel.name, reason=reason)
