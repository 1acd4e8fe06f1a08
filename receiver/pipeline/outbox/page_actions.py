"""What the vendor of a page is to hear by the newest state: to call, that it is acknowledged, or resolved. Pure."""

from __future__ import annotations

from receiver.incident.paging.page_responders import CALLED
from receiver.model.delivery.notice import Action
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.store.due.leased_row import LeasedRow


def page_action(page: Page, incident: Incident) -> Action:
    """Return the last state that the vendor should have of `page`, as the incident stands now."""
    if page.ring != incident.ring or incident.state.over or page.withdrawn:
        return Action.RESOLVE
    # Only people acknowledge. An acknowledgement answers the pages that were made until then; a later one (a raised
    # severity, a step of the escalation) calls, whatever the incident's state.
    if page.seq < incident.hushed:
        return Action.ACKNOWLEDGE
    # In a log of an earlier release, which acknowledged them at the vendor, they are not withdrawn.
    if incident.calling_state is State.MONITORING and not _called_while_monitoring(page, incident):
        return Action.RESOLVE
    return Action.TRIGGER


def _called_while_monitoring(page: Page, incident: Incident) -> bool:
    return page.step == CALLED and incident.monitoring_at is not None and page.at >= incident.monitoring_at


def page_due(row: LeasedRow, incident: Incident) -> tuple[Page, Action] | None:
    """Return the page of a row and what the vendor should hear of it; None when there is nothing (more) to say.

    What is resolved or acknowledged is not paged anymore. Its resolve is sent even so: a replica that paged while the
    store was away, and died before it could say so, may have rung under this key. Elsewhere the vendor drops it.
    """
    page = next(
        (page for page in incident.pages if page.key == row.to.address and page.channel == row.to.channel), None
    )
    if page is None:
        return None
    sent = row.memory.get("sent")
    # A replica that died may have paged or not: an acknowledgement sent on that chance does not say that it has.
    rung = bool(row.memory.get("rung")) or sent == Action.TRIGGER
    # What was answered before it could be sent has reached nobody: once the severity rises after that, it calls.
    reached = rung or page.key in incident.detoured
    called = row.memory.get("called", 0) if reached else incident.raised
    if called > page.seq:
        page = page.model_copy(update={"seq": called})
    action = page_action(page, incident)
    if action is Action.TRIGGER and not rung and not page.called_for(incident.called):
        # Lowered before any vendor has accepted it. Where an attempt may have got through, it is resolved there.
        if row.tries <= 1:
            return None
        action = Action.RESOLVE
    if sent == action or (action is Action.TRIGGER and rung):
        return None
    # What was resolved before it was accepted, since nothing called for it, calls once the severity rises again.
    if sent == Action.RESOLVE and action is not Action.TRIGGER:
        return None
    if sent is None and action is Action.ACKNOWLEDGE and row.tries <= 1:
        return None
    return page, action
