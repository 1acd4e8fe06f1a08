"""Settings of the store."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from receiver.config.settings.addresses import EmptyIsNone, check_store, is_loopback
from receiver.model.setting_values import PositiveDuration
from receiver.model.settings_base import Settings
from receiver.model.store_address import StoreAddress, parse_store_address

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Durability(StrEnum):
    """When a write counts as durable."""

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
    `redis+cluster://HOST,HOST`; `rediss` for TLS; `valkey` and `valkeys` work too. Secret, because it may
    contain a password."""
    sentinel_username: str = ""
    """The user for the Sentinels; the user in the address is for the servers."""
    sentinel_password: SecretStr = SecretStr("")
    """The password for the Sentinels; empty: none."""
    ca_file: Annotated[str | None, EmptyIsNone] = None
    """With TLS: certificates of the trusted CAs, in PEM; none: the system's."""
    cert_file: Annotated[str | None, EmptyIsNone] = None
    """With TLS: the client certificate of this service, in PEM."""
    key_file: Annotated[str | None, EmptyIsNone] = None
    """Its private key, in PEM; none: it is in `cert_file`."""
    namespace: Annotated[str, AfterValidator(_check_namespace)] = "receiver"
    """The hash tag of every key; it lets several services share a store."""
    durability: Durability = Durability.FSYNC
    """When a 2xx is returned: `fsync`: once the data is on disk; `replicas`: once `replicas` have it; `memory`: once
    the store has it."""
    replicas: int = Field(0, ge=0)
    """How many replicas must acknowledge a write."""
    data_dir: str = Field("receiver-data", min_length=1)
    """Folder of the embedded store; relative to the working directory. RECEIVER_DATA_DIR overrides it."""
    lease: PositiveDuration = timedelta(seconds=12)
    """How long a replica holds a row before another may claim it; more than `send_deadline`."""
    send_deadline: PositiveDuration = timedelta(seconds=8)
    """Timeout for a single send to a vendor."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.lease <= self.send_deadline:
            raise ValueError("lease must be longer than send_deadline, or two replicas send (write 12s and 8s)")
        if self.durability is Durability.REPLICAS and not self.replicas:
            raise ValueError("durability: replicas needs the number of replicas (write replicas: 1 or more)")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file without cert_file (write both)")
        return self

    @property
    def embedded(self) -> bool:
        """Whether the service starts its own store."""
        return self.url.get_secret_value() == "embedded"

    @property
    def address(self) -> StoreAddress | None:
        """The parsed address; None if the service starts its own store."""
        return None if self.embedded else parse_store_address(self.url.get_secret_value())

    @property
    def shown(self) -> str:
        """The address without user and password, for people."""
        return self.address.shown if self.address else "embedded"

    @property
    def exposed(self) -> bool:
        """Whether the connection to it is unencrypted and goes beyond the loopback."""
        found = self.address
        return found is not None and not found.tls and not all(is_loopback(host) for host, _ in found.nodes)
