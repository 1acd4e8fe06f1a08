"""Hands an incident to another team: that team is paged, and the pages of the previous team end. Pure.

No one is paged twice: an open page to a person whom the new team pages too stays as it is.
"""

from __future__ import annotations

from typing import Any

from receiver.incident.log.command_errors import IllegalCommand, ImpossibleCommand, require_state
from receiver.incident.log.event_log import Transition
from receiver.incident.name_lookup import find_name
from receiver.incident.paging.escalation_steps import WAITING
from receiver.incident.paging.page_responders import page_responders
from receiver.incident.paging.planned_pages import page_destination
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import people_of
from receiver.model.command import ChangeTeam
from receiver.model.incident.business_hours import add_business_time
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import CALLED, Page
from receiver.model.incident.policy_snapshot import ContactMethod, NotifiedContact, Plan
from receiver.model.incident.state import State

REASON = "reassigned"
"""The step of the pages to the new team."""
TOP_LEVEL = ("top-level", "toplevel", "none")
"""Names for the top level of the configuration."""


def find_team(text: str, policy: Policy) -> str:
    """Return the team named `text`, "" for the top level. Raises ImpossibleCommand with the nearest name."""
    names = [name for name in policy.teams if name]
    word = text.strip().removeprefix("@")
    if not names:
        raise ImpossibleCommand("the configuration has no teams (write teams: in it)")
    if not word or (word.lower() in TOP_LEVEL and word not in names):
        return ""
    return find_name(text, names, "team")


def change_team(draft: Transition, command: ChangeTeam, policy: Policy, origin: str | None) -> None:
    """Hand the incident over and page the new team; does nothing if that team owns it already.

    Raises ImpossibleCommand for a team that does not exist, IllegalCommand if the incident is over.
    """
    incident, by = draft.incident, draft.actor.name
    name = find_team(command.team, policy)
    require_state(incident, "hand over", (*WAITING, State.MONITORING))
    if incident.storm:
        raise IllegalCommand(incident, "hand over", "it represents an alert storm: hand over its incidents instead")
    if name == incident.team:
        return
    view = policy.for_team(name)
    plan = view.opening_plan(draft.now).model_copy(update={"marks": incident.plan.marks})
    called = plan.severities[incident.severity]
    wanted = {person: contact for contact in called.page for person in people_of(view, contact, draft.now)[0]}
    taken = _has_it(incident, policy, wanted)
    live = [page for page in incident.pages if page.ring == incident.ring and not page.withdrawn]
    kept = [page for page in live if _stays(page, incident, wanted, taken=taken)]
    stale = [page for page in live if page not in kept]
    calls = incident.state is not State.MONITORING and not taken
    waiting = [
        _waits(view, plan, wanted[page.person], incident, draft) for page in kept if calls and page.person in wanted
    ]
    before, after = _called(incident.team), _called(name)
    text = f"handed over from {before} to {after} by {by}" + (f": {command.text}" if command.text else "")
    data = {
        "by": by, "team": name, "before": incident.team, "taken": taken, "text": command.text,
        "withdrawn": [page.key for page in stale], "waiting": waiting,
        "plan": plan.model_dump(mode="json"), "plan_before": incident.plan.model_dump(mode="json"),
    }  # fmt: skip
    to = dict.fromkeys((*policy.informs, *view.informs, *(page_destination(page) for page in stale)))
    draft.add(Kind.TEAM_CHANGED, REASON, text, data, tuple(to))
    _seal(draft, name, policy)
    if calls:
        page_responders(draft, view, REASON)


def _seal(draft: Transition, team: str, policy: Policy) -> None:
    """Make the incident private if those of its new team are. It never becomes public automatically."""
    private, others = policy.guarded(draft.incident.labels, team)
    if private and not draft.incident.private:
        text = f"only team {team} and callers without a team limit can see it now: that team's incidents are private"
        data = {"by": draft.actor.name, "private": True, "visible_to": list(others), "posted": []}
        draft.add(Kind.VISIBILITY, "private", text, data)


def _waits(view: Policy, plan: Plan, contact: str, incident: Incident, draft: Transition) -> dict[str, Any]:
    # Its page is already open; from now on it counts toward the response time of the contact, like a new one.
    called = plan.severities[incident.severity]
    seconds = view.directory.answers_within(contact) or called.respond
    due = add_business_time(draft.now, seconds, called.hours, plan.zone)
    reach = NotifiedContact(contact=contact, way=ContactMethod.PAGE, at=draft.now, due=due, ring=incident.ring)
    return reach.model_dump(mode="json")


def _called(team: str) -> str:
    return f"team {team}" if team else "the top level"


def _has_it(incident: Incident, policy: Policy, wanted: dict[str, str]) -> bool:
    """Return whether the new team would page the person who acknowledged it."""
    return incident.acknowledged_by is not None and policy.person_called(incident.acknowledged_by) in wanted


def _stays(page: Page, incident: Incident, wanted: dict[str, str], *, taken: bool) -> bool:
    if page.person in wanted:
        return taken or page.seq > incident.hushed  # otherwise it is answered, and this person must be paged again
    # A third team that was paged stays involved.
    return page.step == CALLED and "/" in page.contact and not page.contact.startswith(f"{incident.team}/")
