"""Bodies of requests about on-call schedules."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from receiver.model.command import Name
from receiver.model.wall_clock import YEARS, check_day
from receiver.pipeline.oncall.shift_offers import DAYS as OFFERED_DAYS
from receiver.web.api.bodies.request_bodies import Body, Moment

Day = Annotated[date, AfterValidator(check_day), Field(json_schema_extra={"pattern": YEARS})]
"""A day of our time."""


class OverrideBody(Body):
    """An override: one person takes over a schedule for a limited time."""

    model_config = ConfigDict(populate_by_name=True)

    schedule: Name = Field(description="A key of `schedules`.")
    person: Name = Field(description="A key of `people`, with or without @.")
    from_: Moment | None = Field(None, alias="from", description="Start time; default: now.")
    until: Moment = Field(description="End time.")


class OfferBody(Body):
    """An offer: the days on which a person wants a colleague to take over."""

    dates: tuple[Day, ...] = Field(
        min_length=1, max_length=OFFERED_DAYS, description="Days in the time zone of the schedule, such as 2026-12-24."
    )
    schedule: Name | None = Field(None, description="A key of `schedules`; default: all of yours.")
