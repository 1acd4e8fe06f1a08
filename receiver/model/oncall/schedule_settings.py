"""Who is paged and when: people, contacts and schedules. Defaults are those of docs/process.md.

receiver.config checks names (of people, contacts, schedules, channels) against each other, because it knows their
position in the file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from receiver.model.base import Kept
from receiver.model.oncall.personal_rules import Repeat, RuleFor, RuleStep, check_steps
from receiver.model.oncall.rotation_settings import DAYS as DAYS
from receiver.model.oncall.rotation_settings import Change as Change
from receiver.model.oncall.rotation_settings import Hours as Hours
from receiver.model.oncall.rotation_settings import Layer as Layer
from receiver.model.oncall.rotation_settings import Line as Line
from receiver.model.oncall.rotation_settings import Rota as Rota
from receiver.model.oncall.rotation_settings import Rotation as Rotation
from receiver.model.oncall.rotation_settings import check_weekly as check_weekly
from receiver.model.oncall.rotation_settings import parse_handoff as parse_handoff
from receiver.model.setting_values import PositiveDuration, ZoneName
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity
from receiver.model.wall_clock import When, check_span


def _none_without(value: Any) -> Any:
    return None if value == "" else value


class Vacation(Settings):
    """A time in which a person is away."""

    model_config = ConfigDict(populate_by_name=True)

    from_: When = Field(alias="from")
    """The first day, or the start time."""
    until: When
    """The last day, or the end time."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        check_span(self.from_, self.until)
        return self


class Person(Settings):
    """A person who can be paged or notified."""

    gathers: ClassVar[str] = "addresses"
    """Every key that is not a field is an address: the name or kind of a channel, and the address there."""

    name: str = Field(min_length=1)
    """The person's name in messages."""
    timezone: Annotated[ZoneName | None, BeforeValidator(_none_without)] = None
    """The person's time zone, for displayed times and for `vacations`; none: `service.timezone`."""
    oidc_subject: Annotated[str | None, BeforeValidator(_none_without)] = None
    """The `sub` of this person at the provider of `auth.oidc`; it takes precedence over the email address."""
    vacations: tuple[Vacation, ...] = ()
    """When this person is away: the next person in a rotation takes over. Default time zone: that of the schedule."""
    page_by: tuple[RuleStep, ...] | dict[RuleFor, tuple[RuleStep, ...]] = ()
    """Channels that page this person, in order until the person responds: a list, or a list for `default` and one per
    severity. None: at once through all paging channels for which the person has an address."""
    repeat: Repeat | None = None
    """Additional rounds of `page_by`; none: one round."""
    addresses: dict[str, SecretStr] = {}
    """Address, by name or kind of a channel. Secret, because for a pager it is a routing key."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = {key: item for key, item in value.items() if key in cls.model_fields}
        found = {key: item for key, item in value.items() if key not in cls.model_fields}
        return {**known, "addresses": {**known.get("addresses", {}), **found}} if found else value

    @model_validator(mode="after")
    def _rules(self) -> Self:
        rules = self.page_by.values() if isinstance(self.page_by, dict) else [self.page_by] if self.page_by else []
        for steps in rules:
            check_steps(steps)
        if self.repeat is not None and not self.page_by:
            raise ValueError("nothing is repeated (write page_by: [{after: 0s, by: CHANNEL}])")
        return self

    def steps_for(self, severity: Severity | None) -> tuple[RuleStep, ...]:
        """Return the channels by which this person is paged for `severity`; empty: all at once."""
        if not isinstance(self.page_by, dict):
            return self.page_by
        default = self.page_by.get(RuleFor.DEFAULT, ())
        return default if severity is None else self.page_by.get(RuleFor(severity.value), default)

    def address(self, channel: str, kind: str) -> str | None:
        """Return the address on the channel with that name, else on any of that kind; None if there is none."""
        for key in (channel, kind):
            if key in self.addresses and self.addresses[key].get_secret_value():
                return self.addresses[key].get_secret_value()
        return None


class Target(Settings):
    """The people of a contact: exactly one of a schedule, a person and a group."""

    schedule: str | None = None
    """A key of `schedules`: the person on call there."""
    person: str | None = None
    """A key of `people`."""
    people: tuple[str, ...] = ()
    """Keys of `people`: all of them."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum((self.schedule is not None, self.person is not None, bool(self.people))) != 1:
            raise ValueError("must name one target (write exactly one of schedule, person and people)")
        return self


