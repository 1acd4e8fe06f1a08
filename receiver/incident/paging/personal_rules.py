"""Personal notification rules: the channels that page a person at once, and later while no one answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.incident.log.event_log import Transition
from receiver.incident.paging.page_hours import within_page_hours
from receiver.incident.paging.page_keys import rule_key
from receiver.incident.paging.planned_pages import page_destination
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import address_of
from receiver.model.incident.event import Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.model.oncall.personal_rules import PersonalRule

WAITING = (State.OPEN, State.ACKNOWLEDGED, State.IDENTIFIED)
REASON = "personal_rule"


@dataclass(frozen=True)
class NextCall:
    """The next page of a rule."""

    first: Page
    """The page that started the rule."""
    rule: PersonalRule
    at: datetime
    round: int
    step: int

    @property
    def channel(self) -> str:
        """Its channel."""
        return self.rule.steps[self.step].channel


def personal_due(incident: Incident, policy: Policy) -> datetime | None:
    """Return when a personal rule pages next; None if no rule is active."""
    due = min((call.at for first in running(incident) for call in _left(incident, policy, first)[:1]), default=None)
    return within_page_hours(policy.called(incident), due)


def running(incident: Incident) -> Iterator[Page]:
    """Yield the page that started each active rule: it is unanswered and not withdrawn."""
    if incident.held is not None or incident.calling_state not in WAITING:
        return
    seen = set()
    for page in incident.pages:
        if page.rule is None or page.ring != incident.ring or (page.person, page.number) in seen:
            continue
        seen.add((page.person, page.number))
        if page.seq > incident.hushed and not page.withdrawn and page.called_for(incident.called):
            yield page


def page_further(draft: Transition, policy: Policy) -> None:
    """Page people by the due steps. Overdue steps are made up for once per channel, not once per step."""
    for first in list(running(draft.incident)):
        due = [call for call in _left(draft.incident, policy, first) if call.at <= draft.now]
        latest = {call.channel: call for call in due}
        for call in due:
            if latest[call.channel] is call:
                _page(draft, policy, call)


def _left(incident: Incident, policy: Policy, first: Page) -> list[NextCall]:
    # The steps after the last page whose channel still has an address of this person.
    rule = first.rule
    assert rule is not None  # noqa: S101  (`running` yields no other)
    made = [
        (page.round, page.rule_step)
        for page in incident.pages
        if page.rule_step is not None and page.ring == first.ring
        if (page.person, page.number) == (first.person, first.number)
    ]
    calls = rule.calls()
    reached = max((index for index, (_, number, step) in enumerate(calls) if (number, step) in made), default=-1)
    return [
        NextCall(first, rule, first.at + timedelta(seconds=after), number, step)
        for after, number, step in calls[reached + 1 :]
        if address_of(policy, first.person, rule.steps[step].channel)
    ]


def _page(draft: Transition, policy: Policy, call: NextCall) -> None:
    first, channel = call.first, call.channel
    address = address_of(policy, first.person, channel)
    if address is None:
        return
    base = first.base or first.key
    page = Page(
        key=rule_key(base, policy.pagers, channel, call.step, call.round), base=base, channel=channel,
        person=first.person, contact=first.contact, address=address, step=first.step, ring=first.ring, at=draft.now,
        number=first.number, note=first.note, by=first.by, rule_step=call.step, round=call.round,
        how=call.rule.steps[call.step].how,
    )  # fmt: skip
    minutes = (call.at - first.at).total_seconds() / 60
    again = f", round {call.round + 1}" if call.round else ""
    said = f"because no one has responded for {minutes:g} min (step {call.step + 1}{again})"
    means = f"{channel} ({page.how})" if page.how else channel
    text = f"{page.person} is paged by {means} {said}"
    draft.add(Kind.PAGE, REASON, text, {"page": page.model_dump(mode="json")}, (page_destination(page),))
