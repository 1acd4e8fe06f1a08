"""The fallback of a page whose channel is unavailable: another paging channel, chat, or email. Pure."""

from __future__ import annotations

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_keys import rule_key
from receiver.incident.paging.planned_pages import page_destination
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import address_of, email_destinations
from receiver.model.incident.event import Destination, Kind
from receiver.model.incident.page import CALLED, Page
from receiver.model.severity import Severity

STEP = "second_road"
"""The step of a page that replaces an undelivered one."""


def fallback_channels(policy: Policy, severity: Severity, person: str) -> tuple[Destination, ...]:
    """Return where `person` is paged through the fallback channels of `severity`; without any, all informing channels.

    The current configuration applies, not the incident's own snapshot, which dates from a time when the pager was
    available.
    """
    named = _named(policy, severity)
    found = [to for to in (*policy.informs, *email_destinations(policy, (person,))) if to.channel in named]
    return tuple(found) or policy.informs


def _named(policy: Policy, severity: Severity) -> tuple[str, ...]:
    settings = policy.directory.severities.get(severity)
    # A channel under both names is one.
    return tuple(dict.fromkeys((*settings.fallback_channels, *settings.second_road))) if settings else ()


def _pages(draft: Transition, policy: Policy, page: Page) -> list[Page]:
    # The paging channels of the fallback by which this person was not paged yet.
    tried = {
        one.channel
        for one in draft.incident.pages
        if (one.person, one.ring, one.withdrawn) == (page.person, page.ring, False)
    }
    step = page.step if page.step == CALLED else STEP  # a page that a person requested stays requested
    found = []
    for channel in _named(policy, draft.incident.severity):
        address = address_of(policy, page.person, channel)
        if address and channel not in tried:
            change = {"channel": channel, "address": address, "step": step, "at": draft.now, "seq": 0}
            key = rule_key(page.key, policy.pagers, channel, 0, 0)
            found.append(page.model_copy(update={**change, "key": key, "rule": None, "rule_step": None, "how": ""}))
    return found


def use_fallback_channels(draft: Transition, policy: Policy, page: Page, reason: str) -> None:
    """Record that `page` did not get through, and page its person through the fallback channels."""
    if page.step == STEP:
        return
    more = _pages(draft, policy, page)
    to = fallback_channels(policy, draft.incident.severity, page.person)
    names = ", ".join(dict.fromkeys((*(one.channel for one in more), *(one.channel for one in to))))
    way = f"sent by {names} instead" if names else "it is retried, because no other channel can send it"
    refused = reason == "client_error"
    why = "rejected" if refused else f"cannot be reached ({reason.replace('_', ' ')}):"
    text = f"{page.channel} {why} the page to {page.person} for {page.contact}; {way}; please acknowledge"
    draft.add(Kind.SECOND_ROAD, reason, text, {"page": page.model_dump(mode="json")}, to)
    for one in more:
        said = f"{one.person} is paged by {one.channel} because {page.channel} cannot be reached"
        draft.add(Kind.PAGE, STEP, said, {"page": one.model_dump(mode="json")}, (page_destination(one),))
