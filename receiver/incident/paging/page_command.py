"""`/page @x "text"` in an incident: a person pages a contact by name. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from receiver.incident.log.command_errors import require_state
from receiver.incident.log.event_log import Transition
from receiver.incident.paging.escalation_steps import WAITING
from receiver.incident.paging.named_contacts import find_named
from receiver.incident.paging.page_responders import CALLED, page_recipients
from receiver.incident.paging.planned_pages import pagers_of
from receiver.incident.paging.policy import Policy
from receiver.model.base import rfc3339
from receiver.model.command import PageContact
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import State

AT_MOST_EVERY = timedelta(minutes=1)
"""Minimum time between two pages from one caller to one person."""
JUST_PAGED = "just_paged"
"""Why a person is not paged: the same caller has paged them less than a minute ago."""
NOTED = 200
"""Maximum number of characters of the text in the page itself."""


def run_page_command(draft: Transition, command: PageContact, policy: Policy, origin: str | None) -> None:
    """Page the people of the contact now, even if they were paged before and have not acknowledged.

    A person who has acknowledged gets a message in chat instead, and is paged only if there is no chat channel. Raises
    ImpossibleCommand for an unknown contact, IllegalCommand if the incident is over.
    """
    incident, caller = draft.incident, draft.actor.name
    named = find_named(command.contact, policy, incident.severity, draft.now, policy.called(incident).page)
    require_state(incident, "page", (*WAITING, State.MONITORING))
    name, recipients = named.name, named.recipients
    # Another team is notified in its own chat channel as well.
    others = tuple(to for to in named.view.informs if to not in policy.informs)
    everybody = {person for one in recipients for person in one.people}
    answered = everybody & _answered(incident, policy)
    passed = {person: at for person in everybody - answered if (at := _called_at(incident, caller, person, draft.now))}
    again = everybody - answered - passed.keys()
    wanted = [replace(one, people=tuple(person for person in one.people if person in again)) for one in recipients]
    # A new page replaces the previous one, which is resolved at the vendor.
    stale = list(dict.fromkeys(page.key for page in incident.unanswered if page.person in again))
    draft.add(
        Kind.NOTE,
        "page",
        f"{caller} pages {name}: {command.text}",
        {
            "by": caller, "contact": name, "text": command.text, "at": rfc3339(draft.now),
            **({"team": named.view.team} if named.view is not policy else {}),
            **({"people": sorted(answered)} if answered else {}), **({"withdrawn": stale} if stale else {}),
        },
        (*policy.informs, *others, *(pagers_of(incident) if stale else ())),
    )  # fmt: skip
    for person in sorted(passed):
        text = f"{person} of {name} is not paged again: {caller} paged them at {rfc3339(passed[person])}, less than"
        where = {"contact": name, "person": person}
        draft.add(Kind.PAGE_PASSED, JUST_PAGED, f"{text} {AT_MOST_EVERY.seconds} s ago", where)
    called = [one for one, before in zip(wanted, recipients, strict=True) if one.people or not before.people]
    note = f"{caller}: {command.text}"
    page_recipients(draft, policy, called, CALLED, again=again, note=_short(note), by=caller)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= NOTED else f"{line[: NOTED - 1]}…"


def _answered(incident: Incident, policy: Policy) -> set[str]:
    """Return the people who have acknowledged all of their pages, and can be reached in chat."""
    taker = policy.person_called(incident.acknowledged_by)
    waits = any(page.person == taker for page in incident.unanswered)
    return {taker} if taker and policy.informs and not waits else set()


def _called_at(incident: Incident, caller: str, person: str, now: datetime) -> datetime | None:
    """Return when `caller` paged `person` within the last minute; None: not in that time."""
    times = [
        page.at
        for page in incident.pages
        if (page.step, page.by, page.person) == (CALLED, caller, person) and now - page.at < AT_MOST_EVERY
    ]
    return max(times, default=None)
