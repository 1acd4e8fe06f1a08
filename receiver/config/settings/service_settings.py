"""The settings of the service itself: its name, its server, and its callers."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, model_validator

from receiver.config.settings.addresses import (
    EmptyIsNone,
    Listen,
    NetworkText,
    PathText,
    WebAddress,
)
from receiver.model.delivery.public_incident import UNNAMED_PRODUCT
from receiver.model.setting_values import Duration, PositiveDuration, Size, ZoneName
from receiver.model.settings_base import Settings
from receiver.model.wall_clock import When, parse_when


class Service(Settings):
    """The service's own name and addresses."""

    name: str = Field("receiver", min_length=1)
    """The name shown in messages and on pages."""
    public_url: Annotated[WebAddress | None, EmptyIsNone] = None
    """Address of the console, used in links; none: messages have no links."""
    support_email: Annotated[str | None, EmptyIsNone] = None
    """The support address for customers."""
    environment: str = "production"
    """The environment that this installation monitors."""
    timezone: ZoneName = "UTC"
    """The time zone of business hours and reports."""

    @property
    def product(self) -> str:
        """The name that public texts use if they name no component: `name`, but never the name of this program."""
        return UNNAMED_PRODUCT if self.name == type(self).model_fields["name"].default else self.name


class Server(Settings):
    """The HTTP server."""

    listen: Listen = "127.0.0.1:8080"
    """host:port. Any address other than loopback requires a token."""
    status_page_listen: Annotated[Listen | None, EmptyIsNone] = None
    """host:port that serves only the public status page, so that nothing else is exposed."""
    public_path: PathText | None = None
    """Path prefix that a proxy strips, such as /receiver; default: that of `service.public_url`."""
    trusted_proxies: tuple[NetworkText, ...] = ()
    """Networks of the proxies whose X-Forwarded-For is trusted, such as 127.0.0.1/32; from other peers it is
    ignored."""
    shutdown_grace: Duration = timedelta(seconds=20)
    """How long shutdown waits for current work to finish."""
    max_body: Size = 32 * 1024 * 1024
    """Maximum size of a request body; ten thousand alerts take about 7 MiB."""

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses to listen on, by name: `main`, and `status` if the status page has its own address."""
        wanted = {"main": self.listen, "status": self.status_page_listen}
        return {name: address for name, address in wanted.items() if address is not None}


class Scope(StrEnum):
    """What a token may do."""

    INGEST = "ingest"
    METRICS = "metrics"
    READ = "read"
    MCP = "mcp"
    RESPOND = "respond"
    ADMIN = "admin"


class Token(Settings):
    """One caller. Two entries with the same name and scopes allow a rotation."""

    name: str = Field(min_length=1)
    """The caller's name, logged as the actor."""
    token: SecretStr = SecretStr("")
    """The token; empty matches nothing."""
    scopes: tuple[Scope, ...] = Field(min_length=1)
    """The permissions."""
    expires: When | None = None
    """The last day (UTC) or the time until which it is valid; none: until it is removed."""
    teams: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Teams whose incidents it may change; it may read those of other teams unless they are private; none: all."""
    person: Annotated[str | None, EmptyIsNone] = None
    """A key of `people`: requests with this token act as this person only."""
    resolves: Literal["any", "own"] | Annotated[tuple[str, ...], Field(min_length=1)] = "any"
    """Whose alerts a sender may resolve: `any`; `own`; or names of other senders, in addition to its own."""

    @property
    def resolvable(self) -> tuple[str, ...] | None:
        """The names of the senders whose alerts it may resolve, its own first; None: any."""
        if self.resolves == "any":
            return None
        return (self.name,) if self.resolves == "own" else tuple(dict.fromkeys((self.name, *self.resolves)))

    @property
    def expires_at(self) -> datetime | None:
        """The time after which it is refused, in UTC; None: never."""
        return None if self.expires is None else parse_when(self.expires, ZoneInfo("UTC"), ends=True)


class Oidc(Settings):
    """Sign-in of people through an OpenID Connect provider. People in none of the groups cannot sign in."""

    issuer: WebAddress
    """The provider, as its discovery document names it."""
    client_id: str = Field(min_length=1)
    """The client id of this service."""
    client_secret: SecretStr = SecretStr("")
    """The client secret; empty: sign-in with the provider is off. A new secret ends all sessions that
    began with this provider."""
    read_groups: tuple[str, ...] = ()
    """Groups whose members may read."""
    respond_groups: tuple[str, ...] = ()
    """Groups whose members may read and respond."""
    admin_groups: tuple[str, ...] = ()
    """Groups whose members may read, respond and administer."""
    team_groups: dict[str, tuple[str, ...]] = {}
    """Groups of each team: their members belong to the team, and may read."""
    groups_claim: str = Field("groups", min_length=1)
    """The claim that lists a person's groups, in the ID token or in the provider's user info response."""
    scopes: tuple[str, ...] = ()
    """OAuth scopes to request in addition to `openid`; none: `profile`, `email`, and, if the provider lists them,
    `groups` and `offline_access`."""

    @property
    def on(self) -> bool:
        """Whether people can sign in this way."""
        return bool(self.client_secret.get_secret_value())

    @property
    def groups(self) -> frozenset[str]:
        """Every group that the configuration names."""
        teams = (name for names in self.team_groups.values() for name in names)
        return frozenset((*self.read_groups, *self.respond_groups, *self.admin_groups, *teams))


class SessionLimits(Settings):
    """How long people stay signed in."""

    idle: PositiveDuration = timedelta(hours=12)
    """A session ends when it has not been used for this long."""
    absolute: PositiveDuration = timedelta(days=30)
    """A session ends this long after sign-in, even if it is in use."""


class Auth(Settings):
    """Who may call the API."""

    tokens: tuple[Token, ...] = ()
    """Callers."""
    oidc: Oidc | None = None
    """Sign-in with an OpenID Connect provider; none: by token only."""
    sessions: SessionLimits = SessionLimits()
    """How long people stay signed in, with a token or a provider."""

    @property
    def closed(self) -> bool:
        """Whether callers must authenticate."""
        return bool(self.tokens) or self.oidc is not None

    @model_validator(mode="after")
    def _one_sender_a_name(self) -> Self:
        known: dict[str, tuple[str, ...] | None] = {}
        for token in self.tokens:
            if Scope.INGEST in token.scopes and known.setdefault(token.name, token.resolvable) != token.resolvable:
                raise ValueError(
                    f"entries named {token.name} are one sender, but differ in resolves (write the same in each)"
                )
        return self
