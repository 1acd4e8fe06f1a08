"""The JSON of a team: what it owns, and whom it pages. Pure."""

from __future__ import annotations

from typing import Any

from receiver.config import Config
from receiver.model.oncall.team_settings import schedule_name


def team_shape(config: Config, name: str, count: int) -> dict[str, Any]:
    """Return the team `name`, which has `count` open incidents, without addresses of people."""
    team = config.teams[name]
    directory = config.directory_for(name)
    return {
        "name": name,
        "matchers": list(team.matchers),
        "any": [list(matchers) for matchers in team.any],
        "labels": dict(team.labels),
        "priority": team.priority,
        "chat": team.chat,
        "private": team.private,
        "visible_to": list(team.visible_to),
        "contacts": sorted(directory.contacts),
        "schedules": [schedule_name(name, key) for key in team.schedules],
        "severities": {
            severity.value: {"page": list(policy.page), "notify": list(policy.notify), "escalation": policy.escalation}
            for severity, policy in sorted(directory.severities.items())
        },
        "open": count,
    }
