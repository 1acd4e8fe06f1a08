"""Atlassian Statuspage: settings only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, ChannelSettings
from receiver.channels.unbuilt import Unbuilt


class StatuspageSettings(ChannelSettings):
    """A page at Statuspage, mirrored from the built-in one."""

    kind: Literal["statuspage"] = "statuspage"
    api_url: BaseUrl = Field("https://api.statuspage.io", description="Where the API is, without its version path.")
    page_id: str = Field("", description="Id of the page.")
    api_key: SecretStr = Field(SecretStr(""), description="API key of an account that may edit the page; empty: off.")
    components: dict[str, str] = Field(
        {}, description="Id of a component here (`status_page.components`) to its id at Statuspage."
    )


class Statuspage(Unbuilt[StatuspageSettings]):
    """Mirrors the public status page."""

    kind: ClassVar[str] = "statuspage"
    Settings: ClassVar[type[ChannelSettings]] = StatuspageSettings
