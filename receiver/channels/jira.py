"""Jira: settings only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, ChannelSettings
from receiver.channels.unbuilt import Unbuilt


class JiraSettings(ChannelSettings):
    """A project in which incidents and actions become tickets."""

    kind: Literal["jira"] = "jira"
    flavor: Literal["cloud", "server"] = Field(
        "cloud", description="`cloud`: Atlassian's, API 3; `server`: Data Center, API 2 with a personal access token."
    )
    api_url: BaseUrl = Field("", description="Base address of the site, without its version path; empty: off.")
    project: str = Field("", description="Key of the project, as `OPS`.")
    issue_type: str = Field("Incident", description="Type of the ticket of an incident.")
    user: str = Field("", description="E-mail of the account (cloud only).")
    token: SecretStr = Field(
        SecretStr(""), description="API token (cloud) or personal access token (server); empty: off."
    )


class Jira(Unbuilt[JiraSettings]):
    """Makes tickets."""

    kind: ClassVar[str] = "jira"
    Settings: ClassVar[type[ChannelSettings]] = JiraSettings
