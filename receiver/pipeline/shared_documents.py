"""What stands on the board, read as what it means. A document that cannot be read is said, and counts for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from receiver.incident.alerts.maintenance_windows import Window
from receiver.model.oncall.schedule_settings import Override
from receiver.triage.matchers import parse_matcher

Documents = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By kind and id."""

NOTHING: Documents = {}
OVERRIDE = "override"
ACCEPTED = "accepted"
"""Who has accepted a hand-off, by its key."""
CALENDAR = "calendar"
"""Hashes of the secret addresses of calendars."""
HANDED_OFF = "handed-off"
"""What the configuration was at the last hand-off of a schedule, by its name."""

WINDOWS = "maintenance"
"""Maintenance windows, by their id."""

log = structlog.get_logger("receiver.board")


def overrides_of(documents: Documents) -> tuple[Override, ...]:
    """Return every override that was made while the service ran, past ones included."""
    found = []
    for key, document in documents.get(OVERRIDE, {}).items():
        try:
            found.append(Override.model_validate({**document, "id": key}))
        except ValidationError as error:
            log.error("board_unreadable", kind=OVERRIDE, id=key[:100], fields=[one["loc"] for one in error.errors()])
    return tuple(found)


def posted_windows(documents: Documents) -> tuple[Window, ...]:
    """Return every maintenance window that was put up while the service ran, past ones included."""
    found = []
    for key, document in documents.get(WINDOWS, {}).items():
        try:
            window = Window.model_validate({**document, "id": key})
            for text in window.matchers:
                parse_matcher(text)
            found.append(window)
        except ValueError:
            log.error("board_unreadable", kind=WINDOWS, id=key[:100])
    return tuple(sorted(found, key=lambda window: window.id))
