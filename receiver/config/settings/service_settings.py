"""The settings of the service itself: its name, its server, its store, who may call it, and what comes in."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from string import Formatter
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from receiver.config.settings.addresses import (
    EmptyIsNone,
    Listen,
    NetworkText,
    PathText,
    WebAddress,
    WithoutEmpty,
    check_store,
    is_loopback,
)
from receiver.config.settings.alertmanager_address import AlertmanagerEntry
from receiver.incident.service_name import SERVICE_FROM
from receiver.model.delivery.public_incident import UNNAMED_PRODUCT
from receiver.model.setting_values import Duration, PositiveDuration, Size, ZoneName
from receiver.model.settings_base import Settings
from receiver.model.severity import Severity
from receiver.model.severity_policy import NewAlert
from receiver.model.store_address import StoreAddress, parse_store_address
from receiver.triage.matchers import MatcherText

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Service(Settings):
    """How the service calls itself."""

    name: str = Field("receiver", min_length=1)
    """The name that people and pages see."""
    public_url: Annotated[WebAddress | None, EmptyIsNone] = None
    """Where people reach the console: links lead there; none: messages carry no link."""
    support_email: Annotated[str | None, EmptyIsNone] = None
    """Whom customers may write to."""
    environment: str = "production"
    """What this installation watches over."""
    timezone: ZoneName = "UTC"
    """The zone of business hours and reports."""

    @property
    def product(self) -> str:
        """What the public reads where no component is named: `name`, but never that of this program."""
        return UNNAMED_PRODUCT if self.name == type(self).model_fields["name"].default else self.name


class Server(Settings):
    """Where it listens."""

    listen: Listen = "127.0.0.1:8080"
    """host:port. Beyond the loopback it needs a token."""
    status_page_listen: Annotated[Listen | None, EmptyIsNone] = None
    """host:port that serves the public status page alone, so that nothing else need be exposed."""
    public_path: PathText | None = None
    """Path at which a proxy serves it and which it takes off, as /receiver; left out: that of `service.public_url`."""
    trusted_proxies: tuple[NetworkText, ...] = ()
    """Networks of the proxies whose X-Forwarded-For is believed, such as 127.0.0.1/32; elsewhere the header says
    nothing."""
    shutdown_grace: Duration = timedelta(seconds=20)
    """How long a stop waits for what has begun."""
    max_body: Size = 32 * 1024 * 1024
    """Largest body that a request may have; ten thousand alerts are some 7 MiB."""

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses to listen on, by name: `main`, and `status` where the status page has one of its own."""
        wanted = {"main": self.listen, "status": self.status_page_listen}
        return {name: address for name, address in wanted.items() if address is not None}


class Durability(StrEnum):
    """When something counts as durable."""

    FSYNC = "fsync"
    REPLICAS = "replicas"
    MEMORY = "memory"


def _check_namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise ValueError("not a namespace (write letters, digits, dots, dashes and underscores, such as receiver)")
    return text


