"""Settings of Slack."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, ChannelSettings
from receiver.model.base import Frozen
from receiver.model.severity import Severity


class IncidentChannels(Frozen):
    """Which incidents get their own channel."""

    severities: tuple[Severity, ...] = Field((), description="Severities whose incidents get their own channel.")
    prefix: str = Field("inc", description="Prefix of the channel's name.", max_length=20)


class SlackSettings(ChannelSettings):
    """A Slack workspace, through your own bot."""

    kind: Literal["slack"] = "slack"
    api_url: BaseUrl = Field("https://slack.com/api", description="Address of the Web API.")
    bot_token: SecretStr = Field(SecretStr(""), description="Bot token (`xoxb-...`) with chat:write; empty: off.")
    signing_secret: SecretStr = Field(
        SecretStr(""), description="Verifies requests from Slack; empty: commands and buttons get a 401."
    )
    channel: str = Field("", description="Channel for messages, by name (`#incidents`) or id; empty: off.")
    incident_channels: IncidentChannels | None = Field(None, description="Which incidents get their own channel.")
    responders: tuple[str, ...] = Field(
        (), description="User groups whose members may use commands; none: the whole workspace."
    )
    team_groups: dict[str, tuple[str, ...]] = Field(
        {},
        description="User groups of each team, by its key in `teams`: they may see and change its incidents.",
    )
    workspace: str | None = Field(None, description="Id of the workspace (`T...`) that requests must come from.")
    app: str | None = Field(None, description="Id of the app (`A...`) that requests must come from.")
