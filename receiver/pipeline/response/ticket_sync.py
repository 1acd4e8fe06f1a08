"""Follows tickets: changes in Jira become commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from receiver.channels.base import Channel, DeliveryError
from receiver.channels.safe_text import clean
from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand
from receiver.incident.response.ticket_changes import commands_of_ticket
from receiver.metrics import Metrics
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.ticket import Ticket
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.outbox.outbox_rows import member_of
from receiver.pipeline.response.command_handler import CommandHandler, UnknownIncident
from receiver.store.client.store_errors import IncidentUnreadable
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.ticket_states import TicketStates

NAME = "tickets"
EVERY = timedelta(seconds=60)
FIRST = timedelta(days=1)
"""How far back changes are queried the first time, and at most; a replica does not know when another one did."""
OVERLAP = timedelta(minutes=2)
"""Overlap of two queries: a vendor's index is late by seconds, and its times are whole minutes."""

log = structlog.get_logger("receiver.tickets")


class TicketSync:
    """The timer that queries every ticket channel for changes."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        incidents: IncidentStore,
        seen: TicketStates,
        respond: CommandHandler,
        metrics: Metrics,
    ) -> None:
        """One replica queries at a time, and commits the changes like any command."""
        self.setting = setting
        self.incidents = incidents
        self.seen = seen
        self.respond = respond
        self.metrics = metrics
        self._asked: dict[str, datetime] = {}

    def forget(self) -> None:
        """Forget when tickets were last queried, because that time is from a wrong clock."""
        self._asked.clear()

    async def on_timer(self, now: datetime) -> datetime | None:
        """Query the tickets, apply their changes here, and return when to query again. Raises StoreAway."""
        for name, channel in self.setting().channels.items():
            if channel.tickets:
                await self._ask(name, channel, now)
        return now + EVERY

    async def _ask(self, name: str, channel: Channel[Any], now: datetime) -> None:
        since = min(now - self._asked[name] + OVERLAP, FIRST) if name in self._asked else FIRST
        try:
            tickets = await channel.changed(since, now)
        except DeliveryError as error:
            self.metrics.loop_errors.labels(NAME).inc()
            log.warning("ticket_poll_failed", channel=name, reason=error.reason, detail=error.detail)
            return
        tickets = await self._ours(name, channel, tickets)
        spoilt = False
        for ticket, before in zip(tickets, await self.seen.before(name, tickets), strict=True):
            if ticket == before:
                continue
            try:
                await self._take(name, channel, ticket, before, now)
            except (ValueError, IncidentUnreadable):
                # An incident that this release cannot read, or a change without a command, does not stop the others.
                spoilt = True
                self.metrics.loop_errors.labels(NAME).inc()
                log.exception("ticket_change_crashed", channel=name, ticket=clean(ticket.key, 100))
                continue
            await self.seen.seen(name, ticket)
        if not spoilt:
            self._asked[name] = now

    async def _ours(self, name: str, channel: Channel[Any], tickets: Sequence[Ticket]) -> list[Ticket]:
        members = [member_of(ticket.uid, name, channel.address()) for ticket in tickets]
        memories = await self.seen.memories(members) if members else []
        found = (channel.recognised(ticket, memory) for ticket, memory in zip(tickets, memories, strict=True))
        return [ticket for ticket in found if ticket is not None]

    async def _take(
        self, name: str, channel: Channel[Any], ticket: Ticket, before: Ticket | None, now: datetime
    ) -> None:
        incident = await self.incidents.incident(ticket.uid)
        if incident is None:
            return
        owner = self._owner(name, channel, ticket)
        command = commands_of_ticket(ticket, before, incident, self.setting().policy.of(incident), owner)
        if command is None:
            return
        actor = Actor(kind=ActorKind.API, name=channel.kind)
        try:
            await self.respond.act(incident.uid, command, actor, now, origin=name)
        except (IllegalCommand, ImpossibleCommand, UnknownIncident) as why:
            log.info("ticket_change_skipped", incident=incident.label, ticket=ticket.key, why=str(why))

    def _owner(self, name: str, channel: Channel[Any], ticket: Ticket) -> str | None:
        people = self.setting().policy.directory.people
        if ticket.account is None:
            return None
        return next((key for key, card in people.items() if card.address(name, channel.kind) == ticket.account), None)
