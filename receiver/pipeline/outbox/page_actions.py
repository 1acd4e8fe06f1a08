"""The action for the vendor of a page by the newest state: trigger, acknowledge, or resolve. Pure."""

from __future__ import annotations

from receiver.incident.paging.page_responders import CALLED
from receiver.model.delivery.notice import Action
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.store.due.leased_row import LeasedRow


def page_action(page: Page, incident: Incident) -> Action:
    """Return the state that the vendor should have for `page`, based on the incident's current state."""
    if page.ring != incident.ring or incident.state.over or page.withdrawn:
        return Action.RESOLVE
    # Only people acknowledge. An acknowledgement answers the pages that existed then; a later page (a raised severity,
    # an escalation step) is sent regardless of the incident's state.
    if page.seq < incident.hushed:
        return Action.ACKNOWLEDGE
    # In a log of an earlier release, which acknowledged them at the vendor, they are not withdrawn.
    if incident.calling_state is State.MONITORING and not _called_while_monitoring(page, incident):
        return Action.RESOLVE
    return Action.TRIGGER


def _called_while_monitoring(page: Page, incident: Incident) -> bool:
    return page.step == CALLED and incident.monitoring_at is not None and page.at >= incident.monitoring_at


def page_due(row: LeasedRow, incident: Incident) -> tuple[Page, Action] | None:
    """Return the page of a row and the action for the vendor; None if there is nothing (more) to send.

    A resolved or acknowledged page is not triggered anymore. Its resolve is sent nevertheless, because a replica that
    paged while the store was unavailable, and died before it recorded that, may have used this key. Otherwise the
    vendor drops the resolve.
    """
    page = next(
        (page for page in incident.pages if page.key == row.to.address and page.channel == row.to.channel), None
    )
    if page is None:
        return None
    sent = row.memory.get("sent")
    # A replica that died may or may not have paged: an acknowledgement sent to be safe does not prove that it has.
    rung = bool(row.memory.get("rung")) or sent == Action.TRIGGER
    # A page that was answered before it was sent reached no one: if the severity rises after that, it is sent.
    reached = rung or page.key in incident.detoured
    called = row.memory.get("called", 0) if reached else incident.raised
    if called > page.seq:
        page = page.model_copy(update={"seq": called})
    action = page_action(page, incident)
    if action is Action.TRIGGER and not rung and not page.called_for(incident.called):
        # The severity was lowered before a vendor accepted it. If an attempt may have been accepted, it is resolved
        # there.
        if row.tries <= 1:
            return None
        action = Action.RESOLVE
    if sent == action or (action is Action.TRIGGER and rung):
        return None
    # A page that was resolved before it was accepted is sent if the severity rises again.
    if sent == Action.RESOLVE and action is not Action.TRIGGER:
        return None
    if sent is None and action is Action.ACKNOWLEDGE and row.tries <= 1:
        return None
    return page, action
