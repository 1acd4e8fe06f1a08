"""A person who has signed in, and the session of a browser."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SignInKind(StrEnum):
    """How a person signed in."""

    TOKEN = "token"  # noqa: S105  (the name of a way)
    OIDC = "oidc"


@dataclass(frozen=True)
class Identity:
    """The identity provider's data about a person."""

    subject: str
    name: str
    email: str | None
    """Set only if the provider has verified it."""
    groups: frozenset[str]
    """Only groups that the configuration names."""


@dataclass(frozen=True)
class SessionRecord:
    """One session. Times are milliseconds since 1970."""

    id: str
    kind: SignInKind
    account: str
    """Name of the token, or subject at the provider."""
    name: str
    """The display name of its owner."""
    began: int
    seen: int
    """When it was last used, to a minute."""
    checked: int = 0
    """When the provider last reported the groups; 0 for a session of a token."""
    email: str | None = None
    groups: tuple[str, ...] = ()
    peer: str = ""
    agent: str = ""
    """The browser's own name, cut."""
    sealed: str = ""
    """The tokens of the provider, encrypted; never in a cookie."""
    issuer: str = ""
    """The provider that signed the person in; empty for a session of a token."""


@dataclass(frozen=True)
class ProviderTokens:
    """What the provider issued for one session."""

    access: str
    refresh: str = ""
    id_token: str = ""
    """Returned to the provider at sign-out, so that it ends the right session."""