class Redis(Settings):
    """The store."""

    url: Annotated[SecretStr, AfterValidator(check_store)] = SecretStr("embedded")
    """`embedded`, `redis://HOST:6379/0`, `unix:///PATH`, `redis+sentinel://HOST,HOST/PRIMARY` or
    `redis+cluster://HOST,HOST`; `rediss` for TLS, `valkey` and `valkeys` mean the same. Secret, for it may hold a
    password."""
    sentinel_username: str = ""
    """The user at the Sentinels; that of the address is for the servers."""
    sentinel_password: SecretStr = SecretStr("")
    """The password at the Sentinels; empty: they ask for none."""
    ca_file: Annotated[str | None, EmptyIsNone] = None
    """With TLS: certificates of the authorities that are trusted, in PEM; none: those of the system."""
    cert_file: Annotated[str | None, EmptyIsNone] = None
    """With TLS: the certificate that this service shows, in PEM."""
    key_file: Annotated[str | None, EmptyIsNone] = None
    """Its private key, in PEM; none: it is in `cert_file`."""
    namespace: Annotated[str, AfterValidator(_check_namespace)] = "receiver"
    """The hash tag of every key: several services may share a store."""
    durability: Durability = Durability.FSYNC
    """`fsync`: 2xx once it is on disk; `replicas`: once `replicas` have it; `memory`: once the store has it."""
    replicas: int = Field(0, ge=0)
    """How many replicas must have a write before it counts."""
    data_dir: str = Field("receiver-data", min_length=1)
    """Folder of the embedded store; relative to the working directory. RECEIVER_DATA_DIR overrides it."""
    lease: PositiveDuration = timedelta(seconds=12)
    """How long a replica holds a piece of work before another may take it; more than `send_deadline`."""
    send_deadline: PositiveDuration = timedelta(seconds=8)
    """How long one send to a vendor may take."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.lease <= self.send_deadline:
            raise ValueError("lease must be longer than send_deadline, or two replicas send (write 12s and 8s)")
        if self.durability is Durability.REPLICAS and not self.replicas:
            raise ValueError("durability: replicas needs a number of them (write replicas: 1 or more)")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file without cert_file (write both)")
        return self

    @property
    def embedded(self) -> bool:
        """Whether the service starts its own store."""
        return self.url.get_secret_value() == "embedded"

    @property
    def address(self) -> StoreAddress | None:
        """The address, taken apart; none where the service starts its own store."""
        return None if self.embedded else parse_store_address(self.url.get_secret_value())

    @property
    def shown(self) -> str:
        """The address without user and password, for people."""
        return self.address.shown if self.address else "embedded"

    @property
    def exposed(self) -> bool:
        """Whether it is spoken to in plain text beyond the loopback."""
        found = self.address
        return found is not None and not found.tls and not all(is_loopback(host) for host, _ in found.nodes)


class Scope(StrEnum):
    """What a token may do (surfaces.md, HTTP)."""

    INGEST = "ingest"
    METRICS = "metrics"
    READ = "read"
    RESPOND = "respond"
    ADMIN = "admin"


class Token(Settings):
    """One caller. Two entries of the same scopes are a rotation."""

    name: str = Field(min_length=1)
    """Who it is: stands in the log as the actor."""
    token: SecretStr = SecretStr("")
    """What it sends; empty matches nothing."""
    scopes: tuple[Scope, ...] = Field(min_length=1)
    """What it may do."""


class Oidc(Settings):
    """Sign-in of people through an identity provider."""

    issuer: WebAddress
    """The provider."""
    client_id: str = Field(min_length=1)
    """This service, there."""
    client_secret: SecretStr = SecretStr("")
    """Its secret, there."""
    respond_groups: tuple[str, ...] = ()
    """Groups whose members may respond; others read."""


class Auth(Settings):
    """Who may call."""

    tokens: tuple[Token, ...] = ()
    """Callers."""
    oidc: Oidc | None = None
    """Sign-in of people; none: by token."""


class Watchdog(Settings):
    """The dead man's switch: an alert that always fires, whose silence is the alarm."""

    matchers: tuple[MatcherText, ...] = Field(default=('alertname="Watchdog"',), min_length=1)
    """What it looks like; all must hold."""
    group_by: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Labels that tell one from another, such as [cluster]: each is listened for by itself; none: any will do."""
    silent_after: PositiveDuration = timedelta(minutes=5)
    """How long it may be silent."""
    severity: Severity = Severity.SEV2
    """Of the incident that its silence opens."""


class Storm(Settings):
    """When too much happens at once."""

    incidents: int = Field(20, ge=1)
    """More than this many ..."""
    within: PositiveDuration = timedelta(minutes=1)
    """... opened within this time: later ones join one storm incident, paged once."""


class Reconcile(Settings):
    """How Alertmanager is asked what is true there."""

    every: PositiveDuration = timedelta(seconds=30)
    """How often."""
    forgotten_after: PositiveDuration = timedelta(minutes=10)
    """What it has not known for so long is over; longer than its restart needs to hear of everything again."""
    unheard_after: PositiveDuration = timedelta(minutes=6)
    """What has fired there for so long and never came in opens its incident; longer than group_interval."""


class History(Settings):
    """Notifications that are kept, so that new rules can be tried on them."""

    keep: Duration = timedelta(days=30)
    """How long; 0s: none are kept."""
    size: Size = 64 * 1024 * 1024
    """How much of the store they may take, compressed; the oldest leave."""


class Ingest(Settings):
    """What comes in."""

    alertmanagers: Annotated[tuple[AlertmanagerEntry, ...], WithoutEmpty] = ()
    """Addresses that are asked what is true there, and for silences; each alone, or with headers of its own."""
    watchdog: Watchdog | None = Watchdog()
    """The dead man's switch, armed by its first notification; null: off."""
    reconcile: Reconcile = Reconcile()
    """How `alertmanagers` are asked."""
    storm: Storm = Storm()
    """When later incidents join one."""
    history: History = History()
    """Notifications that are kept for `receiver rules diff`."""


