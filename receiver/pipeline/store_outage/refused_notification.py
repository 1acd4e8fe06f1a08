"""One refused notification, and its state until it is stored, has ended, or was paged."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import orjson

from receiver.incident.log.notification_outcome import NotificationPart
from receiver.model.alert.alert import Notification
from receiver.pipeline.store_outage.emergency_pages import EmergencyPage

UNKNOWN = 9
"""The rank of a notification that was not judged yet."""


@dataclass
class RefusedNotification:
    """One refused notification, the newest of its group."""

    notification: Notification
    since: float
    """Monotonic seconds of the group's first refusal."""
    received: float
    """The same for the newest notification, which is kept."""
    version: int = 0
    """How often a newer notification of the group replaced it."""
    body: bytes = b""
    """The body as received, which is written to disk if the process ends."""
    parts: list[NotificationPart] | None = None
    """Its parts, once it was judged."""
    rank: int = UNKNOWN
    """Its urgency; 1 for SEV-1."""
    first: Notification | None = None
    """The group's first refused notification, until it was judged."""
    episodes: dict[str, int] = field(default_factory=dict)
    """The episodes by correlation key when it was first refused: a group that shrinks keeps its page keys."""
    next_at: float = 0.0
    busy: bool = False
    failed_from: float = -math.inf
    """When the last attempt began that failed because of the store rather than this process (monotonic)."""
    decided: bool = False
    """Whether its pages without the store were decided."""
    capped: bool = False
    """Whether a storm's page covers it."""
    ended: Notification | None = None
    """The refused notification that reports that all its alerts ended after people were paged."""
    pages: list[EmergencyPage] = field(default_factory=list)
    errors: int = 0
    """Number of attempts that failed with an unexpected error."""
    tries: int = 0
    """Number of failed attempts to adopt its pages although the store was available."""

    @property
    def only_waits(self) -> bool:
        """Whether it pages no one and only waits to be stored."""
        return self.decided and not self.pages and not self.capped and not self.busy

    @property
    def order(self) -> tuple[bool, bool, bool, int, float]:
        """The sort key for attempts.

        Notifications held by a storm come last. Among paged ones, those whose page was not accepted come first, because
        their rows send it again.
        """
        sent = all(page.accepted for page in self.pages)
        return self.capped, bool(self.pages), bool(self.pages) and sent, self.rank, self.since

    def kept_body(self) -> bytes:
        """Return the body as received, or an equivalent one."""
        return self.body or orjson.dumps(self.notification.model_dump(mode="json", by_alias=True))


def group_name(notification: Notification) -> str:
    """Return the name under which refused notifications of one group replace each other.

    A restricted sender has separate names, so that it replaces no notification of another sender.
    """
    return "\0".join((notification.receiver, notification.group_key, *notification.sender.mark))


def says_the_same(one: Notification, other: Notification) -> bool:
    """Return whether two notifications of a group are equal, even from two Alertmanagers with their own tokens."""
    return one == (other if other.sender == one.sender else other.model_copy(update={"sender": one.sender}))
