"""The schedules and people that a caller with a limit to teams may change or page, apart from incidents."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from receiver.config import Config
from receiver.model.oncall.schedule_settings import Override
from receiver.model.oncall.team_settings import schedule_name
from receiver.pipeline.oncall.on_call_overview import OnCallOverview
from receiver.web.auth.tokens import Caller
from receiver.web.http.error_responses import Refusal


def may_change_schedule(caller: Caller, schedule: str, config: Config) -> bool:
    """Return whether `caller` may change who is on call in `schedule`, by its full name.

    A caller with a limit to teams may do so if one of them has the schedule, or if the token's person is part of it.
    """
    if not caller.teams:
        return True
    if any(schedule == schedule_name(team, key) for team in caller.teams & set(config.teams) for key in
           config.teams[team].schedules):  # fmt: skip
        return True
    found = config.directory.schedules.get(schedule)
    return caller.person is not None and found is not None and caller.person in found.everybody


def allow_schedule(caller: Caller, schedule: str, config: Config) -> None:
    """Raise Refusal (403) unless `caller` may change who is on call in `schedule`, which may be unknown."""
    name = schedule.strip().removeprefix("@")
    if name in config.directory.schedules and not may_change_schedule(caller, name, config):
        raise Refusal(403, "wrong_team", f"this token is limited to teams, and {name} is not one of their schedules")


def allow_override(caller: Caller, number: str, overrides: Iterable[Override], config: Config) -> None:
    """Raise Refusal (403) unless `caller` may change the schedule of the override `number`, which may be unknown."""
    for one in overrides:
        if one.id == number:
            allow_schedule(caller, one.schedule, config)


def allow_people(caller: Caller, people: Collection[str], schedules: OnCallOverview, now: datetime) -> None:
    """Raise Refusal (403) unless `caller` may send test pages to all of `people`, who may be unknown."""
    if not caller.teams:
        return
    mine = schedules.people_of_teams(caller.teams, now) | ({caller.person} if caller.person else set())
    known = {name.strip().removeprefix("@") for name in people} & set(schedules.people)
    if others := sorted(known - mine):
        raise Refusal(403, "wrong_team", f"this token is limited to teams, and those do not page {others[0]}")
