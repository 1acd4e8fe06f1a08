"""Addresses in the configuration: addresses to listen on, and HTTP addresses to call."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from receiver.model.store_address import parse_store_address

HIGHEST_PORT = 65_535


def split_listen(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `:8080` (every address).

    Port 0 lets the system choose. Raises ValueError for everything else.
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
        raise ValueError("not an address to listen on (write host:port, such as 127.0.0.1:8080)")
    if ":" in host and not bracketed:
        raise ValueError("an IPv6 address needs brackets (write [::1]:8080)")
    return (host[1:-1] if bracketed else host) or "0.0.0.0", int(port)  # noqa: S104  (only when the file says so)


def is_loopback(host: str | None) -> bool:
    """Return whether only this machine can reach `host`; a name other than localhost counts as reachable by others."""
    if host is None or host.lower() == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_listen(text: str) -> str:
    split_listen(text)
    return text


def _check_network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("not a network (write an address and its prefix length, such as 10.0.0.0/8)") from None


def check_web(text: str) -> str:
    """Return `text` without a closing slash when it is an http(s) address. Raises ValueError."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(character.isspace() for character in text):
        raise ValueError("not an http or https address (write https://host/path)")
    return text.rstrip("/")


def check_path(text: str) -> str:
    """Return `text`, a path of a URL such as `/receiver`, without a closing slash. Raises ValueError."""
    path = text.rstrip("/")
    if (path and not re.fullmatch(r"(/[A-Za-z0-9._~-]{1,100}){1,8}", path)) or {".", ".."} & set(path.split("/")):
        raise ValueError("not a path (write it like /receiver, with letters, digits, dots, dashes and underscores)")
    return path


def check_store(secret: SecretStr) -> SecretStr:
    """Return `secret` if it is an address of a store. Raises ValueError without the text, which may hold a password."""
    if secret.get_secret_value() != "embedded":
        parse_store_address(secret.get_secret_value())
    return secret


def _none_when_empty(value: Any) -> Any:
    return None if value == "" else value


def _without_empty(value: Any) -> Any:
    return [item for item in value if item not in ("", None)] if isinstance(value, list | tuple) else value


EmptyIsNone = BeforeValidator(_none_when_empty)
"""`${NAME:-}` of a variable that is not set counts as omitted."""
WithoutEmpty = BeforeValidator(_without_empty)
Listen = Annotated[str, AfterValidator(_check_listen)]
PathText = Annotated[str, AfterValidator(check_path)]
"""The path under which a proxy serves the service; empty: at the root of its host."""
NetworkText = Annotated[str, AfterValidator(_check_network)]
"""An IP network in CIDR notation."""
WebAddress = Annotated[str, AfterValidator(check_web)]
"""An http(s) address without a closing slash."""


def _check_secret_web(secret: SecretStr) -> SecretStr:
    return SecretStr(check_web(secret.get_secret_value()))


SecretWebAddress = Annotated[SecretStr, AfterValidator(_check_secret_web)]
"""An http(s) address that is a credential as a whole."""
