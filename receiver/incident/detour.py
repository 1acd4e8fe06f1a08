"""The second road of a page whose channel is away: a mention in chat, an e-mail. Pure."""

from __future__ import annotations

from receiver.incident.audience import Policy, letters
from receiver.incident.journal import Draft
from receiver.model.event import Destination, Kind
from receiver.model.incident import Page
from receiver.model.severity import Severity


def roads(policy: Policy, severity: Severity, person: str) -> tuple[Destination, ...]:
    """Return where `person` is called by the second road of `severity`; everywhere that informs, without one.

    The way of the configuration in force counts: the incident's own was made for a time when the pager answered.
    """
    settings = policy.directory.severities.get(severity)
    named = settings.second_road if settings is not None else ()
    found = [to for to in (*policy.informs, *letters(policy, (person,))) if to.channel in named]
    return tuple(found) or policy.informs


def detour(draft: Draft, policy: Policy, page: Page, reason: str) -> None:
    """Say that `page` is not through, and call its person by the second road."""
    to = roads(policy, draft.incident.severity, page.person)
    names = ", ".join(dict.fromkeys(one.channel for one in to))
    way = f"goes by {names}" if names else "is tried on, for no other channel could take it"
    text = (
        f"{page.channel} cannot be reached ({reason.replace('_', ' ')}): the page to {page.person} for {page.contact} "
        f"{way}; please acknowledge"
    )
    draft.add(Kind.SECOND_ROAD, reason, text, {"page": page.model_dump(mode="json")}, to)
