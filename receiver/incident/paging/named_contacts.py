"""Resolves a paged name: a contact, a contact of another team (`payments/on-call`), or a team. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.incident.log.command_errors import ImpossibleCommand
from receiver.incident.name_lookup import find_name
from receiver.incident.paging.policy import Policy
from receiver.incident.paging.recipients import Recipient, find_recipients
from receiver.model.severity import Severity


@dataclass(frozen=True)
class Named:
    """The resolved name: as written in the configuration, the people, and the policy of their team."""

    name: str
    recipients: tuple[Recipient, ...]
    view: Policy


def find_named(text: str, policy: Policy, severity: Severity, now: datetime, fallback: Iterable[str] = ()) -> Named:
    """Return the recipients named `text`, with or without @; a contact of the incident's team comes before a team.

    For a team, these are the contacts that it pages for `severity`, else for a worse one. Raises ImpossibleCommand.
    """
    name, contacts = text.strip().removeprefix("@"), policy.directory.contacts
    names = [team for team in policy.teams if team]
    if name in contacts:
        return Named(name, tuple(find_recipients(policy, (name,), now, fallback)), policy)
    team, stroke, contact = name.partition("/")
    if team in names:
        view = policy.teams[team]
        wanted = (find_name(contact, view.directory.contacts, "contact"),) if stroke else _paged(view, severity)
        if not wanted:
            raise ImpossibleCommand(f"team {team} pages no one: name one of its contacts, such as {team}/CONTACT")
        found = find_recipients(view, wanted, now)
        return Named(name, tuple(replace(one, contact=f"{team}/{one.contact}") for one in found), view)
    known = find_name(text, {*contacts, *names}, "contact")
    return find_named(known, policy, severity, now, fallback)


def _paged(view: Policy, severity: Severity) -> tuple[str, ...]:
    plans = view.plan.severities
    for one in sorted(plans, key=lambda level: (level.rank > severity.rank, -level.rank)):
        if plans[one].page:
            return plans[one].page
    return next((plans[one].notify for one in sorted(plans, key=lambda level: level.rank) if plans[one].notify), ())
