"""Who can see an incident and act on it, depending on the teams that a caller is limited to. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol


class Visibility(StrEnum):
    """Who can see an incident."""

    ALL = "all"
    TEAM = "team"


class Guarded(Protocol):
    """The fields of an incident and its summary that determine who can see it."""

    @property
    def team(self) -> str:
        """The team that owns it; empty: the top level."""

    @property
    def private(self) -> bool:
        """Whether only its team and `visible_to` can see it."""

    @property
    def visible_to(self) -> tuple[str, ...]:
        """Other teams that can see it although it is private."""


def sees(incident: Guarded, teams: Collection[str]) -> bool:
    """Return whether a caller limited to `teams` can see `incident`; empty: not limited."""
    if not incident.private or not teams:
        return True
    return incident.team in teams or any(team in teams for team in incident.visible_to)


def acts_on(incident: Guarded, teams: Collection[str]) -> bool:
    """Return whether a caller limited to `teams` may change `incident`; empty: not limited."""
    return not teams or incident.team in teams
