"""An Alertmanager of `ingest.alertmanagers`: its address, with or without headers that are sent with every request."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, SecretStr, model_validator

from receiver.config.settings.addresses import WebAddress, check_web
from receiver.model.settings_base import Settings

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = ("host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _check_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("not a header name (write one such as X-Scope-OrgID)")
    if text.lower() in _OURS:
        raise ValueError("this header is set by the service itself (remove it)")
    return text


def _check_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if _CONTROL.search(text) or not text.isascii():
        raise ValueError("not a header value (write printable ASCII on one line)")
    return value


class AlertmanagerAddress(Settings):
    """The address of one Alertmanager. The text `https://HOST` means the same as `{url: https://HOST}`."""

    url: WebAddress
    """Its address, without `/api`; may include user and password: `https://USER:PASSWORD@HOST`."""
    headers: dict[Annotated[str, AfterValidator(_check_name)], Annotated[SecretStr, AfterValidator(_check_value)]] = {}
    """Headers of every request, such as `X-Scope-OrgID` for a tenant of Mimir; their values are secret."""

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        if "@" in self.url.partition("://")[2].partition("/")[0] and any(
            name.lower() == "authorization" for name in self.headers
        ):
            raise ValueError("both the header Authorization and a user in the address (keep one of them)")
        return self


def _from_text(value: Any) -> Any:
    return AlertmanagerAddress(url=check_web(value)) if isinstance(value, str) else value


AlertmanagerEntry = Annotated[AlertmanagerAddress, BeforeValidator(_from_text)]
"""An entry of the list: an address, or a mapping."""
