"""Logs and counts administrative actions, and requests that were refused with 401 or 403."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web

from receiver.metrics import Metrics

CALLER = web.RequestKey("caller", str)
"""The name of the caller, if known."""
REFUSED = "refused_request"
"""The action in the log line of a refused request."""

log = structlog.get_logger("receiver.audit")


def audit(metrics: Metrics, action: str, caller: str, peer: str, path: str, outcome: str, **more: Any) -> None:
    """Count an administrative action, and write its line."""
    metrics.audited.labels(action, outcome).inc()
    log.info("action_audited", action=action, caller=caller, peer=peer, path=path, outcome=outcome, **more)


def audit_refusal(
    metrics: Metrics, left_out: int | None, caller: str | None, peer: str, path: str, status: int, reason: str
) -> None:
    """Count a request that was refused with 401 or 403, and write its line.

    `left_out`: the number of requests without a line since the last line (RefusalLog); None: this one has none either.
    """
    metrics.audited.labels(REFUSED, str(status)).inc()
    if left_out is None:
        return
    more = {"not_logged": left_out} if left_out else {}
    log.warning(
        "action_audited",
        action=REFUSED,
        caller=caller,
        peer=peer,
        path=path,
        outcome=str(status),
        reason=reason,
        **more,
    )
