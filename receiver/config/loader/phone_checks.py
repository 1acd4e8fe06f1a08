"""Checks of the settings that pages on phones need, and of those that responses need."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from receiver.channels import discover
from receiver.channels.base import is_set
from receiver.channels.gammu import Gammu, GammuSettings
from receiver.channels.ntfy.channel import Answers, NtfySettings
from receiver.channels.pagerduty import PagerDutySettings
from receiver.channels.sms_text import NUMBER
from receiver.channels.twilio.channel import Twilio, TwilioSettings
from receiver.config.config_errors import Path, Problem, one_of
from receiver.config.loader.config_draft import Draft
from receiver.config.loader.team_checks import team_drafts
from receiver.model.oncall.personal_rules import RuleStep
from receiver.model.oncall.schedule_settings import Person

PUBLIC_SERVER = "ntfy.sh"
"""A server on which anyone may read and write a topic whose name they know."""


def problems(draft: Draft) -> Iterator[Problem]:
    """Yield the errors in channels that page phones."""
    for name, settings in draft.sections.channels.items():
        if isinstance(settings, NtfySettings):
            yield from _ntfy(draft, name, settings)
    yield from _rules(draft)
    yield from _dead_man(draft)
    for one in (draft, *(team for _, team in team_drafts(draft))):
        yield from _services(one)
    yield from _numbers(draft)


def _numbers(draft: Draft) -> Iterator[Problem]:
    by_number = (GammuSettings, TwilioSettings)
    modems = {name for name, settings in draft.sections.channels.items() if isinstance(settings, by_number)}
    for key, person in draft.sections.people.items():
        for road, address in person.addresses.items():
            text = address.get_secret_value()
            if text and road in {*modems, Gammu.kind, Twilio.kind} and not NUMBER.fullmatch(text):
                path: Path = ("people", key, road)
                yield draft.document.problem(
                    path, "not a telephone number", "write it with its country code, as in +15550101"
                )


def _services(draft: Draft) -> Iterator[Problem]:
    every = draft.sections.channels
    pagers = sorted(name for name, settings in every.items() if isinstance(settings, PagerDutySettings))
    for name, contact in draft.sections.contacts.items():
        path: Path = ("contacts", name)
        known = contact.channel in every or contact.channel not in draft.names("channels")
        if contact.channel is not None and contact.channel not in pagers and known:
            message = f"no channel of kind pagerduty is named {contact.channel!r:.60}"
            yield draft.document.problem((*path, "channel"), message, one_of(contact.channel, pagers))
        if contact.pagerduty_service is not None and len(pagers) != 1 and draft.names("channels") == set(every):
            message = f"there are {len(pagers)} channels of kind pagerduty"
            hint = "write {channel: NAME, service: KEY}"
            yield draft.document.problem((*path, "pagerduty_service"), message, hint, at_key=True)
        if contact.routing_key is not None and not is_set(contact.routing_key):
            field = "service" if contact.service is not None else "pagerduty_service"
            yield draft.document.problem((*path, field), "empty, so no one is paged", "set the variable")


def _dead_man(draft: Draft) -> Iterator[Problem]:
    switch = draft.sections.heartbeat.ntfy
    if switch is None:
        return
    channel = draft.sections.channels.get(switch.channel)
    able = {name for name, settings in draft.sections.channels.items() if isinstance(settings, NtfySettings)}
    if switch.channel not in draft.names("channels") or (channel is not None and switch.channel not in able):
        message = f"no channel of kind ntfy is named {switch.channel!r:.60}"
        yield draft.document.problem(("heartbeat", "ntfy", "channel"), message, one_of(switch.channel, able))


def _rules(draft: Draft) -> Iterator[Problem]:
    kinds = discover()
    for key, person in draft.sections.people.items():
        for path, step in steps_of(key, person):
            settings = draft.sections.channels.get(step.by)
            if step.how is not None and settings is not None and not isinstance(settings, TwilioSettings):
                message = f"a channel of kind {settings.kind} cannot choose between sms and call"
                yield draft.document.problem((*path, "how"), message, "remove it, or name a channel of kind twilio")
            if step.by not in draft.names("channels"):
                hint = one_of(step.by, draft.names("channels"))
                yield draft.document.problem((*path, "by"), f"no channel is named {step.by!r:.60}", hint)
            elif settings is not None and not kinds[settings.kind].paging:
                able = ", ".join(sorted(kind for kind, channel in kinds.items() if channel.paging))
                message = f"a channel of kind {settings.kind} cannot page"
                yield draft.document.problem((*path, "by"), message, f"name one of kind {able}")
            elif settings is not None and not person.address(step.by, settings.kind):
                message, hint = f"this person has no address on {step.by}", f"write {step.by}: ADDRESS"
                yield draft.document.problem((*path, "by"), message, hint)


def steps_of(key: str, person: Person) -> Iterator[tuple[Path, RuleStep]]:
    """Yield each step of a person's rules with its place."""
    rules = person.page_by
    listed = [((), rules)] if isinstance(rules, tuple) else [((name.value,), steps) for name, steps in rules.items()]
    for below, steps in listed:
        for index, step in enumerate(steps):
            yield ("people", key, "page_by", *below, index), step


def _ntfy(draft: Draft, name: str, settings: NtfySettings) -> Iterator[Problem]:
    path: Path = ("channels", name)
    host = urlsplit(settings.url).hostname or ""
    foreign = host == PUBLIC_SERVER or host.endswith(f".{PUBLIC_SERVER}")
    if foreign and not is_set(settings.token) and not settings.shared:
        said = f"anyone who knows a topic on {host} can read its pages and respond to them"
        hint = "reserve the topics and write token: TOKEN, or shared: true for short messages without buttons"
        yield draft.document.problem((*path, "url"), said, hint)
    if settings.answers is Answers.HOOK and not settings.shared and not draft.sections.service.public_url:
        hint = "write service: {public_url: https://...}, or answers: subscribe"
        yield draft.document.problem((*path, "answers"), "phones cannot reach this service without its address", hint)
