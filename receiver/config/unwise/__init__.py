"""What is valid but unwise: warnings of `receiver check-config`, each at its place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from receiver.config.document import Document
from receiver.config.draft import Draft
from receiver.config.problems import Problem
from receiver.config.unwise import escalations, names, pagers, patterns, phones, reach, shifts
from receiver.triage.advice import advice
from receiver.triage.compared import compared
from receiver.triage.rules_file import RulesSettings


def in_rules(rules: RulesSettings, document: Document) -> Iterator[Problem]:
    """Yield what is unwise in severity rules."""
    for found in chain(advice(rules), compared(rules)):
        yield document.problem(found.path, found.text, at_key=isinstance(found.path[-1], str))
    yield from patterns.unwise(document)


def in_config(draft: Draft, now: datetime) -> Iterator[Problem]:
    """Yield what is unwise in a configuration without mistakes; `now` is from when on schedules are looked at."""
    yield from patterns.unwise(draft.document)
    yield from names.unwise(draft)
    yield from reach.unwise(draft)
    yield from pagers.unwise(draft)
    yield from phones.unwise(draft)
    yield from escalations.unwise(draft)
    yield from shifts.unwise(draft, now)
