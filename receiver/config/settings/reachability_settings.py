"""How often it is proved that pages reach people."""

from __future__ import annotations

from datetime import timedelta

from receiver.model.setting_values import PositiveDuration
from receiver.model.settings_base import Settings


class Reachability(Settings):
    """Test pages, which are drills: `receiver oncall prove` sends them, and a schedule does before shifts."""

    prove_every: PositiveDuration | None = None
    """How long an answered test page is valid. In the 24 hours before a shift, 9 to 18 h in the person's time zone,
    test pages are sent through the channels without a valid one; default: only on request."""
    within: PositiveDuration = timedelta(minutes=10)
    """How long to wait for the answer to a test page."""