class Contact(Target):
    """A role that pages and messages are addressed to."""

    channel: str | None = None
    """With `service`: a key of `channels`, of kind pagerduty."""
    service: SecretStr | None = None
    """Instead of people: the routing key of a PagerDuty service, which uses its own schedule."""
    pagerduty_service: SecretStr | None = None
    """The same, if there is only one channel of kind pagerduty."""
    backup: Target | None = None
    """Who is paged when this contact has not acknowledged within `respond_within`."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        keys = [self.service is not None, self.pagerduty_service is not None]
        if sum((self.schedule is not None, self.person is not None, bool(self.people), *keys)) != 1:
            raise ValueError("must name one target (write one of schedule, person, people and service)")
        if (self.channel is not None) != (self.service is not None):
            raise ValueError("channel and service belong together (write {channel: pager, service: KEY})")
        return self

    @property
    def routing_key(self) -> SecretStr | None:
        """The routing key of its PagerDuty service; None if the contact consists of people."""
        return self.service if self.service is not None else self.pagerduty_service


class Planned(Settings):
    """A temporary replacement of the person on call, planned in the configuration."""

    model_config = ConfigDict(populate_by_name=True)

    person: str
    """A key of `people`."""
    from_: When = Field(alias="from")
    """The first day, or the start time; without an offset, in the schedule's `timezone`."""
    until: When
    """The last day, or the end time."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        check_span(self.from_, self.until)
        return self


class Override(Kept):
    """A temporary replacement of the person on call, made at run time. Times are in UTC."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    schedule: str
    """A key of `schedules`."""
    person: str
    """A key of `people`."""
    from_: datetime = Field(alias="from")
    until: datetime
    by: str
    """Who created it."""
    made_at: datetime
    """When it was created: of two that apply at the same time, the later one counts."""


class Schedule(Line):
    """An on-call schedule: layered rotations, then overrides."""

    layers: tuple[Layer, ...] = ()
    """Additional rotations; if several apply, the last one wins."""
    overrides: tuple[Planned, ...] = ()
    """Temporary replacements; the last one wins, and those made by command override all others."""
    handoff_channel: str | None = None
    """A key of `channels`: where the hand-off is posted; none: the chat of the schedule's team."""
    weekly_plan: bool | None = None
    """Whether the shifts of the next seven days are posted each Monday at 09:00 in the hand-off channel; none:
    only if that is the chat of its team."""
    user_groups: dict[str, str] = {}
    """For each key of `channels`: the user group in that channel whose only member is the person on call (Slack:
    `S...`)."""
    respond_within: PositiveDuration | None = None
    """Response time of the person on call; none: that of the severity."""

    @model_validator(mode="before")
    @classmethod
    def _zone(cls, value: Any) -> Any:
        # A layer has the zone of its schedule, unless it has its own.
        if not isinstance(value, dict) or not isinstance(value.get("layers"), list | tuple) or "timezone" not in value:
            return value
        zone = {"timezone": value["timezone"]}
        layers = [{**zone, **layer} if isinstance(layer, dict) else layer for layer in value["layers"]]
        return {**value, "layers": layers}

    @property
    def everybody(self) -> tuple[str, ...]:
        """Everyone who may be on call here at some time, each once."""
        lines: tuple[Line, ...] = (self, *self.layers)
        found = [person for line in lines for rota in (line, *line.rotations) for person in rota.people]
        return tuple(dict.fromkeys([*found, *(planned.person for planned in self.overrides)]))
