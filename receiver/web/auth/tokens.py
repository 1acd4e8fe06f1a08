"""Authenticates callers by tokens with scopes, as bearer or as the password of basic authentication."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from receiver.config.settings.service_settings import Scope, Token
from receiver.model.alert.sender import ANYBODY, Sender
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.visibility import Guarded, sees
from receiver.web.auth.connection_trust import mark_trusted
from receiver.web.http.audit import CALLER
from receiver.web.http.error_responses import Refusal

BEARER = 'Bearer realm="receiver"'
BASIC = 'Basic realm="receiver", charset="UTF-8"'
LONGEST = 4096
"""Maximum length of an Authorization header."""


@dataclass(frozen=True)
class Caller:
    """The name of the token, for the log and the timeline; never the token itself."""

    name: str
    scopes: frozenset[Scope]
    teams: frozenset[str] = frozenset()
    """Teams whose incidents this caller may change; empty: every team."""
    person: str | None = None
    """The key of the person to whom the token belongs; None: a program, or several people."""
    resolves: tuple[str, ...] | None = None
    """Names of the senders whose alerts it may resolve; None: any."""

    @property
    def sender(self) -> Sender:
        """The sender of this caller's notifications. Without tokens, all callers are the same."""
        return ANYBODY if self is LOCAL else Sender(self.name, self.resolves)

    def actor(self, by: str | None = None) -> Actor:
        """Return the actor: `by`, the person or the name of the token; the name of the token is recorded as well.

        Raises Refusal (403) if the token names a person and `by` names another.
        """
        if self.person is not None and by is not None and by.removeprefix("@").casefold() != self.person.casefold():
            raise Refusal(403, "another_person", f"this token belongs to {self.person}, and cannot act as another")
        return Actor(kind=ActorKind.API, name=self.person or by or self.name, caller=self.name)

    def sees(self, incident: Guarded) -> bool:
        """Return whether this caller may see `incident`, or its summary."""
        return sees(incident, self.teams)

    def joined(self, other: Caller) -> Caller:
        """Return the combined permissions of two entries of one token."""
        teams = self.teams | other.teams if self.teams and other.teams else frozenset[str]()
        return Caller(self.name, self.scopes | other.scopes, teams, self.person or other.person, self.resolves)


def caller_of(token: Token) -> Caller:
    """Return the caller of `token`."""
    return Caller(token.name, frozenset(token.scopes), frozenset(token.teams), token.person, token.resolvable)


LOCAL = Caller("local", frozenset(Scope))
"""Anyone on this machine, if no token is configured."""


class TokenCheck:
    """The tokens of the configuration, hashed once. Empty means off, never open."""

    def __init__(
        self,
        tokens: Callable[[], Sequence[Token]],
        now: Callable[[], datetime],
        signs_in: Callable[[], bool] = lambda: False,
    ) -> None:
        """`tokens` are those in effect: a reload replaces them. `now` decides which of them have expired.

        `signs_in`: whether people sign in at a provider, so that callers must authenticate even without a token.
        """
        self._tokens = tokens
        self._now = now
        self._signs_in = signs_in
        self._read: Sequence[Token] | None = None
        self._hashed: list[tuple[bytes, Caller, datetime | None]] = []
        self._by_digest: dict[bytes, list[tuple[Caller, datetime | None]]] = {}

    @property
    def closed(self) -> bool:
        """Whether callers must authenticate. An empty token matches nothing, but also requires authentication."""
        return bool(self._tokens()) or self._signs_in()

    @property
    def keys(self) -> list[tuple[bytes, Caller]]:
        """The hash and the caller of each token that can match now. Expired tokens are left out."""
        now = self._now()
        return [(key, caller) for key, caller, ends in self._all() if ends is None or now < ends]

    def _all(self) -> list[tuple[bytes, Caller, datetime | None]]:
        tokens = self._tokens()
        if tokens is not self._read:
            self._hashed = [
                (_hash(token.token.get_secret_value()), caller_of(token), token.expires_at)
                for token in tokens
                if token.token.get_secret_value().strip()
            ]  # fmt: skip
            self._by_digest = {}
            for key, caller, ends in self._hashed:
                self._by_digest.setdefault(key, []).append((caller, ends))
            self._read = tokens
        return self._hashed

    def guards(self, scope: Scope) -> bool:
        """Return whether any token has `scope`. An expired one counts, so its expiry does not open the endpoint."""
        return any(scope in caller.scopes for _, caller, _ in self._all())

    def admit(self, request: web.Request, scope: Scope, challenge: str = BEARER) -> Caller:
        """Return the caller if it has `scope`; the body is not read.

        Raises Refusal: 401 with `challenge` without a known token, or with an expired one; 403 for a token that lacks
        the scope; and 403 if no token is needed on this machine, but the request was made under another host's name.
        """
        if not self.closed:
            # A web page can have its own host name resolve to 127.0.0.1; the Host header reveals this.
            if not is_loopback(request.host):
                raise Refusal(403, "foreign_host", "without a token, requests are accepted only under a loopback name")
            return LOCAL
        presented = _presented(request)
        found = self.known(presented)
        if found is None:
            kind, why = "wrong_token", "missing or unknown token"
            if expired := self.expired(presented):
                kind, why = "expired_token", expired
            raise Refusal(401, kind, why, headers={"WWW-Authenticate": challenge})
        _, caller = found
        mark_trusted(request, sender=Scope.INGEST in caller.scopes)
        request[CALLER] = caller.name
        allow(caller, scope)
        return caller

    def known(self, presented: str | None) -> tuple[bytes, Caller] | None:
        """Return the hash of a token and its caller; None for an unknown token."""
        if presented is None:
            return None
        given = _hash(presented)
        self._all()
        found = None
        # Looked up by digest: digests of similar texts have nothing in common, so the time of a look-up does not reveal
        # a similar token, and it does not grow with the number of tokens.
        for caller, ends in self._by_digest.get(given, ()):
            if ends is None or self._now() < ends:
                found = found.joined(caller) if found else caller
        return (given, found) if found else None

    def expired(self, presented: str | None) -> str | None:
        """Return a sentence with the token's name and expiry time; None unless `presented` has expired."""
        self._all()
        for caller, ends in self._by_digest.get(_hash(presented), ()) if presented is not None else ():
            if ends is not None and ends <= self._now():
                return f"the token of {caller.name} expired on {ends:%Y-%m-%d at %H:%M:%S} UTC"
        return None


def allow(caller: Caller, scope: Scope) -> None:
    """Raise Refusal (403) unless `caller` has `scope`; a caller with a limit to teams is never an administrator."""
    if scope is Scope.ADMIN and caller.teams:
        allow_every_team(caller)
    if scope not in caller.scopes:
        has = ", ".join(sorted(caller.scopes)) or "none"
        raise Refusal(403, "wrong_scope", f"the token {caller.name} does not have the scope {scope} (it has: {has})")


def allow_team(caller: Caller, team: str) -> None:
    """Raise Refusal (403) unless `caller` may change the incidents of `team`; "" is the top level."""
    if caller.teams and team not in caller.teams:
        raise Refusal(403, "wrong_team", "this token may read incidents of other teams, but change only its own")


def allow_every_team(caller: Caller) -> None:
    """Raise Refusal (403) if `caller` is limited to teams, because the request concerns every team."""
    if caller.teams:
        raise Refusal(403, "limited_to_teams", "this token is limited to teams, and this applies to every team")


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
