"""A team's settings of a severity replace those of the top level, under either name of a setting."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.model.oncall.team_settings import TeamSeverity
from receiver.model.severity_policy import SeveritySettings


def settings(**more: Any) -> SeveritySettings:
    return SeveritySettings.model_validate({"title": "x", "respond_within": "5m", **more})


@pytest.mark.parametrize(
    ("top", "team", "left"),
    [
        ({"second_road": ["phone", "mail"]}, {"fallback_channels": ["chat"]}, ("chat",)),
        ({"second_road": ["phone", "mail"]}, {"fallback_channels": []}, ()),
        ({"fallback_channels": ["phone"]}, {"second_road": ["chat"]}, ("chat",)),
        ({"fallback_channels": ["phone"]}, {}, ("phone",)),
    ],
)
def test_fallback_channels_of_a_team_replace_those_of_the_top_level(
    top: dict[str, Any], team: dict[str, Any], left: tuple[str, ...]
) -> None:
    made = TeamSeverity.model_validate(team).over(settings(**top))
    assert (*made.fallback_channels, *made.second_road) == left
