"""The record of each alert of an incident."""

from __future__ import annotations

from typing import NamedTuple

from receiver.model.severity import Severity


class AlertRecord(NamedTuple):
    """What is kept of one alert of an incident, beside the state, by fingerprint.

    No model: nothing of it comes from outside, and thousands are made from one notification (0.3 us each, not 5).
    """

    fingerprint: str
    firing: bool
    starts_ms: int
    ends_ms: int | None
    severity: Severity
    name: str
    digest: str
    """Hash of the body, so that only a body that changed is written again."""
    seen_ms: int
    sender: str = ""
    """Who reported it when it began; empty: recorded by an earlier release, or found by this service."""
