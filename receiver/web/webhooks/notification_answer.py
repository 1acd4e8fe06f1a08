"""The response to Alertmanager, as JSON."""

from __future__ import annotations

from typing import Any

from receiver.model.base import rfc3339
from receiver.pipeline.intake.intake_answer import Answer, PartResult


def answer_json(said: Answer) -> dict[str, Any]:
    """Return the most severe outcome, and in `all` each one if labels split the notification."""
    shape = _part_json(said.foremost)
    if len(said.parts) > 1:
        shape["all"] = [_part_json(part) for part in said.parts]
    return shape


def _part_json(said: PartResult) -> dict[str, Any]:
    shape = {"incident": said.incident, "severity": said.severity, "outcome": said.outcome, "reason": said.reason}
    return shape | ({"monitoring_until": rfc3339(said.monitoring_until)} if said.monitoring_until else {})
