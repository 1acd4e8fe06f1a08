"""When an incident's alerts began according to their startsAt, and whether that time is plausible. Pure.

A startsAt that is missing, decades old, or in the future is ignored: the time of arrival counts instead. The same is
true of alerts that had been firing for long when their receiver was first seen: their startsAt says nothing about how
long the detection took.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from receiver.model.alert.alert import NO_TIME, Alert, Notification

AHEAD = timedelta(seconds=60)
"""Maximum time that another system's clock may be ahead."""


def drop_future_starts(notification: Notification, now: datetime) -> Notification:
    """Return `notification` with each startsAt in the future treated as missing."""
    latest = now + AHEAD
    if all(alert.starts_at <= latest for alert in notification.alerts):
        return notification
    alerts = tuple(
        alert if alert.starts_at <= latest else alert.model_copy(update={"starts_at": NO_TIME})
        for alert in notification.alerts
    )
    return notification.model_copy(update={"alerts": alerts})


def alerts_began(
    alerts: Iterable[Alert], now: datetime, heard_since: datetime | None = None, at_most: timedelta | None = None
) -> tuple[datetime, bool]:
    """Return when the first of `alerts` began, and whether this is only the time of arrival, `now`.

    Args:
        alerts: the firing alerts.
        now: when they arrived.
        heard_since: when their receiver was first seen; None if unknown.
        at_most: how long before `heard_since` they may have been firing.
    """
    edge = heard_since - at_most if heard_since is not None and at_most is not None else NO_TIME
    known = [alert.starts_at for alert in alerts if alert.starts_at != NO_TIME and alert.starts_at >= edge]
    # A clock that is slightly ahead must not cause negative durations.
    return (min(*known, now), False) if known else (now, True)
