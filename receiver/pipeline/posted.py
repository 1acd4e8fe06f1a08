"""What stands on the board, read as what it means. A document that cannot be read is said, and counts for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from receiver.model.oncall import Override

Documents = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By kind and id."""

NOTHING: Documents = {}
OVERRIDE = "override"
ACCEPTED = "accepted"
"""Who has accepted a hand-off, by its key."""
HANDED_OFF = "handed-off"
"""What the configuration was at the last hand-off of a schedule, by its name."""

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
