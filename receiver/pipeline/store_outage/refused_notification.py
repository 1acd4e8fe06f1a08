"""One notification that was refused: what is known of it until it is stored, ended or paged."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import orjson

from receiver.incident.log.notification_outcome import NotificationPart
from receiver.model.alert.alert import Notification
from receiver.pipeline.store_outage.emergency_pages import EmergencyPage

UNKNOWN = 9
"""The rank of one that was not judged yet."""


@dataclass
class RefusedNotification:
    """One refused notification: the newest of its group."""

    notification: Notification
    since: float
    """Monotonic seconds of the group's first refusal."""
    received: float
    """The same, of the notification that is kept, the newest."""
    version: int = 0
    """How often a newer notification of the group has replaced it."""
    body: bytes = b""
    """As it was received, to be written down should the process end."""
    parts: list[NotificationPart] | None = None
    """What it says, once it was judged."""
    rank: int = UNKNOWN
    """How urgent it is; 1 for SEV-1."""
    first: Notification | None = None
    """The group's first refused notification, until it was judged."""
    episodes: dict[str, int] = field(default_factory=dict)
    """By correlation key, of what fired when it was refused first: a group that shrinks keeps its page keys."""
    next_at: float = 0.0
    busy: bool = False
    failed_from: float = -math.inf
    """When the last attempt began that failed because of the store, and not because of this process (monotonic)."""
    decided: bool = False
    """Whether it was decided whom to page for it without the store."""
    capped: bool = False
    """Whether the page of a storm stands for it."""
    ended: Notification | None = None
    """The refused notification that says that all of it has ended since its people were paged."""
    pages: list[EmergencyPage] = field(default_factory=list)
    errors: int = 0
    """Attempts that failed for a reason that nobody has thought of."""
    tries: int = 0
    """Attempts to adopt its pages that failed although the store was there."""

    @property
    def only_waits(self) -> bool:
        """Whether nobody is paged for it, so that it only waits to be stored."""
        return self.decided and not self.pages and not self.capped and not self.busy

    @property
    def order(self) -> tuple[bool, bool, bool, int, float]:
        """By what it is attempted before others.

        Last what a storm holds back; of what was paged first what nobody has accepted: it is sent again by the store.
        """
        sent = all(page.accepted for page in self.pages)
        return self.capped, bool(self.pages), bool(self.pages) and sent, self.rank, self.since

    def kept_body(self) -> bytes:
        """Return the body as it was received, or one that says the same."""
        return self.body or orjson.dumps(self.notification.model_dump(mode="json", by_alias=True))


def group_name(notification: Notification) -> str:
    """Return the name under which refused notifications of one group replace each other.

    A restricted sender has its own, so that it replaces nothing that another one sent.
    """
    return "\0".join((notification.receiver, notification.group_key, *notification.sender.mark))


def says_the_same(one: Notification, other: Notification) -> bool:
    """Return whether two notifications of a group say the same, also where two Alertmanagers with a token each do."""
    return one == (other if other.sender == one.sender else other.model_copy(update={"sender": one.sender}))
