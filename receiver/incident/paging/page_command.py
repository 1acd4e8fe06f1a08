"""`/page @x "text"` in an incident: a person calls for somebody by name. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from receiver.incident.log.command_errors import require_state
from receiver.incident.log.event_log import Transition
from receiver.incident.name_lookup import find_name
from receiver.incident.paging.escalation import WAITING
from receiver.incident.paging.page_responders import CALLED, page_recipients
from receiver.incident.paging.recipients import Policy, find_recipients, pagers_of
from receiver.model.base import rfc3339
from receiver.model.command import PageContact
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident, State

AT_MOST_EVERY = timedelta(minutes=1)
"""Between two pages that one caller makes to one person (surfaces.md, Delivery)."""
JUST_PAGED = "just_paged"
"""Why somebody is not paged: the same caller has paged them less than a minute ago."""
NOTED = 200
"""Characters of the text that stand in the page itself."""


def run_page_command(draft: Transition, command: PageContact, policy: Policy, origin: str | None) -> None:
    """Page the people of the contact now, also when paged before and not yet acknowledged.

    A person who has acknowledged gets a message in chat instead, and is paged only where there is no chat. Raises
    Impossible for a contact that nobody has, Illegal where the incident is over.
    """
    name = find_name(command.contact, policy.directory.contacts, "contact")
    incident, caller = draft.incident, draft.actor.name
    require_state(incident, "page", (*WAITING, State.MONITORING))
    meant = find_recipients(policy, (name,), draft.now, policy.called(incident).page)
    everybody = {person for one in meant for person in one.people}
    told = everybody & _answered(incident, policy)
    passed = {person: at for person in everybody - told if (at := _called_at(incident, caller, person, draft.now))}
    again = everybody - told - passed.keys()
    wanted = [replace(one, people=tuple(person for person in one.people if person in again)) for one in meant]
    # A new page takes the place of the one before it, which ends at the vendor.
    stale = list(dict.fromkeys(page.key for page in incident.unanswered if page.person in again))
    draft.add(
        Kind.NOTE,
        "page",
        f"{caller} pages {name}: {command.text}",
        {
            "by": caller, "contact": name, "text": command.text, "at": rfc3339(draft.now),
            **({"people": sorted(told)} if told else {}), **({"withdrawn": stale} if stale else {}),
        },
        (*policy.informs, *(pagers_of(incident) if stale else ())),
    )  # fmt: skip
    for person in sorted(passed):
        text = f"{person} of {name} is not paged again: {caller} paged them at {rfc3339(passed[person])}, less than"
        where = {"contact": name, "person": person}
        draft.add(Kind.PAGE_PASSED, JUST_PAGED, f"{text} {AT_MOST_EVERY.seconds} s ago", where)
    called = [one for one, before in zip(wanted, meant, strict=True) if one.people or not before.people]
    note = f"{caller}: {command.text}"
    page_recipients(draft, policy, called, CALLED, again=again, note=_short(note), by=caller)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= NOTED else f"{line[: NOTED - 1]}…"


def _answered(incident: Incident, policy: Policy) -> set[str]:
    """Return who has acknowledged all that they were paged for, and can be told in chat."""
    taker = policy.person_called(incident.acknowledged_by)
    waits = any(page.person == taker for page in incident.unanswered)
    return {taker} if taker and policy.informs and not waits else set()


def _called_at(incident: Incident, caller: str, person: str, now: datetime) -> datetime | None:
    """Return when `caller` has paged `person` within the last minute; None: not at all."""
    times = [
        page.at
        for page in incident.pages
        if (page.step, page.by, page.person) == (CALLED, caller, person) and now - page.at < AT_MOST_EVERY
    ]
    return max(times, default=None)
