"""The test alert of the console: a notification as Alertmanager posts one, for the first minutes with the service."""

from __future__ import annotations

from datetime import datetime

import orjson

from receiver.model.alert.alert import Notification, fingerprint, parse_notification
from receiver.model.base import rfc3339

LABELS = {"alertname": "TestAlert", "severity": "info"}
"""With `info`, the default rules open an incident of the lowest severity, which pages no one."""
NOTES = {"summary": "Sent from the console to see what an incident looks like"}


def sample_notification(now: datetime) -> Notification:
    """Return a notification of one alert that has been firing since `now`."""
    alert = {
        "status": "firing", "labels": LABELS, "annotations": NOTES, "startsAt": rfc3339(now),
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": fingerprint(LABELS),
    }  # fmt: skip
    return parse_notification(
        orjson.dumps({
            "version": "4", "groupKey": '{}/{sender="console"}:{alertname="TestAlert"}', "truncatedAlerts": 0,
            "status": "firing", "receiver": "incidents", "groupLabels": {"alertname": LABELS["alertname"]},
            "commonLabels": LABELS, "commonAnnotations": NOTES, "externalURL": "", "alerts": [alert],
        })
    )  # fmt: skip
