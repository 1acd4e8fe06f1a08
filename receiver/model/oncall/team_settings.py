"""Teams: the alerts that each one owns, and its settings that differ from the top level of the configuration.

Settings that a team omits come from the top level: names by name, and severities key by key.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from receiver.model.oncall.schedule_settings import Contact, Schedule
from receiver.model.setting_values import PositiveDuration
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity
from receiver.model.severity_policy import Escalation, PageHours, SeveritySettings

TOP_LEVEL = ""
"""The name of the owner of alerts without a team: the top level of the configuration."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_SHAPES = ("any", "labels")
_FALLBACK = ("fallback_channels", "second_road")


def check_team_name(name: str) -> str:
    """Return `name` if it is a valid name of a team. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError("not a team name (write 1 to 63 letters, digits, - and _, such as payments)")
    return name


TeamName = Annotated[str, AfterValidator(check_team_name)]
"""A key of `teams`, which is used in addresses, metrics and keys of the store."""


class TeamSeverity(SeveritySettings):
    """A team's own settings for a severity; omitted keys come from the top level."""

    title: str = ""
    """The name of the severity."""
    respond_within: PositiveDuration = timedelta(hours=1)
    """Response time: if no one acknowledges within it, the backup is paged."""

    def over(self, top: SeveritySettings) -> SeveritySettings:
        """Return `top` overridden with the keys of the team."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        # Two names for one setting: either one replaces both.
        both = dict.fromkeys(_FALLBACK, ()) if not self.model_fields_set.isdisjoint(_FALLBACK) else {}
        return top.model_copy(update=both | own)


class Team(Settings):
    """A team: the alerts that it owns, and how it is paged."""

    matchers: tuple[str, ...] = ()
    """Matchers on the labels of an alert. The team owns an alert if all match."""
    any: tuple[tuple[str, ...], ...] = ()
    """Lists of matchers: one list whose matchers all match is enough."""
    labels: dict[str, str] = {}
    """Labels with their values: shorthand for matchers with `=`."""
    priority: int = 0
    """If several teams could own an alert, the one with the highest priority does; in a tie, the first in the file."""
    contacts: dict[str, Contact] = {}
    """Roles of this team; a top-level contact with the same name is not used for this team."""
    schedules: dict[str, Schedule] = {}
    """Schedules of this team."""
    severities: dict[Severity, TeamSeverity] = {}
    """This team's own settings for a severity."""
    escalations: dict[str, Escalation] = {}
    """Escalations of this team."""
    chat: str | None = Field(None, min_length=1)
    """The chat channel for its incidents; none: the one in the settings of the chat channel."""
    page_hours: PageHours | None = None
    """People are paged only in these hours, except for SEV-1 and severities with hours of their own; none: the hours of
    the severity."""
    private: bool = False
    """Whether only this team sees its incidents."""
    visible_to: tuple[str, ...] = ()
    """Other teams that can also see them."""

    @model_validator(mode="before")
    @classmethod
    def _shapes(cls, value: Any) -> Any:
        # `matchers: {any: [...]}` and `matchers: {labels: {...}}` are the same as `any:` and `labels:` beside it.
        given = value.get("matchers") if isinstance(value, dict) else None
        if not isinstance(given, dict) or not given or not set(given) <= set(_SHAPES):
            return value
        if set(given) & set(value):
            return value
        return {**{key: item for key, item in value.items() if key != "matchers"}, **given}

    @model_validator(mode="after")
    def _no_empty_list(self) -> Self:
        if any(not matchers for matchers in self.any):
            raise ValueError("an empty list under any would own every alert (write matchers in it, or remove it)")
        return self

    @property
    def selective(self) -> bool:
        """Whether it has any condition: a team without conditions owns every remaining alert."""
        return bool(self.matchers or self.any or self.labels)


def schedule_name(team: str, name: str) -> str:
    """Return the name of a team's schedule outside the team, because another team may have the same name.

    The name itself if it begins with the team's name, else `team/name`.
    """
    return name if name == team or name.startswith(f"{team}-") else f"{team}/{name}"
