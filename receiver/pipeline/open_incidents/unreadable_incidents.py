"""Incidents that a later version has written: pages for them as far as they can be read, and otherwise steps aside.

While a release is rolled out or back, replicas of two versions run at the same time. A replica that can read an
incident decides better, so it has the first chance; but if there is none, people are still paged.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from receiver.incident.log.notification_outcome import IntakeDecision, NotificationPart, Outcome
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import address_of
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.store.due.leased_row import LeasedRow
from receiver.store.incidents.incident_store import IncidentStore
from receiver.store.incidents.known_incident import Known

PATIENCE = timedelta(seconds=10)
"""How long a firing notification is answered with 503, so that a replica that can read its incident handles it."""
PAUSE = timedelta(minutes=2)
"""Time without notifications of a key after which the next one counts as the first; senders retry once a minute."""
KEY_PARTS = 5
"""Number of parts of a page key."""
MOST = 1000
"""Maximum number of correlation keys that are remembered."""

log = structlog.get_logger("receiver.unreadable")


class UnreadableIncidents:
    """Handles incidents that this replica cannot read."""

    def __init__(self, incidents: IncidentStore) -> None:
        """Create it before the first refusal."""
        self.incidents = incidents
        self._refusals: OrderedDict[str, tuple[datetime, datetime]] = OrderedDict()
        """When notifications of a correlation key were first and last refused."""

    async def known_instead(self, part: NotificationPart, known: Known, now: datetime) -> Known:
        """Return the state to decide `part` on if its incident cannot be read: another incident of its key, or none.

        Raises IncidentUnreadable if a replica that can read it should handle it: for `PATIENCE`, and as long as nothing
        of `part` fires.
        """
        condition = known.unreadable
        if condition is None:
            return known
        if known.pointer not in ("", condition.uid):
            # The unreadable incident still owns the alerts; their key points to its successor.
            incident = await self.incidents.incident(known.pointer)
            return replace(known, incident=incident, records=await self.incidents.records(known.pointer))
        partial = await self.incidents.partial(condition.uid, now)
        is_open = partial is not None and not partial.state.over
        firing = any(alert.firing for alert in part.alerts)
        if now - self._refused(part.key, now) < PATIENCE if firing else is_open:
            raise condition
        if firing:
            log.warning("incident_superseded", incident=condition.id, open=is_open, key=part.key)
        # The same page keys as the open incident, so that no one is paged twice.
        return replace(known, incident=None if is_open else partial)

    def settled(self, part: NotificationPart) -> None:
        """Forget that notifications of the key of `part` were refused, because one was accepted."""
        self._refusals.pop(part.key, None)

    def _refused(self, key: str, now: datetime) -> datetime:
        first, last = self._refusals.get(key, (now, now))
        first = first if now - last <= PAUSE else now
        self._refusals[key] = (first, now)
        self._refusals.move_to_end(key)
        if len(self._refusals) > MOST:
            self._refusals.popitem(last=False)
        return first

    async def to_page(self, row: LeasedRow, policy: Policy, now: datetime) -> Incident | None:
        """Return the readable part of the incident of `row`, with the page of the row; None if there is none.

        If the page itself cannot be read, it is sent to the person's configured address.
        """
        incident = await self.incidents.partial(row.uid, now)
        if incident is None or _listed(row, incident.pages):
            return incident
        # namespace/key/episode/person/number; a long key is a hash, which cannot be parsed.
        parts = row.to.address.split("/")
        person = parts[-2] if len(parts) >= KEY_PARTS else ""
        address = address_of(policy, person, row.to.channel)
        if address is None:
            return None
        page = Page(
            key=row.to.address, channel=row.to.channel, person=person, contact=person, address=address,
            step="unreadable", ring=incident.ring, at=now, seq=row.last,
        )  # fmt: skip
        return incident.model_copy(update={"pages": (*incident.pages, page)})


def superseded_by(verdict: IntakeDecision, known: Known) -> str:
    """Return the uid of the unreadable open incident that `verdict` opens a successor for; "" if none."""
    if known.unreadable is None or known.incident is not None or verdict.outcome is not Outcome.OPENED:
        return ""
    return known.unreadable.uid


def _listed(row: LeasedRow, pages: Collection[Page]) -> bool:
    return any(page.key == row.to.address and page.channel == row.to.channel for page in pages)
