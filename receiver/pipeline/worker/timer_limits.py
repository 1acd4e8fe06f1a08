"""The maximum wait of each timer of the service itself; a longer one was dated by a wrong clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.alerts.alertmanager_reconciliation import NAME as RECONCILE
from receiver.pipeline.alerts.watchdog import NAME as WATCHDOG
from receiver.pipeline.oncall.overrides import HANDOFF
from receiver.pipeline.oncall.reachability_timer import LOOK as PROVED_EVERY
from receiver.pipeline.oncall.reachability_timer import NAME as PROVE
from receiver.pipeline.oncall.user_groups import LOOK
from receiver.pipeline.oncall.user_groups import NAME as GROUPS
from receiver.pipeline.response.ticket_sync import EVERY as ASKED
from receiver.pipeline.response.ticket_sync import NAME as TICKETS
from receiver.pipeline.review.incident_archive import EVERY as ARCHIVED
from receiver.pipeline.review.incident_archive import NAME as ARCHIVE
from receiver.pipeline.review.incident_compression import EVERY as COMPRESSED
from receiver.pipeline.review.incident_compression import NAME as COMPRESS
from receiver.pipeline.review.reports import NAME as MONTHLY
from receiver.pipeline.worker.external_heartbeat import NAME as HEARTBEAT

SLACK = timedelta(seconds=5)
"""Maximum difference between the clocks of two replicas."""
_MONTH = timedelta(days=32)

_LONGEST: Mapping[str, Callable[[ActiveConfig], timedelta | None]] = {
    WATCHDOG: lambda setting: setting.silent_after,
    HEARTBEAT: lambda setting: setting.heartbeat[1] if setting.heartbeat else None,
    RECONCILE: lambda setting: setting.reconcile.every if setting.reconcile else None,
    TICKETS: lambda setting: ASKED,
    MONTHLY: lambda setting: _MONTH,
    ARCHIVE: lambda setting: ARCHIVED,
    COMPRESS: lambda setting: COMPRESSED,
    GROUPS: lambda setting: LOOK,
    HANDOFF: lambda setting: LOOK,
    PROVE: lambda setting: PROVED_EVERY,
}


def longest_waits(setting: ActiveConfig) -> dict[str, int]:
    """Return the longest wait of each timer that is on, in milliseconds, by its member in the store."""
    waits = {name: of(setting) for name, of in _LONGEST.items()}
    return {
        f"sys {name}": round((wait + SLACK).total_seconds() * 1000) for name, wait in waits.items() if wait is not None
    }
