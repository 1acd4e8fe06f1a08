"""When an incident's alerts say that they began, and whether that can be believed. Pure.

A startsAt that is missing, of a year before anybody's monitoring, or in the future is no beginning: the time of arrival
counts instead. So it does for what had fired for long when its receiver was first seen, as that says when this
service was connected, and nothing of how long the detection took.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from receiver.model.alert.alert import NO_TIME, Alert, Notification

AHEAD = timedelta(seconds=60)
"""How far a clock of somebody else may be ahead."""


def drop_future_starts(notification: Notification, now: datetime) -> Notification:
    """Return `notification` with each startsAt that lies in the future taken for missing."""
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
    """Return when the first of `alerts` began, and whether that is only the time of arrival, `now`.

    Args:
        alerts: those that fire.
        now: when they arrived.
        heard_since: when their receiver was first seen; None: nobody knows.
        at_most: how long before that they may have fired.
    """
    edge = heard_since - at_most if heard_since is not None and at_most is not None else NO_TIME
    known = [alert.starts_at for alert in alerts if alert.starts_at != NO_TIME and alert.starts_at >= edge]
    # A clock that is a little ahead makes no negative durations.
    return (min(*known, now), False) if known else (now, True)
