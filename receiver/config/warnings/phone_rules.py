"""Warnings about addresses that a stranger can guess, and about personal rules with late or useless steps."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.channels import discover
from receiver.channels.pagerduty import PagerDuty
from receiver.channels.twilio.channel import TwilioSettings
from receiver.config.alertmanager_file.prometheus_durations import duration_text
from receiver.config.config_errors import Path, Problem
from receiver.config.loader.config_draft import Draft
from receiver.config.loader.phone_checks import steps_of
from receiver.model.oncall.schedule_settings import Person
from receiver.model.severity import Severity


def unwise(draft: Draft) -> Iterator[Problem]:
    """Yield warnings about how people are paged on their phones."""
    yield from _guessed(draft)
    yield from _late(draft)
    yield from _in_vain(draft)
    yield from _unanswerable(draft)


def _unanswerable(draft: Draft) -> Iterator[Problem]:
    for name, settings in draft.sections.channels.items():
        if isinstance(settings, TwilioSettings) and not draft.sections.service.public_url:
            said = "responses cannot come back: Twilio does not know this service's address"
            yield draft.document.problem(("channels", name), said, "write service: {public_url: https://...}")


def _guessed(draft: Draft) -> Iterator[Problem]:
    # The address itself is in no message.
    kinds = discover()
    least = {name: kinds[settings.kind].least_address for name, settings in draft.sections.channels.items()}
    least |= {settings.kind: kinds[settings.kind].least_address for settings in draft.sections.channels.values()}
    for key, person in draft.sections.people.items():
        for road, address in person.addresses.items():
            length = len(address.get_secret_value())
            if 0 < length < least.get(road, 0):
                said = f"an address of {length} characters, which a stranger can guess"
                hint = f"write a name and random characters, {least[road]} or more in all"
                yield draft.document.problem(("people", key, road), said, hint)


def _late(draft: Draft) -> Iterator[Problem]:
    people = draft.sections.people
    for key, severity, contact in _called(draft):
        within = draft.sections.severities[severity].respond_within
        target = draft.sections.contacts[contact]
        schedule = draft.sections.schedules.get(target.schedule or "")
        if schedule is not None and schedule.respond_within is not None:
            within = schedule.respond_within
        wanted = people[key].steps_for(severity)
        for path, step in steps_of(key, people[key]):
            if step.after > within and step in wanted and _counts(path, people[key], severity):
                said = f"comes after the response time of {contact} for {severity} ({duration_text(within)})"
                hint = "the backup is paged by then: write a shorter after"
                yield draft.document.problem((*path, "after"), said, hint)


def _called(draft: Draft) -> Iterator[tuple[str, Severity, str]]:
    seen = set()
    for severity, policy in draft.sections.severities.items():
        for contact in policy.page:
            for key in draft.members(contact):
                if key in draft.sections.people and (key, severity) not in seen:
                    seen.add((key, severity))
                    yield key, severity, contact


def _counts(path: Path, person: Person, severity: Severity) -> bool:
    # A list for this severity precedes the default.
    if isinstance(person.page_by, tuple):
        return True
    own = severity.value in {name.value for name in person.page_by}
    return path[3] == (severity.value if own else "default")


def _in_vain(draft: Draft) -> Iterator[Problem]:
    kinds = {name: settings.kind for name, settings in draft.sections.channels.items()}
    for key, person in draft.sections.people.items():
        steps = [step for _, step in steps_of(key, person)]
        if person.repeat is not None and all(kinds.get(step.by) == PagerDuty.kind for step in steps):
            said = "PagerDuty merges a repetition into the open page, so nothing is repeated"
            hint = "set the repetition in PagerDuty's own notification rules"
            yield draft.document.problem(("people", key, "repeat"), said, hint)
