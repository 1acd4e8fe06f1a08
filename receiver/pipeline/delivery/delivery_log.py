"""The fields of each log line about a delivery."""

from __future__ import annotations

from typing import Any

from receiver.model.delivery.notice import Notice
from receiver.store.due.leased_row import LeasedRow


def log_fields(row: LeasedRow, notice: Notice | None) -> dict[str, Any]:
    """Return the fields that identify a delivery: its channel, incident, person and attempt."""
    incident = notice.incident if notice else None
    return {
        "channel": row.to.channel,
        "action": str(notice.action) if notice else None,
        "incident": incident.id if incident else None,
        "severity": incident.severity if incident else None,
        "person": notice.page.person if notice and notice.page else None,
        "attempt": row.attempts + 1,
    }
