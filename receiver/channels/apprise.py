"""Anything that Apprise speaks to: settings only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import ChannelSettings
from receiver.channels.unbuilt import Unbuilt


class AppriseSettings(ChannelSettings):
    """A list of Apprise addresses, each a secret as a whole: they carry their credentials."""

    kind: Literal["apprise"] = "apprise"
    urls: tuple[SecretStr, ...] = Field((), description="Apprise URLs, one a destination; none: off.")


class Apprise(Unbuilt[AppriseSettings]):
    """Hands messages to Apprise."""

    kind: ClassVar[str] = "apprise"
    Settings: ClassVar[type[ChannelSettings]] = AppriseSettings
