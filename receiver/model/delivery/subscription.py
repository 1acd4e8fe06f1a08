"""Subscribers of the status page, and their mail. Addresses are personal data: nothing here is logged."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from receiver.model.base import Kept


class SubscriberState(StrEnum):
    """Whether mail is sent to an address."""

    ACTIVE = "active"
    STOPPED = "stopped"
    """Its mail server refuses mail for it, or an operator stopped it."""


class Subscriber(Kept):
    """An address whose owner has confirmed that they want mail."""

    id: str
    """A keyed hash of the address, which cannot be computed without the key."""
    address: str
    components: tuple[str, ...] = ()
    """Ids of the subscribed components; empty: all."""
    language: str = "en"
    confirmed_at: datetime
    state: SubscriberState = SubscriberState.ACTIVE
    failures: int = 0
    """Number of consecutive mails that could not be delivered."""


class PendingSubscription(Kept):
    """An unconfirmed sign-up; it is only stored, encrypted, in its own link."""

    address: str
    components: tuple[str, ...] = ()
    language: str = "en"
    nonce: str
    """Limits the link to one confirmation."""


class NewsKind(StrEnum):
    """The subject of a mail to subscribers."""

    UPDATE = "update"
    MAINTENANCE_SOON = "maintenance_soon"
    MAINTENANCE_BEGUN = "maintenance_begun"
    MAINTENANCE_OVER = "maintenance_over"
    ANNOUNCEMENT = "announcement"


class SubscriberNews(Kept):
    """News that is mailed to subscribers, the same for each of them."""

    key: str
    """A key that is the same for the same news, so that it is sent once."""
    kind: NewsKind
    at: datetime
    title: str
    text: str = ""
    progress: str = ""
    """The status of an update, in Statuspage's terms."""
    components: tuple[str, ...] = ()
    """Ids of the affected components; empty: all subscribers get it."""
    about: str = ""
    """The thread of mails about the same subject: the public id of an incident or a window."""
    link: str = ""
    """Address of the page about it."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def concerns(self, subscriber: Subscriber) -> bool:
        """Return whether this subscriber chose it, and confirmed before it was published."""
        if subscriber.state is not SubscriberState.ACTIVE or subscriber.confirmed_at > self.at:
            return False
        return not self.components or not subscriber.components or bool({*self.components} & {*subscriber.components})
