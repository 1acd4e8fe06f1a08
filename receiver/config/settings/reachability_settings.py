"""How often test pages verify that people can be reached."""

from __future__ import annotations

from datetime import timedelta

from receiver.model.setting_values import PositiveDuration
from receiver.model.settings_base import Settings


class Reachability(Settings):
    """Test pages, which are drills: sent by `receiver oncall prove`, and automatically before shifts."""

    prove_every: PositiveDuration | None = None
    """How long an answered test page is valid. In the 24 hours before a shift, between 09:00 and 18:00 in the person's
    time zone, test pages are sent through the channels that have no valid one; default: only on request."""
    within: PositiveDuration = timedelta(minutes=10)
    """How long to wait for a response to a test page."""
