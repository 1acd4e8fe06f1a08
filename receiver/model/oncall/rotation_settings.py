"""Settings of a rotation: shift length, hand-off time, people, and the hours in which it applies."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from receiver.model.setting_values import ClockTime, PositiveDuration, ZoneName, parse_clock
from receiver.model.settings_base import Settings
from receiver.model.severity_policy import Day
from receiver.model.wall_clock import check_day

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORTEST_SHIFT = timedelta(hours=1)
"""A clock change usually moves by an hour: shorter shifts could end before they begin."""

_WHEN = re.compile(r"(?:([A-Za-z]+) +)?(\S+)")


def parse_handoff(text: str) -> tuple[int | None, time]:
    """Return weekday (0 is Monday; None without one) and wall-clock time of `Monday 09:00` or `09:00`.

    Raises ValueError for everything else.
    """
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a time of the week (write a day and a time, such as 'Monday 09:00')")
    if match[1] is None:
        return None, parse_clock(match[2])
    days = [index for index, day in enumerate(DAYS) if match[1].lower() in (day, day[:3])]
    if not days:
        raise ValueError("no such day (write Monday to Sunday and a time, such as 'Monday 09:00')")
    return days[0], parse_clock(match[2])


def check_handoff(text: str) -> str:
    """Return `text` if parse_handoff accepts it; raises ValueError otherwise."""
    parse_handoff(text)
    return text


def check_weekly(text: str) -> str:
    """Return `text` if it is a day and a time (`Sunday 03:00`); raises ValueError otherwise."""
    if parse_handoff(text)[0] is None:
        raise ValueError("the day is missing (write a day and a time, such as 'Sunday 03:00')")
    return text


class Rotation(StrEnum):
    """How long a shift is."""

    DAILY = "daily"
    WEEKLY = "weekly"
    CUSTOM = "custom"


class Hours(Settings):
    """Some hours of some days, in wall-clock time."""

    model_config = ConfigDict(populate_by_name=True)

    days: tuple[Day, ...] = Field(default=tuple(Day), min_length=1)
    """Days of the week on which the hours begin; default: every day."""
    from_: ClockTime = Field(default=time(), alias="from")
    """Start of the hours; default: midnight."""
    to: ClockTime = time()
    """End of the hours; if not later than `from`, on the next day. Default: midnight."""


class Rota(Settings):
    """Shifts that rotate among people. A hand-off keeps its wall-clock time across daylight-saving changes."""

    rotation: Rotation = Rotation.WEEKLY
    """How long a shift is; for `custom`, it is `length`."""
    length: PositiveDuration | None = None
    """With `rotation: custom`: a shift's length in wall-clock time, at least 1h."""
    handoff: Annotated[str, AfterValidator(check_handoff)] = ""
    """When a shift ends: `Monday 09:00` (weekly) or `09:00` (daily), which are also the defaults."""
    timezone: ZoneName = "UTC"
    """The zone of `handoff`, `starts` and `only`."""
    starts: Annotated[date, AfterValidator(check_day)] = date(2024, 1, 1)
    """A day in a shift of the first person in `people`."""
    people: tuple[str, ...] = Field(min_length=1)
    """Keys of `people`, in shift order. Editing the list changes past shifts: see `rotations`."""
    only: tuple[Hours, ...] = ()
    """Hours in which it applies, such as nights or weekends; default: always."""

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


class Change(Rota):
    """A change of a rotation from its day on; omitted settings stay unchanged."""

    starts: Annotated[date, AfterValidator(check_day)]
    """The day of the hand-off from which it applies, beginning with the first person in `people`."""

    @model_validator(mode="after")
    def _at_a_hand_off(self) -> Self:
        return at_a_hand_off(self)


R = TypeVar("R", bound=Rota)


def at_a_hand_off(rota: R) -> R:
    """Return `rota` if it begins on a hand-off day.

    Raises ValueError otherwise, because it would change a past shift.
    """
    day, _ = rota.moment
    if day is not None and rota.starts.weekday() != day:
        earlier = rota.starts - timedelta(days=(rota.starts.weekday() - day) % 7)
        hint = f"write {earlier} or {earlier + timedelta(days=7)}, or another handoff"
        raise ValueError(f"{rota.starts} is not a {DAYS[day].title()}, the day of the handoff ({hint})")
    return rota


class Line(Rota):
    """A rotation with its later changes, so that past shifts stay as they were."""

    rotations: tuple[Change, ...] = ()
    """Later changes, earliest first: each applies from its first hand-off, and past shifts do not change."""

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("rotations"), list | tuple):
            return value
        made, before = [], value
        for change in value["rotations"]:
            before = inherited(change, before) if isinstance(change, dict) else before
            made.append(before if isinstance(change, dict) else change)
        return {**value, "rotations": made}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        rotas: tuple[Rota, ...] = (self, *self.rotations)
        if any(later.starts <= earlier.starts for earlier, later in pairwise(rotas)):
            raise ValueError("rotations out of order (write them from the earliest `starts` to the latest)")
        return self


def inherited(given: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return `given` with omitted settings from `before`; another kind of rotation has its own length and hand-off."""
    names = ["timezone", "only"]
    if "rotation" not in given:
        names += ["rotation", "length", "handoff"]
    return {**{name: before[name] for name in names if name in before}, **given}


class Layer(Line):
    """An additional rotation that takes precedence while it applies."""

    name: str = ""
    """A display name, such as nights."""

    @model_validator(mode="after")
    def _begins(self) -> Self:
        return at_a_hand_off(self) if "starts" in self.model_fields_set else self
