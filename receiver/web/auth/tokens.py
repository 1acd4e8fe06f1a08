"""Who calls, and what that caller may do: tokens with scopes, as bearer or as the password of basic authentication."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from receiver.config.settings.service_settings import Scope, Token
from receiver.web.http.error_responses import Refusal
from receiver.web.http.server import mark_trusted

BEARER = 'Bearer realm="receiver"'
BASIC = 'Basic realm="receiver", charset="UTF-8"'
LONGEST = 4096
"""Characters of an Authorization header that are looked at."""


@dataclass(frozen=True)
class Caller:
    """Who it is, for the log and the timeline: the name of the token, never the token."""

    name: str
    scopes: frozenset[Scope]


LOCAL = Caller("local", frozenset(Scope))
"""Anybody on this machine, where no token is configured at all."""


class TokenCheck:
    """The tokens of the configuration, hashed once. Empty means off, never open (surfaces.md, Decided)."""

    def __init__(self, tokens: Callable[[], Sequence[Token]]) -> None:
        """`tokens` are those in force: a reload replaces them."""
        self._tokens = tokens
        self._read: Sequence[Token] | None = None
        self._hashed: list[tuple[bytes, Caller]] = []

    @property
    def closed(self) -> bool:
        """Whether a token is needed. One that is empty matches nothing, but says that somebody wanted this closed."""
        return bool(self._tokens())

    @property
    def keys(self) -> list[tuple[bytes, Caller]]:
        """What is kept of each token that can match: its hash, and who has it."""
        tokens = self._tokens()
        if tokens is not self._read:
            self._hashed = [
                (_hash(token.token.get_secret_value()), Caller(token.name, frozenset(token.scopes)))
                for token in tokens
                if token.token.get_secret_value().strip()
            ]
            self._read = tokens
        return self._hashed

    def guards(self, scope: Scope) -> bool:
        """Return whether some token that can match has `scope`."""
        return any(scope in caller.scopes for _, caller in self.keys)

    def admit(self, request: web.Request, scope: Scope, challenge: str = BEARER) -> Caller:
        """Return who calls, if that caller may do `scope`; the body is not touched.

        Raises Refusal: 401 with `challenge` without a token that is known, 403 for one that lacks the scope, and
        403 where everybody on this machine may call but the request was made under another host's name.
        """
        if not self.closed:
            # A page in a browser can have its own name lead to 127.0.0.1; the name in Host gives it away.
            if not is_loopback(request.host):
                raise Refusal(403, "foreign_host", "without a token, requests are taken under a loopback name only")
            return LOCAL
        found = self.known(_presented(request))
        if found is None:
            raise Refusal(
                401, "wrong_token", "a token is needed that is known here", headers={"WWW-Authenticate": challenge}
            )
        _, caller = found
        mark_trusted(request, sender=Scope.INGEST in caller.scopes)
        allow(caller, scope)
        return caller

    def known(self, presented: str | None) -> tuple[bytes, Caller] | None:
        """Return the hash of a token and who has it, None for one that nobody has."""
        if presented is None:
            return None
        given = _hash(presented)
        found = None
        # All of them are compared, so that the time says nothing about which one was near.
        for known, caller in self.keys:
            if hmac.compare_digest(known, given):
                found = Caller(found.name, found.scopes | caller.scopes) if found else caller
        return (given, found) if found else None


def allow(caller: Caller, scope: Scope) -> None:
    """Raise Refusal (403) unless `caller` may do `scope`."""
    if scope not in caller.scopes:
        raise Refusal(403, "wrong_scope", f"this token does not have the scope {scope}")


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _presented(request: web.Request) -> str | None:
    given = request.headers.getall("Authorization", [])
    if len(given) != 1 or len(given[0]) > LONGEST:
        return None
    scheme, _, rest = given[0].strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest or None
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(rest, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    _, colon, password = pair.partition(":")
    return password if colon and password else None


def is_loopback(host: str) -> bool:
    """Return whether `host`, as in a Host header, names this machine."""
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
