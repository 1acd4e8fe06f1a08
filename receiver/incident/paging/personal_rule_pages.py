"""The first pages of a personal notification rule. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from receiver.incident.paging.page_keys import PAGERDUTY, rule_key
from receiver.model.incident.page import Page
from receiver.model.oncall.personal_rules import FrozenStep, PersonalRule
from receiver.model.oncall.schedule_settings import Person
from receiver.model.severity import Severity

Addresses = Iterable[tuple[str, str]]
"""Name and address, or name and kind, of channels."""


def rule_of(person: Person, addresses: Addresses, pagers: Addresses, severity: Severity | None) -> PersonalRule | None:
    """Return the rule of `person` for `severity`, without steps that have no address; None: there is none.

    `addresses`: the channels by which this person can be paged, with the address; `pagers`: the kinds of channels.
    """
    able, kinds = dict(addresses), dict(pagers)
    steps = tuple(
        FrozenStep(
            after=step.after.total_seconds(), channel=step.by, how=step.how or "", once=kinds[step.by] == PAGERDUTY
        )
        for step in person.steps_for(severity)
        if step.by in able
    )
    if not steps:
        return None
    repeat = person.repeat
    times, every = (repeat.times, repeat.every.total_seconds()) if repeat else (0, 0.0)
    return PersonalRule(steps=steps, times=times, every=every)


def pages_by_rule(
    rule: PersonalRule,
    addresses: Addresses,
    pagers: Addresses,
    base: str,
    page: Callable[..., Page],
    *,
    every_step: bool,
) -> list[Page]:
    """Return the pages of the first steps, or of `every_step` of the first round; `base`: their common key.

    `page` creates one from the fields that differ.
    """
    address_of, first = dict(addresses), rule.steps[0].after
    return [
        page(
            key=rule_key(base, pagers, one.channel, index, 0), base=base, channel=one.channel,
            address=address_of[one.channel], rule=rule, rule_step=index, how=one.how,
        )
        for index, one in enumerate(rule.steps)
        if every_step or one.after <= first
    ]  # fmt: skip
