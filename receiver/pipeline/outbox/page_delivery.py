"""The delivery state of a page, from the receipts of its incident: whether the person was actually paged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from receiver.model.delivery.notice import Action
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.pipeline.outbox.cancelled_pages import CANCELLED
from receiver.pipeline.outbox.page_actions import page_action

LINES = 20
"""Maximum number of pages that are listed as text, the newest ones."""
GIVEN_UP = "given_up"
"""Field of a receipt: the vendor permanently refused the page, and it is a dead letter."""
ACCEPTED, ON_DEVICE = "delivered", "received"
"""Outcomes of receipts: the vendor accepted the page; the vendor reported that the device has it."""


class Delivery(StrEnum):
    """The delivery state of a page."""

    QUEUED = "queued"
    """No vendor has accepted it yet; it is still being retried."""
    SENT = "sent"
    DELIVERED = "delivered"
    REFUSED = "refused"
    ACKNOWLEDGED = "acknowledged"
    CANCELLED = "cancelled"
    """It was never sent: it was no longer needed before a vendor accepted it."""


class PageDelivery(NamedTuple):
    """The delivery state of one page, and since when."""

    state: Delivery
    at: datetime | None
    """When that was; None: not yet, or not recorded."""
    delivered_at: datetime | None = None
    """When the vendor reported that the device has it."""
    why: str = ""
    """The reason for a refusal or a cancellation, in one word."""
    detail: str = ""
    """The vendor's response to a refused page."""
    sent_at: datetime | None = None
    """When the vendor accepted it, regardless of its state since."""


def page_delivery(page: Page, incident: Incident, receipts: Iterable[Mapping[str, Any]]) -> PageDelivery:
    """Return the delivery state of `page`; `receipts` are those of its incident, oldest first."""
    found = PageDelivery(Delivery.QUEUED, None)
    for receipt in receipts:
        if receipt.get("action") == Action.TRIGGER and _about(receipt, page, incident):
            found = _after(found, receipt)
    action = page_action(page, incident)
    sent = found.state in (Delivery.SENT, Delivery.DELIVERED)
    if sent and (action is Action.ACKNOWLEDGE or (action is not Action.TRIGGER and page.seq < incident.hushed)):
        return found._replace(state=Delivery.ACKNOWLEDGED, at=incident.answered_at)
    if found.state is Delivery.QUEUED and action is not Action.TRIGGER:
        return found._replace(state=Delivery.CANCELLED)
    return found


def delivery_lines(incident: Incident, receipts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each of the newest pages: person, contact, channel, and delivery state."""
    known = list(receipts)
    found = [(page, page_delivery(page, incident, known)) for page in incident.pages[-LINES:]]
    return [
        f"page: {page.person} ({page.contact}) by {page.channel}: {one.state}{f' ({one.detail})' if one.detail else ''}"
        for page, one in found
    ]


def _about(receipt: Mapping[str, Any], page: Page, incident: Incident) -> bool:
    if receipt.get("channel") != page.channel:
        return False
    if "page" in receipt:
        return bool(receipt["page"] == page.seq)
    # Receipts of earlier releases have only the person: they refer to the newest page to that person at that time.
    if receipt.get("to") != page.person or receipt.get("seq", 0) < page.seq:
        return False
    later = (one.seq for one in incident.pages if (one.channel, one.person) == (page.channel, page.person))
    return not any(page.seq < seq <= receipt.get("seq", 0) for seq in later)


def _after(before: PageDelivery, receipt: Mapping[str, Any]) -> PageDelivery:
    outcome, at = receipt.get("outcome"), datetime.fromisoformat(receipt["at"])
    if outcome == ON_DEVICE:
        return before._replace(state=Delivery.DELIVERED, delivered_at=before.delivered_at or at)
    if outcome == ACCEPTED:
        if before.state is Delivery.DELIVERED:
            return before._replace(sent_at=before.sent_at or at)
        return PageDelivery(Delivery.SENT, at, sent_at=at)
    if outcome == CANCELLED:
        return PageDelivery(Delivery.CANCELLED, at, why=str(receipt.get(CANCELLED, "")))
    if receipt.get(GIVEN_UP):
        return PageDelivery(Delivery.REFUSED, at, why=str(outcome), detail=str(receipt.get("detail") or ""))
    return before
