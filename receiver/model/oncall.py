"""Who is called and when: people, contacts and schedules.

Defaults are those of the seed's process document. Names (of people, contacts, schedules, channels) are checked
against each other by receiver.config, which knows where in the file they stand.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from receiver.model.settings import Settings
from receiver.model.units import PositiveDuration, ZoneName, parse_clock

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORTEST_SHIFT = timedelta(hours=1)
"""A clock change moves by an hour at most (today's zones): shorter shifts could end before they begin."""

_WHEN = re.compile(r"(?:([A-Za-z]+) +)?(\S+)")


def parse_handoff(text: str) -> tuple[int | None, time]:
    """Return weekday (0 is Monday, None without one) and wall-clock time of `Monday 09:00` or `09:00`.

    Raises ValueError for everything else.
    """
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a moment of the week (write a day and a time, such as 'Monday 09:00')")
    if match[1] is None:
        return None, parse_clock(match[2])
    days = [index for index, day in enumerate(DAYS) if match[1].lower() in (day, day[:3])]
    if not days:
        raise ValueError("no such day (write Monday to Sunday and a time, such as 'Monday 09:00')")
    return days[0], parse_clock(match[2])


def check_handoff(text: str) -> str:
    """Return `text` when parse_handoff reads it; raises ValueError otherwise."""
    parse_handoff(text)
    return text


def check_weekly(text: str) -> str:
    """Return `text` when it is a day and a time (`Sunday 03:00`); raises ValueError otherwise."""
    if parse_handoff(text)[0] is None:
        raise ValueError("the day is missing (write a day and a time, such as 'Sunday 03:00')")
    return text


def _none_without(value: Any) -> Any:
    return None if value == "" else value


class Person(Settings):
    """Somebody who can be reached."""

    gathers: ClassVar[str] = "addresses"
    """Every key that is no field is an address: the name or kind of a channel, and the address there."""

    name: str = Field(min_length=1)
    """How messages call this person."""
    timezone: Annotated[ZoneName | None, BeforeValidator(_none_without)] = None
    """Where this person's clock is, for what they are shown; none: that of `service.timezone`."""
    addresses: dict[str, SecretStr] = {}
    """Address by name or kind of a channel. Secret: for a pager it is a routing key."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = {key: item for key, item in value.items() if key in cls.model_fields}
        found = {key: item for key, item in value.items() if key not in cls.model_fields}
        return {**known, "addresses": {**known.get("addresses", {}), **found}} if found else value

    def address(self, channel: str, kind: str) -> str | None:
        """Return the address on the channel of that name, else on any of that kind; None when there is none."""
        for key in (channel, kind):
            if key in self.addresses and self.addresses[key].get_secret_value():
                return self.addresses[key].get_secret_value()
        return None


class Target(Settings):
    """Whom a contact means: exactly one of a schedule, a person and a group."""

    schedule: str | None = None
    """A key of `schedules`: whoever is on call there."""
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

    backup: Target | None = None
    """Who is paged when this contact has not acknowledged within `respond_within`."""


class Rotation(StrEnum):
    """How long a shift is."""

    DAILY = "daily"
    WEEKLY = "weekly"
    CUSTOM = "custom"


class Schedule(Settings):
    """Who is on call when. The hand-off keeps its wall-clock time across daylight-saving changes."""

    rotation: Rotation = Rotation.WEEKLY
    """How long a shift is; `custom` takes it from `length`."""
    length: PositiveDuration | None = None
    """With `rotation: custom`: a shift's length in wall-clock time, at least 1h."""
    handoff: Annotated[str, AfterValidator(check_handoff)] = ""
    """When a shift ends, as `Monday 09:00` (weekly) or `09:00` (daily); left out: Monday 09:00, or 09:00."""
    timezone: ZoneName = "UTC"
    """The zone of `handoff` and `starts`."""
    starts: date = date(2024, 1, 1)
    """The day on which, or in the shift of which, the first of `people` begins."""
    people: tuple[str, ...] = Field(min_length=1)
    """Keys of `people`, in the order of their shifts."""
    handoff_channel: str | None = None
    """A key of `channels`: where the hand-off is told."""
    respond_within: PositiveDuration | None = None
    """How soon whoever is on call here is to answer; none: as the severity says."""

    @property
    def shift(self) -> timedelta:
        """Length of a shift in wall-clock time."""
        if self.rotation is Rotation.CUSTOM and self.length is not None:
            return self.length
        return timedelta(days=1 if self.rotation is Rotation.DAILY else 7)

    @property
    def moment(self) -> tuple[int | None, time]:
        """Weekday (None: any day) and wall-clock time of the hand-off."""
        if self.handoff:
            return parse_handoff(self.handoff)
        return (0 if self.rotation is Rotation.WEEKLY else None), time(9)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        day, _ = self.moment
        if self.rotation is Rotation.WEEKLY and day is None:
            raise ValueError("a weekly rotation needs the day of its handoff (write handoff: 'Monday 09:00')")
        if self.rotation is Rotation.DAILY and day is not None:
            raise ValueError("a daily rotation hands off every day (write handoff: '09:00')")
        if (self.rotation is Rotation.CUSTOM) != (self.length is not None):
            raise ValueError("length and rotation: custom belong together (write both or neither)")
        if self.shift < SHORTEST_SHIFT:
            raise ValueError("a shift of less than an hour (write length: 1h or more)")
        return self
