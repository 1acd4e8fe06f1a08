"""When alerts started, and when their time of arrival is used instead."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from receiver.incident.alerts.alert_start import alerts_began, drop_future_starts
from receiver.model.alert.alert import NO_TIME, Alert, parse_notification

NOW = datetime(2026, 11, 29, 4, 0, tzinfo=UTC)
SAMPLE = Path(__file__).parents[2] / "samples" / "upstream" / "payloads" / "11-startsat-zero" / "payload.json"


def alert(starts: object) -> Alert:
    said = {"status": "firing", "labels": {"alertname": "A"}, "startsAt": starts}
    return Alert.model_validate(said)


@pytest.mark.parametrize(
    "starts",
    ["0001-01-01T00:00:00Z", "", "absent", None, "1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "soon", 7,
     "2026-11-29T04:01:01Z", "2260-01-01T00:00:00Z", "2026-11-29T04:00:00"],
)  # fmt: skip
def test_what_is_no_beginning(starts: object) -> None:
    said = json.loads(SAMPLE.read_text())
    said["alerts"][0] |= {"startsAt": starts}
    if starts == "absent":
        del said["alerts"][0]["startsAt"]
    notification = drop_future_starts(parse_notification(json.dumps(said).encode()), NOW)
    assert notification.alerts[0].starts_at == NO_TIME
    assert alerts_began(notification.alerts, NOW) == (NOW, True)


@pytest.mark.parametrize("starts", ["2026-11-29T03:59:00Z", "2000-01-01T00:00:00Z", "2026-11-29T05:00:30+01:00"])
def test_what_is_one(starts: str) -> None:
    one = alert(starts)
    at, estimated = alerts_began([one], NOW)
    assert not estimated
    assert at == min(one.starts_at, NOW)


def test_the_first_that_is_known_counts() -> None:
    known, unknown = alert("2026-11-29T03:50:00Z"), alert("")
    assert alerts_began([unknown, known], NOW) == (known.starts_at, False)


def test_what_had_fired_for_long_when_its_receiver_was_first_heard_of() -> None:
    hour = timedelta(hours=1)
    old, fresh = alert("2026-11-20T00:00:00Z"), alert("2026-11-29T03:00:00Z")
    assert alerts_began([old], NOW, NOW, hour) == (NOW, True)
    assert alerts_began([fresh], NOW, NOW, hour) == (fresh.starts_at, False)
    assert alerts_began([old, fresh], NOW, NOW, hour) == (fresh.starts_at, False)
    # Its receiver was known all the time, so the delay is the time to detect.
    assert alerts_began([old], NOW, NOW - timedelta(days=30), hour) == (old.starts_at, False)
    assert alerts_began([old], NOW, None, hour) == (old.starts_at, False)
