"""All warnings of `receiver check-config`, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice

from receiver.config.config_errors import MOST, Problem
from receiver.config.loader.config_draft import Draft
from receiver.config.loader.team_checks import shared, team_drafts
from receiver.config.warnings import (
    components,
    escalation_steps,
    phone_rules,
    regexes,
    routing_keys,
    shifts,
    token_expiry,
    unreachable_contacts,
    unreachable_notifications,
    unused_names,
)
from receiver.config.yaml.yaml_document import Document
from receiver.triage.lint.rule_conflicts import compared
from receiver.triage.lint.rule_warnings import advice
from receiver.triage.rules.rules_file import RulesSettings


def in_rules(rules: RulesSettings, document: Document) -> Iterator[Problem]:
    """Yield warnings about severity rules."""
    for found in chain(advice(rules), compared(rules)):
        yield document.problem(found.path, found.text, at_key=isinstance(found.path[-1], str))
    yield from regexes.unwise(document)


def in_config(draft: Draft, now: datetime) -> Iterator[Problem]:
    """Yield warnings about a configuration without errors; schedules are checked from `now` on."""
    yield from regexes.unwise(draft.document)
    yield from unused_names.unwise(draft)
    yield from unreachable_contacts.unwise(draft)
    yield from unreachable_notifications.unwise(draft)
    yield from components.unwise(draft)
    yield from routing_keys.unwise(draft)
    yield from phone_rules.unwise(draft)
    yield from escalation_steps.unwise(draft)
    yield from shifts.unwise(draft, now)
    yield from token_expiry.unwise(draft, now)
    yield from islice(shared(draft), MOST)
    for _, team in team_drafts(draft):
        yield from unreachable_contacts.unwise(team)
        yield from unreachable_notifications.unwise(team)
        yield from shifts.unwise(team, now)