class CustomerVisibility(Settings):
    """Whether customers see an incident: the label decides, else the scope."""

    label: str = Field("customer_visible", min_length=1)
    """A label that says true or false."""
    scopes: tuple[str, ...] = ("all_users", "many_users", "single_tenant")
    """Scopes of the severity rules that customers see."""


def _check_id(text: str) -> str:
    try:
        pieces = [
            (name, spec) for _, name, spec, conversion in Formatter().parse(text) if name is not None or conversion
        ]
    except ValueError:
        pieces = []
    if "number" not in [name for name, _ in pieces] or not all(
        name in ("year", "month", "number") and re.fullmatch(r"(0?[1-9]d?)?", spec or "") for name, spec in pieces
    ):
        raise ValueError("not a form of ids (write {number} and perhaps {year}, such as INC-{year}-{number:04d})")
    return text


def _check_correlation(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not all(names):
        raise ValueError("nothing to correlate by (write [group] or names of labels, such as [service, environment])")
    if "group" in names and len(names) > 1:
        raise ValueError("group stands alone (write [group], or names of labels only)")
    if len(set(names)) != len(names):
        raise ValueError("a label is here twice (name each once)")
    return names


class Incidents(Settings):
    """The life of an incident."""

    id: Annotated[str, AfterValidator(_check_id)] = "INC-{year}-{number:04d}"
    """How ids are written, of {year}, {month} and {number}."""
    correlate_by: Annotated[tuple[str, ...], AfterValidator(_check_correlation)] = ("group",)
    """`[group]`: receiver and group labels; or names of labels: which alerts belong together."""
    service_from: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] = SERVICE_FROM
    """Labels that name an incident's service; the first counts whose value names no exporter."""
    detect_at_most: PositiveDuration = timedelta(hours=1)
    """What had fired for longer when its receiver was first heard of says nothing of the time to detect."""
    monitor_for: Duration = timedelta(minutes=15)
    """After every alert has resolved, how long to watch before resolving."""
    auto_resolve: bool = True
    """Whether it resolves by itself then."""
    reopen_within: Duration = timedelta(hours=1)
    """Firing again so soon after resolution reopens it."""
    new_alert_while_acknowledged: NewAlert | None = None
    """A new alert joins an acknowledged incident: `page` whoever acknowledged, where it is more severe than all before
    or starts over 10 min later; `notify`: chat alone; `ignore`; none: `page` for SEV-1 and SEV-2, else `notify`."""
    history: PositiveDuration = timedelta(days=400)
    """How long closed incidents are kept in the store."""
    archive: Annotated[str | None, EmptyIsNone] = None
    """Folder that they go to then, as files of JSON Lines, one a month; none: they are let go."""
    customer_visible: CustomerVisibility = CustomerVisibility()
    """Whether customers see it."""
    emergency_paging: bool = True
    """Whether SEV-1 and SEV-2 are paged straight while the store is away."""
    emergency_after: PositiveDuration = timedelta(seconds=2)
    """How long a refused SEV-1 or SEV-2 may wait to be stored before it is paged without the store."""
