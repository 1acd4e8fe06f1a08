"""Accepts a notification: one read for a duplicate, otherwise load, decide, commit. 2xx only once it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from receiver.clock import Clock
from receiver.incident.alerts.alert_start import drop_future_starts
from receiver.incident.log.notification_outcome import Outcome
from receiver.metrics import Metrics
from receiver.model.alert.alert import Alert, Notification
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.incident_writer import IncidentWriter
from receiver.pipeline.intake.intake_answer import IGNORED, REPEATED, Answer, PartResult, Repetition, repeated_part
from receiver.pipeline.intake.known_receivers import KnownReceivers
from receiver.pipeline.intake.last_digests import LastDigests
from receiver.pipeline.intake.notification_parts import digest_of, group_of, living, owned_alerts, parts_of
from receiver.pipeline.intake.part_decisions import IncomingPart, PartDecisions
from receiver.pipeline.intake.storm_incidents import StormIncidents
from receiver.pipeline.intake.watchdog_heartbeats import WatchdogHeartbeats
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.store.alertmanager_receivers import AlertmanagerReceivers
from receiver.store.client.connection import Connection
from receiver.store.due.due_set import DueSet
from receiver.store.due.leased_row import LeasedRow
from receiver.store.incidents.commit_request import Committed
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.known_incident import Seen, seen_of
from receiver.store.watchdog_times import WatchdogTimes
from receiver.triage.rules.rule_set import Answers

STRAIGHT = 50
"""Maximum number of alerts for which a probably new notification is loaded without checking for a duplicate first."""
LARGE = 200
"""Number of alerts above which the rules run in a thread: 20,000 different alerts take many seconds."""


class Intake:
    """Takes notifications into the store."""

    def __init__(
        self,
        setting: Callable[[], ActiveConfig],
        connection: Connection,
        incidents: IncidentStore,
        due: DueSet,
        incident_cache: IncidentCache,
        clock: Clock,
        metrics: Metrics,
        deliver: Callable[[Committed, float, Mapping[str, LeasedRow]], None],
    ) -> None:
        """`deliver`: see IncidentWriter."""
        self.setting = setting
        self.connection = connection
        self.incidents = incidents
        self.due = due
        self.metrics = metrics
        self.watchdogs = WatchdogTimes(connection)
        self.heartbeats = WatchdogHeartbeats(self.watchdogs, metrics)
        self.known_receivers = KnownReceivers(AlertmanagerReceivers(connection))
        self.digests = LastDigests()
        self.writer = IncidentWriter(incidents, incident_cache, clock, deliver)
        self.storms = StormIncidents(incidents, self.writer)
        self.decisions = PartDecisions(incidents, due, self.writer, self.storms, clock, metrics)
        self.measured: Callable[[Sequence[Alert], datetime], Mapping[str, Answers]] = lambda alerts, now: {}
        """Returns recent query results for alerts, by fingerprint and measurement."""
        self.absorbed: Callable[[datetime], None] = lambda now: None
        """Called with each duplicate notification."""
        self.kept: Callable[[Notification, datetime], None] = lambda notification, now: None
        """Called with each notification that changed something."""

    async def accept(
        self,
        notification: Notification,
        now: datetime,
        *,
        released: bool = False,
        late: bool = False,
        adopted: Mapping[str, Sequence[tuple[Page, bool]]] | None = None,
    ) -> Answer:
        """Accept a notification and return the outcome once it is durable.

        `adopted`: emergency pages by correlation key, each with whether the vendor accepted it. `late`: it was refused
        before and kept; what the store knows to have ended since is left out.
        Raises StoreAway: nothing is known to be durable, and the sender must come again.
        """
        setting, moves = self.setting(), self.connection.moves
        sent, notification = notification, drop_future_starts(notification, now)
        alive, beating = living(notification, setting)
        if beating:
            await self.heartbeats.receive(beating, setting, now)
        if not alive:
            return IGNORED
        since = await self.known_receivers.first_seen(notification.receiver, now)
        members = owned_alerts(notification, alive, setting)
        groups = [group_of(notification, key) for key in members]
        texts = [digest_of(notification, one.alerts, setting) for one in members.values()]
        seen: Sequence[Seen | None] = [None] * len(groups)
        # It differs from this replica's last notification of the group, so it is probably new: it is checked during
        # loading.
        straight = len(groups) == 1 and len(alive) <= STRAIGHT and not self.digests.has(groups[0], texts[0])
        if not released and not straight:
            seen = await self.incidents.seen(groups)
        fresh = [last is None or last.digest != text for last, text in zip(seen, texts, strict=True)]
        # Only new notifications need a decision: a duplicate costs one read and runs no rule.
        parts = []
        if any(fresh):
            asked = self.measured(alive, now)
            make = partial(
                parts_of, notification, alive, setting, released=released, asked=asked, heard_since=since,
                members=members,
            )  # fmt: skip
            parts = await asyncio.to_thread(make) if len(alive) > LARGE else make()
            parts = [replace(part, late=late) for part in parts] if late else parts
        said = []
        for index, last in enumerate(seen):
            if last is not None and not fresh[index]:
                said.append(repeated_part(last))
            else:
                part = parts[index]
                pages = adopted.get(part.key, ()) if adopted else ()
                incoming = IncomingPart(part, texts[index], pages, straight and not released)
                said += await self.decisions.decide(incoming, setting, now)
            self.digests.keep(groups[index], texts[index])
        if any(fresh):
            self.kept(notification, now)
        await self.known_receivers.record(notification.receiver, {one.outcome for one in said}, now)
        await self._absorb(said, moves, now)
        if beating or notification is not sent or len(alive) < len(notification.alerts):
            return Answer(tuple(said))
        return Answer(tuple(said), Repetition(tuple(groups), tuple(texts)))

    async def repeated(self, repetition: Repetition, now: datetime, limit: float) -> Answer | None:
        """Return the answer to a duplicate notification; None if something has changed since the last one.

        Raises StoreAway; TimeoutError if the store has not answered within `limit` seconds of wall-clock time.
        """
        moves = self.connection.moves
        texts = await self.incidents.seen_texts(repetition.groups, limit)
        if repetition.answer is None or texts != repetition.texts:
            # Comparing texts takes a tenth of the time of parsing them and building the same answer again.
            seen = zip(map(seen_of, texts), repetition.digests, strict=True)
            same = [last for last, digest in seen if last and last.digest == digest]
            if len(same) < len(repetition.groups):
                return None
            repetition.texts, repetition.answer = texts, Answer(tuple([repeated_part(last) for last in same]))
        await self._confirm(moves)
        self._repeats(now)
        return repetition.answer

    async def _absorb(self, said: Sequence[PartResult], moves: int, now: datetime) -> None:
        duplicate = any(one.outcome is Outcome.DUPLICATE for one in said)
        if duplicate or any(one.reason == REPEATED for one in said):
            await self._confirm(moves)
        if duplicate:
            self._repeats(now)

    async def _confirm(self, moves: int) -> None:
        # The original commit may have been answered with 503, or be on a server that was replaced meanwhile.
        if self.connection.confirms:
            await self.connection.confirm(moves)

    def _repeats(self, now: datetime) -> None:
        self.metrics.duplicates.inc()
        self.absorbed(now)

    async def store_again(self) -> None:
        """Write the known receivers of Alertmanager back to a store that has lost its data. Raises StoreAway."""
        await self.known_receivers.store_again()
        await self.heartbeats.store_again(self.setting())
