"""Settings of Jira."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, ChannelSettings
from receiver.model.severity import Severity


class JiraSettings(ChannelSettings):
    """A project for tickets of incidents and action items."""

    kind: Literal["jira"] = "jira"
    flavor: Literal["cloud", "server"] = Field(
        "cloud", description="`cloud`: Jira Cloud, API 3; `server`: Data Center, API 2 with a personal access token."
    )
    api_url: BaseUrl = Field("", description="Base address of the site, without its version path; empty: off.")
    project: str = Field("", description="Key of the project, such as `OPS`; empty: off.")
    issue_type: str = Field("Incident", description="Type of the ticket of an incident.")
    action_issue_type: str = Field("Task", description="Type of the ticket of an action item.")
    priorities: dict[Severity, str] = Field(
        default={}, description="Priority of the ticket by severity, such as `SEV-1: Highest`; none: Jira's default."
    )
    private_incidents: bool = Field(
        default=False,
        description="Whether to create tickets for private incidents, with only id, severity, and state.",
    )
    user: str = Field("", description="Email address of the account (cloud only); if it is empty on the cloud: off.")
    token: SecretStr = Field(
        SecretStr(""), description="API token (cloud) or personal access token (server); empty: off."
    )
