"""The log as a pager: pages are visible without any configuration."""

from __future__ import annotations

import pytest
import structlog

from receiver.channels.http_client import Http
from receiver.channels.log import Log, LogSettings
from receiver.model.delivery.notice import Action
from receiver.model.severity import Severity
from tests.channels.conftest import Wired
from tests.channels.notices import ROUTING_KEY, hostile, incident, notice, tell
from tests.fakes import Site, Vendor

VENDOR = None


def wiring(vendor: Vendor, site: Site, http: Http) -> Wired:
    """Return the channel set up against its fake."""
    return Wired(Log("log", LogSettings(), http), vendor, site, notice(Action.TRIGGER), (ROUTING_KEY,))


@pytest.fixture
def log() -> Log:
    return Log("log", LogSettings(), Http())


@pytest.mark.parametrize(
    ("severity", "level"), [(Severity.SEV1, "critical"), (Severity.SEV2, "critical"), (Severity.SEV3, "error")]
)
async def test_a_page_is_one_loud_line(log: Log, severity: Severity, level: str) -> None:
    with structlog.testing.capture_logs() as lines:
        receipt = await log.send(notice(Action.TRIGGER, incident=incident(severity=severity)))
    assert lines == [
        {
            "event": "page_logged",
            "log_level": level,
            "channel": "log",
            "action": "trigger",
            "incident": "INC-2026-0042",
            "severity": severity.value,
            "state": "open",
            "title": "HighErrorRate: Error rate 12% on checkout-api",
            "rule": "errors-for-everyone",
            "person": "alice",
            "contact": "on-call",
        }
    ]
    assert receipt.ref


async def test_the_levels_of_the_rest(log: Log) -> None:
    with structlog.testing.capture_logs() as lines:
        await log.send(notice(Action.RESOLVE))
        await log.send(notice(Action.INFORM))
        await log.send(tell("parked"))
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("page_logged", "warning"),
        ("incident_logged", "info"),
        ("message_logged", "warning"),
    ]
    assert lines[2]["text"] == "parked"


async def test_hostile_text_cannot_forge_a_line(log: Log) -> None:
    with structlog.testing.capture_logs() as lines:
        await log.send(hostile(Action.TRIGGER))
    assert len(lines) == 1
    shown = "".join(str(value) for value in lines[0].values())
    assert not set(shown) & set("\r\n\x1b\x00\u202e\u200b\ud800")
    assert ROUTING_KEY not in shown
