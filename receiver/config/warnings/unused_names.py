"""Warnings about unused names: people, schedules, contacts and escalations."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.config.config_errors import Problem
from receiver.config.loader.config_draft import Draft
from receiver.config.settings.whole_config import Sections
from receiver.model.oncall.schedule_settings import Contact, Target
from receiver.model.oncall.team_settings import Team


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield each name that is defined and never used."""
    sections, document = draft.sections, draft.document
    parts: list[Sections | Team] = [sections, *sections.teams.values()]
    named = {name for each in parts for name in _named(each)}
    named.update(contact for audience in sections.audiences for contact in audience.notify)
    contacts = [contact for each in parts for contact in each.contacts.values()]
    targets = [target for contact in contacts for target in _targets(contact)]
    people = {person for target in targets for person in _people(target)}
    rotas = [schedule for each in parts for schedule in each.schedules.values()]
    people.update(person for schedule in rotas for person in schedule.everybody)
    schedules = {target.schedule for target in targets}
    for key in sections.people:
        if key not in people:
            yield document.problem(("people", key), "no contact or schedule names this person", at_key=True)
    for key in sections.schedules:
        if key not in schedules:
            hint = f"write a contact, such as {key}-oncall: {{schedule: {key}}}"
            yield document.problem(
                ("schedules", key), "no contact uses this schedule: it pages no one", hint, at_key=True
            )
    called = {target for name in named if name in sections.contacts for target in _meant(sections.contacts[name])}
    for key, contact in sections.contacts.items():
        # A second name of a person who is paged anyway is useful for manual pages.
        if key not in named and not set(_meant(contact)) <= called:
            text = "no severity, escalation or audience names this contact: it is paged only manually"
            yield document.problem(("contacts", key), text, at_key=True)
    used = {policy.escalation for each in parts for policy in each.severities.values()}
    for key in sections.escalations if isinstance(draft.raw.get("escalations"), dict) else ():
        if key not in used:
            hint = f"write escalation: {key} under a severity"
            yield document.problem(("escalations", key), "no severity uses this escalation", hint, at_key=True)


def _named(part: Sections | Team) -> Iterator[str]:
    for policy in part.severities.values():
        yield from (*policy.page, *policy.notify)
    for escalation in part.escalations.values():
        for step in escalation.steps:
            yield from (*step.page, *step.notify)


def _targets(contact: Contact) -> list[Target]:
    return [contact, *([contact.backup] if contact.backup else [])]


def _people(target: Target) -> tuple[str, ...]:
    return target.people or ((target.person,) if target.person else ())


def _meant(contact: Contact) -> Iterator[str]:
    for target in _targets(contact):
        yield from (f"person {person}" for person in _people(target))
        if target.schedule is not None:
            yield f"schedule {target.schedule}"
