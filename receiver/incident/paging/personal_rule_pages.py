"""The pages that a personal notification rule begins with. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from receiver.incident.paging.page_keys import PAGERDUTY, rule_key
from receiver.model.incident.incident import Page
from receiver.model.oncall.personal_rules import FrozenStep, PersonalRule
from receiver.model.oncall.schedule_settings import Person
from receiver.model.severity import Severity

Roads = Iterable[tuple[str, str]]
"""Name and address, or name and kind, of channels."""


def rule_of(person: Person, roads: Roads, pagers: Roads, severity: Severity | None) -> PersonalRule | None:
    """Return the rule of `person` for `severity`, without steps that lead nowhere; None: there is none.

    `roads`: the channels by which this person can be paged, with the address; `pagers`: the kinds of channels.
    """
    able, kinds = dict(roads), dict(pagers)
    steps = tuple(
        FrozenStep(after=step.after.total_seconds(), channel=step.by, once=kinds[step.by] == PAGERDUTY)
        for step in person.steps_for(severity)
        if step.by in able
    )
    if not steps:
        return None
    repeat = person.repeat
    times, every = (repeat.times, repeat.every.total_seconds()) if repeat else (0, 0.0)
    return PersonalRule(steps=steps, times=times, every=every)


def pages_by_rule(
    rule: PersonalRule, roads: Roads, pagers: Roads, base: str, page: Callable[..., Page], *, every_step: bool
) -> list[Page]:
    """Return the pages of the steps that come first, or of `every_step` of the first round; `base`: their common key.

    `page` makes one, with all that is the same for each.
    """
    addresses, first = dict(roads), rule.steps[0].after
    return [
        page(
            key=rule_key(base, pagers, one.channel, index, 0), base=base, channel=one.channel,
            address=addresses[one.channel], rule=rule, rule_step=index,
        )
        for index, one in enumerate(rule.steps)
        if every_step or one.after <= first
    ]  # fmt: skip
