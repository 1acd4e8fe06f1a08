"""Who is paged and informed by a decision: the events that say so."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.incident.audience import Policy, destination, informed, pages
from receiver.incident.journal import Draft
from receiver.model.event import Kind
from receiver.model.incident import Page


def adopt(draft: Draft, adopted: Sequence[Page]) -> None:
    """Write down pages that were sent while the store was away: nobody is paged twice, each gets its resolve."""
    known = {page.key for page in draft.incident.pages}
    for page in adopted:
        if page.key not in known:
            draft.add(
                Kind.EMERGENCY_PAGED,
                "emergency",
                f"{page.person} was paged while the store was away",
                {"page": page.model_dump(mode="json")},
                (destination(page),),
            )


def summon(draft: Draft, policy: Policy, step: str) -> None:
    """Page and inform whom the incident's severity calls for, and say who is passed over and why."""
    incident = draft.incident
    wanted = policy.directory.severity(incident.severity).page
    made, passed = pages(
        policy,
        wanted,
        key=incident.key,
        episode=incident.episode,
        ring=incident.ring,
        paged=incident.pages,
        step=step,
        now=draft.now,
    )
    for page in made:
        draft.add(
            Kind.PAGE,
            step,
            f"{page.person} is paged for {page.contact}",
            {"page": page.model_dump(mode="json")},
            (destination(page),),
        )
    for one in passed:
        who = one.person or "nobody"
        text = f"{who} of {one.contact} is not paged: {one.reason.replace('_', ' ')}"
        loud = one.reason != "already_paged"
        data = {"contact": one.contact, "person": one.person}
        draft.add(Kind.PAGE_PASSED, one.reason, text, data, policy.informs if loud else ())
    people = informed(policy, incident.severity, draft.incident, draft.now)
    if people:
        draft.add(Kind.NOTIFY, step, f"informed: {', '.join(people)}", {"people": list(people)}, policy.informs)
