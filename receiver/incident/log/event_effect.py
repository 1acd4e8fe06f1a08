"""What an event does to the state of its incident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident

Effect = Callable[[Incident, Event], dict[str, Any]]
"""(state before, event) -> the fields that change."""
