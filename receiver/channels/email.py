"""E-mail over SMTP: settings only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator

from receiver.channels.base import ChannelSettings
from receiver.channels.unbuilt import Unbuilt


class EmailSettings(ChannelSettings):
    """The mail server that messages leave by."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["email"] = "email"
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="`smtp://[user:password@]host:port`, or `smtps://` for TLS from the start; empty: off.",
    )
    from_: str = Field("", alias="from", description="Address that messages come from.")

    @field_validator("smtp_url")
    @classmethod
    def _scheme(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(("smtp://", "smtps://")):
            raise ValueError("not an smtp:// or smtps:// address (expected smtp://host:25)")
        return value


class Email(Unbuilt[EmailSettings]):
    """Writes e-mail."""

    kind: ClassVar[str] = "email"
    Settings: ClassVar[type[ChannelSettings]] = EmailSettings
