"""The configuration as a team sees it: the team's own settings override those of the top level. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from receiver.channels.base import ChannelSettings
from receiver.channels.pagerduty import PagerDuty
from receiver.incident.oncall.contact_directory import ContactDirectory, service_key
from receiver.model.oncall.schedule_settings import Contact, Person, Schedule
from receiver.model.oncall.team_settings import Team, schedule_name
from receiver.model.severity import Severity
from receiver.model.severity_policy import Audience, Escalation, SeveritySettings


class Written(Protocol):
    """The sections that make up directories."""

    @property
    def people(self) -> Mapping[str, Person]: ...  # noqa: D102
    @property
    def contacts(self) -> Mapping[str, Contact]: ...  # noqa: D102
    @property
    def schedules(self) -> Mapping[str, Schedule]: ...  # noqa: D102
    @property
    def severities(self) -> Mapping[Severity, SeveritySettings]: ...  # noqa: D102
    @property
    def escalations(self) -> Mapping[str, Escalation]: ...  # noqa: D102
    @property
    def audiences(self) -> tuple[Audience, ...]: ...  # noqa: D102
    @property
    def teams(self) -> Mapping[str, Team]: ...  # noqa: D102
    @property
    def channels(self) -> Mapping[str, ChannelSettings]: ...  # noqa: D102


def top_level_directory(config: Written) -> ContactDirectory:
    """Return the directory of the top level, with the schedules of every team by their full names."""
    schedules = dict(config.schedules)
    for name, team in config.teams.items():
        schedules |= {schedule_name(name, key): schedule for key, schedule in team.schedules.items()}
    return ContactDirectory(
        people={**config.people, **_services(config)},
        contacts=config.contacts,
        schedules=schedules,
        severities=config.severities,
        escalations=config.escalations,
        audiences=config.audiences,
        own=tuple(config.schedules) if config.teams else None,
    )


def team_directory(config: Written, name: str, top: ContactDirectory | None = None) -> ContactDirectory:
    """Return the directory of the team `name`: its names override those of the top level, severities key by key.

    For an unknown team, and for "", it is that of the top level. `top`: that of the top level, if it is known.
    """
    top = top_level_directory(config) if top is None else top
    team = config.teams.get(name)
    if team is None:
        return top
    renamed = {key: schedule_name(name, key) for key in team.schedules}
    contacts = {key: _retargeted(contact, renamed) for key, contact in {**config.contacts, **team.contacts}.items()}
    severities = {
        severity: team.severities[severity].over(settings) if severity in team.severities else settings
        for severity, settings in config.severities.items()
    }
    if team.page_hours is not None:
        severities = {severity: _by_day(settings, severity, team) for severity, settings in severities.items()}
    own = tuple(renamed.values()) or tuple(config.schedules)
    return replace(
        top,
        contacts=contacts,
        severities=severities,
        escalations={**config.escalations, **team.escalations},
        services={key: f"{name}/{key}" for key, contact in team.contacts.items() if contact.routing_key is not None},
        own=own,
    )


def _by_day(settings: SeveritySettings, severity: Severity, team: Team) -> SeveritySettings:
    written = severity in team.severities and "page_hours" in team.severities[severity].model_fields_set
    alone = severity is Severity.SEV1 or written
    return settings if alone else settings.model_copy(update={"page_hours": team.page_hours})


def _retargeted(contact: Contact, renamed: Mapping[str, str]) -> Contact:
    # A contact of the top level that names a schedule which the team has as well means the team's.
    change: dict[str, object] = {}
    if contact.schedule is not None and contact.schedule in renamed:
        change["schedule"] = renamed[contact.schedule]
    backup = contact.backup
    if backup is not None and backup.schedule is not None and backup.schedule in renamed:
        change["backup"] = backup.model_copy(update={"schedule": renamed[backup.schedule]})
    return contact.model_copy(update=change) if change else contact


def _services(config: Written) -> dict[str, Person]:
    # PagerDuty services as people: each is paged like a person.
    only = next((name for name, one in config.channels.items() if one.kind == PagerDuty.kind), "")
    every = dict(config.contacts)
    for team, settings in config.teams.items():
        every |= {f"{team}/{name}": contact for name, contact in settings.contacts.items()}
    return {
        service_key(name): Person(name=name, addresses={contact.channel or only: key})
        for name, contact in every.items()
        if (key := contact.routing_key) is not None
    }
