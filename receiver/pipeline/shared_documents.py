"""Parses the shared documents. An invalid one is logged and left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from receiver.incident.alerts.maintenance_windows import Window
from receiver.model.delivery.public_incident import PublicAnnouncement
from receiver.model.oncall.schedule_settings import Override
from receiver.triage.matchers import parse_matcher

Documents = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By kind and id."""

NOTHING: Documents = {}
OVERRIDE = "override"
OFFER = "offer"
"""Offers of shifts; an override with the same id is an acceptance."""
ACCEPTED = "accepted"
"""Who has accepted a hand-off, by its key."""
TAKEN_BACK = "taken-back"
"""Offers that were withdrawn and overrides that were lifted, for the log of their schedule."""
CALENDAR = "calendar"
"""Hashes of the secret addresses of calendars."""
PROOF = "proof"
"""Test pages, by person and channel."""
HANDED_OFF = "handed-off"
"""The configuration at the last hand-off of each schedule."""

WINDOWS = "maintenance"
"""Maintenance windows, by their id."""

PAGER = "pager"
"""Where people open a paging channel in a browser, by the name of the channel."""

ANNOUNCEMENTS = "announcement"
"""Public announcements without a component, by id."""

log = structlog.get_logger("receiver.board")


def overrides_of(documents: Documents) -> tuple[Override, ...]:
    """Return every override made at run time, past ones included."""
    found = []
    for key, document in documents.get(OVERRIDE, {}).items():
        try:
            found.append(Override.model_validate({**document, "id": key}))
        except ValidationError as error:
            log.error(
                "shared_document_read_failed",
                kind=OVERRIDE,
                id=key[:100],
                fields=[one["loc"] for one in error.errors()],
            )
    return tuple(found)


def posted_windows(documents: Documents) -> tuple[Window, ...]:
    """Return every maintenance window made at run time, past ones included."""
    found = []
    for key, document in documents.get(WINDOWS, {}).items():
        try:
            window = Window.model_validate({**document, "id": key})
            for text in window.matchers:
                parse_matcher(text)
            found.append(window)
        except ValueError:
            log.error("shared_document_read_failed", kind=WINDOWS, id=key[:100])
    return tuple(sorted(found, key=lambda window: window.id))


def posted_announcements(documents: Documents) -> tuple[PublicAnnouncement, ...]:
    """Return every announcement, past ones included, the newest first."""
    found = []
    for key, document in documents.get(ANNOUNCEMENTS, {}).items():
        try:
            found.append(PublicAnnouncement.model_validate({**document, "id": key}))
        except ValidationError:
            log.error("shared_document_read_failed", kind=ANNOUNCEMENTS, id=key[:100])
    return tuple(sorted(found, key=lambda one: (one.at, one.id), reverse=True))
