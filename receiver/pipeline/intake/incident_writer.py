"""Commits a decision, handles a lost answer of the store, and starts the deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from receiver.clock import Clock
from receiver.incident.log.notification_outcome import IntakeDecision, NotificationPart
from receiver.incident.store_outage.incident_summary import summarize
from receiver.incident.timers import held_until
from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.commit_parts import (
    alert_body,
    calls_anew,
    frees,
    of_another_team,
    storm_guard,
    timers_to_set,
)
from receiver.pipeline.intake.notification_parts import held_text
from receiver.pipeline.intake.unconfirmed_commits import UnconfirmedCommit
from receiver.pipeline.open_incidents.incident_cache import IncidentCache
from receiver.pipeline.outbox.outbox_rows import fresh_pages, outbox_rows
from receiver.store.client.store_errors import StoreLostData
from receiver.store.due.leased_row import LeasedRow
from receiver.store.incidents.commit_request import (
    CommitRequest,
    Committed,
    RepeatedNotification,
    StaleVersion,
    committed_as,
    new_token,
)
from receiver.store.incidents.incident_store import IncidentStore

PUT_OFF, PUT_OFF_LEAST, PUT_OFF_MOST = 30, 1000, 60_000
"""Milliseconds that messages about an adopted incident wait per group that is still to be adopted: no wait below the
minimum, and never more than the maximum."""
TRIES = 12
"""Maximum number of attempts if others commit first, before the response is 503 and Alertmanager retries."""


class IncidentWriter:
    """Writes decisions to the store, and delivers the rows that a commit leased to this replica."""

    def __init__(
        self,
        incidents: IncidentStore,
        incident_cache: IncidentCache,
        clock: Clock,
        deliver: Callable[[Committed, float, Mapping[str, LeasedRow]], None],
    ) -> None:
        """`deliver` gets the rows that a commit leased, when it was sent (monotonic), and the rows that it created."""
        self.incidents = incidents
        self.incident_cache = incident_cache
        self.clock = clock
        self.deliver = deliver
        self.unconfirmed: Callable[[UnconfirmedCommit], None] = lambda commit: None
        """Called with each commit that was sent and not answered."""
        self.adopting: Callable[[], int] = lambda: 0
        """Returns how many groups that were refused, or paged without the store, wait to be stored."""
        self._writing: set[asyncio.Future[Committed]] = set()

    async def commit(
        self,
        verdict: IntakeDecision,
        setting: ActiveConfig,
        now: datetime,
        *,
        part: NotificationPart | None = None,
        text: str = "",
        seen_as: str = "",
        turn: tuple[str, int] | None = None,
        about: Incident | None = None,
        adopted: Sequence[tuple[Page, bool]] = (),
        once: str | None = None,
        what: str = "",
        into: str = "",
        unpoint: Sequence[str] = (),
        supersedes: str = "",
    ) -> Committed:
        """Write a decision and start its deliveries. Raises StaleVersion, RepeatedNotification or StoreAway.

        `once`: a caller's idempotency key, stored with `what`; `into`, `unpoint`, `supersedes`: see
        CommitRequest.
        """
        incident = verdict.incident
        put_off = self._put_off() if adopted else 0
        change = CommitRequest(
            incident=incident,
            about=about,
            events=verdict.events,
            records=verdict.records,
            bodies={name: alert_body(alert) for name, alert in verdict.bodies.items()},
            gone=verdict.gone,
            owners=verdict.owners,
            freed=verdict.freed,
            pointers=verdict.pointers,
            turn=turn,
            seen={seen_as or part.group: text} if part and text else {},
            tombs=verdict.tombs,
            untomb=verdict.untomb,
            rows=outbox_rows(incident, verdict.events, setting, adopted, put_off) if incident else (),
            timers=timers_to_set(incident, setting, put_off) if incident else {},
            held=[(part.group, held_text(part, verdict.held), to_ms(held_until(now)))] if part and verdict.held else (),
            unheld=[part.group] if part and not verdict.held else (),
            once=[once] if once else (),
            what=what,
            storm=None if of_another_team(part, incident) else storm_guard(verdict, setting, now, adopted),
            again=calls_anew(verdict),
            into=into,
            unpoint=unpoint,
            supersedes=supersedes,
            frees=frees(verdict),
            summary=summarize(incident, setting.policy.of(incident)) if incident else None,
        )
        # A commit that was sent is not given up with its caller, whose time may end first: what it has leased to this
        # replica would reach no one until the lease ends, and a retry is answered as a repetition.
        return await self._finished(asyncio.ensure_future(self._write(change, setting, now)))

    async def _finished(self, writing: asyncio.Future[Committed]) -> Committed:
        self._writing.add(writing)
        writing.add_done_callback(self._ended)
        try:
            return await asyncio.shield(writing)
        finally:
            del writing  # the frames of what it raises would lead back to it (exception_frames.py)

    async def _write(self, change: CommitRequest, setting: ActiveConfig, now: datetime) -> Committed:
        began, token, answered = self.clock.monotonic(), new_token(), False
        try:
            done = await self.incidents.commit(
                change, now_ms=to_ms(now), lease_ms=setting.lease_ms, number=setting.id_parts(now), token=token
            )
            answered = True
        except (StaleVersion, RepeatedNotification, StoreLostData):
            answered = True
            raise
        finally:
            if not answered:
                self.unconfirmed(self._doubtful(change, token, began, now))
        self._written(change, began, now, done)
        return done

    def _ended(self, writing: asyncio.Future[Committed]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled():
            writing.exception()  # its caller may be gone: otherwise asyncio reports an exception never retrieved

    def _doubtful(self, change: CommitRequest, token: str, began: float, now: datetime) -> UnconfirmedCommit:
        # It may have been written, and may have leased pages to this replica: their data is kept until that is known.
        kept = replace(change, bodies={}, records={})

        def answered(reply: Sequence[Any]) -> None:
            self._written(kept, began, now, committed_as(change.incident, reply, token))

        uid = change.incident.uid if change.incident else ""
        return UnconfirmedCommit(token, began, uid, tuple(change.seen), answered)

    def _written(self, change: CommitRequest, began: float, now: datetime, done: Committed) -> None:
        if done.incident is not None and change.summary is not None:
            written = change.summary._replace(id=done.incident.id, version=done.incident.version)
            self.incident_cache.committed(written, done.incident, done.number)
        if done.leased:
            self.deliver(done, began, fresh_pages(done, change.rows, change.events, to_ms(now)))

    def _put_off(self) -> int:
        # Thousands are adopted before chat shows each one; their people have been paged already.
        wait = self.adopting() * PUT_OFF
        return min(wait, PUT_OFF_MOST) if wait >= PUT_OFF_LEAST else 0
