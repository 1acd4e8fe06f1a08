"""The JSON of similar incidents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from receiver.model.base import rfc3339
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.context.similar_incidents import SimilarIncident
from receiver.web.json.incident_json import moment


def similar_shape(found: Sequence[SimilarIncident], setting: ActiveConfig) -> list[dict[str, Any]]:
    """Return each similar incident with the reason and its resolution, best match first."""
    shown = []
    for one in found:
        past, url = one.incident, setting.url(one.incident)
        chosen = past.mitigations[-1] if past.mitigations else None
        shown.append(
            {
                "incident": past.id, "title": past.title, "severity": past.severity, "why": one.why,
                "score": one.score, "opened_at": rfc3339(past.opened_at), "resolved_at": moment(past.resolved_at),
                "cause": past.cause, "resolution": past.resolution,
                "mitigation": (chosen.option or chosen.text) if chosen else None,
                "noise": past.noise is not None, "url": url, "postmortem": f"{url}/postmortem" if url else None,
            }
        )  # fmt: skip
    return shown
