"""Reports of a vendor after it accepted a page: whether it reached the phone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import structlog

from receiver.model.base import rfc3339
from receiver.model.delivery.notice import Action, Notice
from receiver.pipeline.delivery.delivery_listener import DeliveryListener
from receiver.pipeline.outbox.private_notices import sealed
from receiver.pipeline.response.phone_answers import PhoneAnswers
from receiver.store.incidents.incident_store import IncidentStore

REACHED = {"delivered": "received", "completed": "received", "busy": "busy", "no-answer": "not_answered"}
"""The final outcome of a page, in the terms of receipts."""
FAILED = frozenset({"undelivered", "failed"})
"""States in which the person was not reached: the page uses the fallback channels."""

log = structlog.get_logger("receiver.delivery")


class PhoneReports:
    """Handles reports about pages to phones."""

    def __init__(self, phones: PhoneAnswers, incidents: IncidentStore, listener: DeliveryListener) -> None:
        """`listener` is notified of a page that did not get through."""
        self.phones = phones
        self.incidents = incidents
        self.listener = listener

    async def take(self, token: str, sid: str, state: str, channels: Collection[str], now: datetime) -> bool:
        """Record that the call or message `sid` is in `state`; return whether the page is known. Raises StoreAway."""
        meant = await self.phones.meant(token, channels)
        found = await self.phones.page(meant) if meant is not None else None
        if found is None:
            return False
        outcome = "undelivered" if state in FAILED else REACHED.get(state)
        if outcome is None:
            return True
        incident, page = found
        if outcome == "undelivered":
            # Once for each page, even if it is reported several times.
            notice = Notice(
                key=page.key, action=Action.TRIGGER, address=page.address, incident=incident, page=page, now=now
            )
            await self.listener.use_fallback(incident, sealed(notice), outcome)
        if await self.phones.tokens.first(f"report {sid} {state}"):
            receipt = {
                "at": rfc3339(now), "channel": page.channel, "to": page.person, "action": Action.TRIGGER,
                "outcome": outcome, "attempts": 1, "seq": page.seq, "page": page.seq, "ref": sid[:64],
            }  # fmt: skip
            await self.incidents.add_receipt(incident.uid, receipt)
            log.info("page_reported", channel=page.channel, person=page.person, outcome=outcome, incident=incident.id)
        return True
