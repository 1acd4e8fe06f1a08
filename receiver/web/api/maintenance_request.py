"""The body of a request for a maintenance window."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, model_validator

from receiver.model.command import Line, Name
from receiver.model.oncall.rotation_settings import DAYS
from receiver.model.setting_values import known_zone, zone_names
from receiver.web.api.bodies.request_bodies import Body, Moment

_SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Written out, because `\\s` has different meanings in different regular expressions."""
_GAP = rf"[{_SPACE}]*"
_OPERATOR = rf"{_GAP}(=~|!~|!=|=){_GAP}"
_PIECE = rf"""("([^"\\]|\\[^\n])*"|[^{_SPACE}\x1c-\x1f{{}}!=~,\\"'`]+)"""
MATCHER = rf"^{_GAP}([a-zA-Z_:][a-zA-Z0-9_:]*{_OPERATOR}|{_PIECE}{_OPERATOR}{_PIECE}{_GAP}$)"
"""A pattern that every matcher fits; it cannot check whether quotes are closed and expressions are valid."""
_DAY = "|".join(
    "".join(f"[{letter.upper()}{letter}]" for letter in day[:3])
    + "(" + "".join(f"[{letter.upper()}{letter}]" for letter in day[3:]) + ")?"
    for day in DAYS
)  # fmt: skip
WEEKLY = rf"^{_GAP}({_DAY}) +([01][0-9]|2[0-3]):[0-5][0-9]{_GAP}$"
NONE: JsonValue = {"type": "null"}
ONE_OR_OTHER: list[JsonValue] = [
    {"required": ["until"], "properties": {"until": {"type": "string"}, "weekly": NONE, "for": NONE}},
    {
        "required": ["weekly", "for"],
        "properties": {"weekly": {"type": "string"}, "for": {"type": "integer"}, "from": NONE, "until": NONE},
    },
]


def _like_a_matcher(text: str) -> str:
    if not re.match(MATCHER, text):
        raise ValueError('not a matcher (write name="value", with one of = != =~ !~)')
    return text


def _day_and_time(text: str) -> str:
    if not re.match(WEEKLY, text):
        raise ValueError("not a time of the week (write a day and a time, such as 'Sunday 03:00')")
    return text


Matcher = Annotated[Line, AfterValidator(_like_a_matcher), Field(json_schema_extra={"pattern": MATCHER})]


class MaintenanceBody(Body):
    """A window: once (`from`, `until`), or every week (`weekly`, `for`)."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"oneOf": ONE_OR_OTHER})

    name: Line = Field(description="The purpose of the window.")
    matchers: Annotated[tuple[Matcher, ...], Field(min_length=1, max_length=50)] = Field(
        description='Matchers, as in the configuration, such as service="db".'
    )
    from_: Moment | None = Field(None, alias="from", description="Start of a one-time window; default: now.")
    until: Moment | None = Field(None, description="End of a one-time window.")
    weekly: Annotated[Line, AfterValidator(_day_and_time), Field(json_schema_extra={"pattern": WEEKLY})] | None = Field(
        None, description="Start of a weekly window, such as Sunday 03:00."
    )
    lasts: Annotated[int, Field(ge=60, lt=7 * 86400)] | None = Field(
        None, alias="for", description="How long a weekly window lasts, in seconds: less than a week, so that it ends."
    )
    timezone: Annotated[Name, AfterValidator(known_zone)] = Field(
        "UTC", description="Time zone of a weekly window.", json_schema_extra={"enum": [*zone_names()]}
    )
    components: Annotated[tuple[Name, ...], Field(max_length=100)] = Field(
        (), description="Status-page components that it affects."
    )
    public_name: Line | None = Field(None, description="Its name on the status page; default: its components.")

    @model_validator(mode="after")
    def _one_or_other(self) -> Self:
        recurring = self.weekly is not None
        if recurring == (self.until is not None) or recurring != (self.lasts is not None):
            raise ValueError("write either until (and from), or weekly and for")
        if recurring and self.from_ is not None:
            raise ValueError("from: a weekly window has none (write weekly: 'Sunday 03:00')")
        return self
