"""The record of each alert of an incident."""

from __future__ import annotations

from typing import NamedTuple

from receiver.model.severity import Severity


class AlertRecord(NamedTuple):
    """The record of one alert of an incident, stored by fingerprint, in addition to the state.

    It is not a model, because no data comes from outside, and one notification creates thousands (0.3 us each, not 5).
    """

    fingerprint: str
    firing: bool
    starts_ms: int
    ends_ms: int | None
    severity: Severity
    name: str
    digest: str
    """Hash of the body, so that only a changed body is written again."""
    seen_ms: int
    sender: str = ""
    """The sender that first reported it; empty: recorded by an earlier release, or found by this service."""
