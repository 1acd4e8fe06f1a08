"""The interface of a channel: one file, one settings model, pure payloads, one `send`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, SecretStr

from receiver.channels.delivery_error import REASONS, WHOLE_LIMIT, DeliveryError, Reason
from receiver.channels.http_client import Http, Reply, raise_for
from receiver.channels.safe_text import HIDDEN, clean, cut, hide
from receiver.model.base import Frozen
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.delivery.phone_answer import Verb
from receiver.model.delivery.picture import Picture
from receiver.model.delivery.vendor_quota import Quota
from receiver.model.incident.runbook import Runbook
from receiver.model.incident.ticket import Ticket

__all__ = [
    "REASONS",
    "BaseUrl",
    "Channel",
    "ChannelSettings",
    "DeliveryError",
    "Http",
    "Reason",
    "Reply",
    "hidden_url",
    "http_url",
    "is_set",
    "raise_for",
]


def http_url(text: str) -> str:
    """Return `text` without a closing slash when it is an http(s) URL with a host, or empty. Raises ValueError."""
    if not text:
        return text
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  (a port that is no number shows only when it is read)
    except ValueError:
        raise ValueError("not a URL that can be read (expected https://host/path)") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http or https URL with a host (expected https://host/path)")
    return text.rstrip("/")


def hidden_url(url: str) -> str:
    """Return `url` with all but scheme and host replaced by `***`: a webhook's path is often its credential."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/{HIDDEN}"


BaseUrl = Annotated[str, AfterValidator(http_url)]
"""The address of a vendor; any configured host may be called, including the loopback."""


class ChannelSettings(Frozen):
    """One entry of `channels` in the configuration; subclasses add `kind: Literal[...]` and what they need."""

    # A validation error repeats its input, and here the input may be a token.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: str


def is_set(secret: SecretStr) -> bool:
    """Return whether `secret` is set: empty means off, never open."""
    return bool(secret.get_secret_value().strip())


PAGING = frozenset({Action.TRIGGER, Action.ACKNOWLEDGE, Action.RESOLVE})
"""Actions of channels that page people; the other actions are for channels that inform."""

WARNING_LIMIT = 500

S = TypeVar("S", bound=ChannelSettings)


