"""Weak tokens: published placeholders, and short tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable

from receiver.config.settings.addresses import is_loopback, split_listen
from receiver.config.settings.service_settings import Auth, Server

SHORTEST = 16
"""Minimum length of a token in bytes; `receiver token new` makes 32."""
_PLACEHOLDER = re.compile(r"(replace|change)[-_ ]?(me|it|this|with)\b.*|<[^<>]*>", re.IGNORECASE | re.DOTALL)


def is_placeholder(token: str) -> bool:
    """Return whether a token is a placeholder from the published examples."""
    return _PLACEHOLDER.fullmatch(token.strip()) is not None


def is_short(token: str) -> bool:
    """Return whether a token is shorter than it should be; an empty token matches nothing and does not count."""
    return 0 < len(token.encode("utf-8", "surrogatepass")) < SHORTEST


def is_exposed(server: Server) -> bool:
    """Return whether other machines can reach the service."""
    return not is_loopback(split_listen(server.listen)[0])


def short_names(auth: Auth, server: Server) -> list[str]:
    """Return the names of the short tokens with which others can reach the service."""
    return [one.name for one in auth.tokens if is_short(one.token.get_secret_value())] if is_exposed(server) else []


def placeholders(auth: Auth) -> Iterable[int]:
    """Yield the places of tokens that are placeholders."""
    return (index for index, one in enumerate(auth.tokens) if is_placeholder(one.token.get_secret_value()))
