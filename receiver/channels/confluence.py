"""Confluence: settings only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, ChannelSettings
from receiver.channels.unbuilt import Unbuilt


class ConfluenceSettings(ChannelSettings):
    """A space in which post-mortems and reviews are published."""

    kind: Literal["confluence"] = "confluence"
    flavor: Literal["cloud", "server"] = Field("cloud", description="`cloud`: API v2; `server`: Data Center, API v1.")
    api_url: BaseUrl = Field(
        "", description="Base address including `/wiki` on cloud, without its version path; empty: off."
    )
    space: str = Field("", description="Key of the space, as `OPS`.")
    user: str = Field("", description="E-mail of the account (cloud only).")
    token: SecretStr = Field(
        SecretStr(""), description="API token (cloud) or personal access token (server); empty: off."
    )


class Confluence(Unbuilt[ConfluenceSettings]):
    """Publishes documents."""

    kind: ClassVar[str] = "confluence"
    Settings: ClassVar[type[ChannelSettings]] = ConfluenceSettings