class Channel(ABC, Generic[S]):
    """A configured channel to a vendor or to people."""

    kind: ClassVar[str]
    Settings: ClassVar[type[ChannelSettings]]
    paging: ClassVar[bool] = False
    """Whether it can page a person."""
    informs: ClassVar[bool] = False
    """Whether it accepts messages about an incident."""
    tickets: ClassVar[bool] = False
    """Whether it creates tickets: for incidents whose severity requires one, and for action items."""
    publishes: ClassVar[bool] = False
    """Whether it publishes status updates."""
    documents: ClassVar[bool] = False
    """Whether it stores documents as pages: post-mortems and reviews."""
    marks: ClassVar[bool] = False
    """Whether it annotates the time of an incident."""
    personal: ClassVar[bool] = False
    """Whether it sends to each person at their own address."""
    verbs: ClassVar[tuple[Verb, ...]] = (Verb.ACKNOWLEDGE, Verb.ESCALATE)
    """The verbs for which its pages have a token, if people can respond with one."""
    looks_up: ClassVar[bool] = False
    """Whether a repeated attempt queries the vendor for the earlier one first."""
    settles: ClassVar[float] = 0.0
    """Seconds until a search at the vendor finds a new object; a repeated attempt waits for that long."""
    keyed: ClassVar[bool] = False
    """Whether the vendor deduplicates pages by their key, so that they may be sent without the store."""
    two_way: ClassVar[bool] = False
    """Whether people can respond in it, or their changes at the vendor become commands here."""
    edits: ClassVar[bool] = False
    """Whether a later state changes the existing message, page or ticket at the vendor."""
    receipts: ClassVar[bool] = False
    """Whether the vendor reports later whether a page reached the device."""
    idempotent: ClassVar[bool] = False
    """Whether a repeated attempt leaves one message: the vendor deduplicates it, or the channel looks for it first."""
    wakes: ClassVar[bool] = True
    """Whether its pages can wake people; if not, it replaces no other channel."""
    pictures: ClassVar[bool] = False
    """Whether it can add images to a message about an incident."""
    groups: ClassVar[bool] = False
    """Whether it has user groups, whose members can be set."""
    least_address: ClassVar[int] = 0
    """Minimum length of a person's address that strangers must not guess."""

    def __init__(self, name: str, settings: S, http: Http) -> None:
        """`name`: its key in `channels`; `http`: the connections that all channels share."""
        self.name = name
        self.settings = settings
        self.http = http

    def __repr__(self) -> str:
        """Return name and kind; the settings hold secrets."""
        return f"<{type(self).__name__} {self.name}>"

    @abstractmethod
    def missing(self) -> str | None:
        """Return which address or credential is missing, so that the channel is off; None if it is complete."""

    @abstractmethod
    def address(self) -> str:
        """Return the default address, such as `#incidents`; never a secret."""

    def server(self) -> str:
        """Return the host, and the port if it is configured, to which messages are sent; otherwise the kind.

        The rest of the address is never included, because a path or a password in it may be secret.
        """
        for name in ("smtp_url", "api_url", "url"):
            value = getattr(self.settings, name, "")
            parts = urlsplit(value.get_secret_value() if isinstance(value, SecretStr) else str(value or ""))
            if parts.hostname:
                return parts.netloc.rpartition("@")[2]
        return self.kind

    def takes_private(self) -> bool:
        """Return whether a private incident may have a ticket here, with only its id, severity and state. Pure."""
        return False

    def addresses(self) -> tuple[str, ...]:
        """Return every address that is notified of all incidents."""
        return (self.address(),)

    def answerable(self) -> bool:
        """Return whether a person can respond to its pages with a token (pipeline/response/phone_answers.py). Pure."""
        return False

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return the limits of the vendor that sending `notice` counts against; none are known. Pure."""
        return ()

    @abstractmethod
    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the requests that `send` would make, as JSON, with every secret replaced by `***`. Pure."""

    @abstractmethod
    async def deliver(self, notice: Notice) -> Receipt:
        """Send `notice` to the vendor; called by `send`, which has checked that it can. Raises DeliveryError."""

    async def regroup(self, group: str, addresses: tuple[str, ...], now: datetime) -> None:
        """Set the members of the user group. Raises DeliveryError."""
        raise DeliveryError("refused", f"{self.name} has no user groups", permanent=True)

    def posted(self, memory: Mapping[str, Any]) -> bool:
        """Return whether the receipts' `memory` names a message to which an image can be added. Pure."""
        return False

    async def show(self, picture: Picture, memory: Mapping[str, Any], now: datetime) -> None:
        """Add an image to the message that the receipts' `memory` names. Raises DeliveryError."""
        raise DeliveryError("refused", f"{self.name} does not show images", permanent=True)

    @classmethod
    def tells(cls) -> bool:
        """Return whether it accepts anything other than pages and documents."""
        return cls.informs or cls.tickets or cls.marks or cls.publishes or cls.personal

    @classmethod
    def able(cls, action: Action) -> bool:
        """Return whether it can do `action` at all."""
        if action in PAGING:
            return cls.paging
        return cls.documents if action is Action.DOCUMENT else cls.tells()

    async def changed(self, since: timedelta, now: datetime) -> Sequence[Ticket]:
        """Return our tickets that changed at the vendor since then, oldest first. Raises DeliveryError."""
        return ()

    def recognised(self, ticket: Ticket, memory: Mapping[str, Any]) -> Ticket | None:
        """Return `ticket` completed from its receipts' `memory`; None if this service did not create it. Pure."""
        return ticket

    async def guides(self, label: str, now: datetime) -> Sequence[Runbook]:
        """Return the pages that are labelled `label`, with their other labels. Raises DeliveryError."""
        raise DeliveryError("refused", f"{self.name} does not store documents", permanent=True)

    async def send(self, notice: Notice) -> Receipt:
        """Return the vendor's receipt for `notice`.

        All its calls together end within `http.total` seconds, so that a send always ends before its lease. Raises
        DeliveryError, and no other error of the vendor or the network.
        """
        self._complete()
        if not self.able(notice.action):
            detail = f"{self.name} cannot {notice.action.value}"
            raise DeliveryError("refused", detail, permanent=True)
        return await self._within(self.deliver, notice)

    async def ask(self, notice: Notice) -> Receipt:
        """Return the receipt of a read-only request to the vendor; otherwise like `send`."""
        self._complete()
        return await self._within(self.probe, notice)

    async def probe(self, notice: Notice) -> Receipt:
        """Check the settings with a read-only request to the vendor; called by `ask`.

        It is needed only by channels in which a test message would remain. Raises DeliveryError.
        """
        raise DeliveryError("refused", f"{self.name} has no read-only request for a test", permanent=True)

    def _complete(self) -> None:
        lacking = self.missing()
        if lacking is not None:
            raise DeliveryError("refused", f"{self.name}: {lacking}", permanent=True)

    async def _within(self, call: Callable[[Notice], Awaitable[Receipt]], notice: Notice) -> Receipt:
        try:
            async with asyncio.timeout(self.http.total):
                receipt = await call(notice)
        except TimeoutError:
            detail = f"{self.name}: not finished after {self.http.total:g} s"
            raise DeliveryError("timeout", detail, ambiguous=True, retry_after=self.settles or None) from None
        except DeliveryError as error:
            if error.ambiguous and self.settles:
                error.retry_after = max(error.retry_after or 0.0, self.settles)
            # Each channel hides what it sent; this hides secrets in the vendor's answer.
            error.conceal(self.secrets(notice))
            raise
        if receipt.warning is None:
            return receipt
        warning = hide(clean(receipt.warning, WHOLE_LIMIT), self.secrets(notice))
        return receipt.model_copy(update={"warning": cut(warning, WARNING_LIMIT)})

    def secrets(self, notice: Notice) -> tuple[str, ...]:
        """Return every credential of the settings and every pager address of `notice`: none may be shown."""
        found = [value.get_secret_value() for _, value in self.settings if isinstance(value, SecretStr)]
        found += [page.address for page in notice.incident.pages] if notice.incident else []
        found += [notice.page.address] if notice.page else []
        found += [notice.address] if self.paging and notice.address != self.address() else []
        found += notice.answers.values()
        return tuple(filter(None, found))
