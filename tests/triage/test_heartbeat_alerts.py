"""The Watchdog and InfoInhibitor fire on purpose, and open no incident."""

from __future__ import annotations

import pytest

from receiver.triage.heartbeat_alerts import is_no_alarm, opens
from receiver.triage.matchers import parse_matcher


@pytest.mark.parametrize(
    ("labels", "quiet"),
    [
        ({"alertname": "Watchdog", "severity": "none"}, True),
        ({"alertname": "Watchdog"}, True),
        ({"alertname": "InfoInhibitor", "severity": " None ", "namespace": "a"}, True),
        ({"alertname": "InfoInhibitor", "severity": "critical"}, False),
        ({"alertname": "WatchdogBarks", "severity": "none"}, False),
        ({"alertname": "DiskFull", "severity": "none"}, False),
        ({}, False),
    ],
)
def test_what_is_no_alarm(labels: dict[str, str], quiet: bool) -> None:
    assert is_no_alarm(labels) is quiet


def test_what_an_alert_opens() -> None:
    watchdog = [parse_matcher('alertname="DeadMan"')]
    assert opens({"alertname": "DeadMan", "severity": "critical"}, watchdog) == "heartbeat"
    assert opens({"alertname": "DeadMan", "severity": "critical"}, []) == "incident"
    assert opens({"alertname": "Watchdog", "severity": "none"}, watchdog) == "heartbeat"
    assert opens({"alertname": "InfoInhibitor"}, watchdog) == "inhibitor"
