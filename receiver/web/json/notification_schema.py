"""Schema of the notification that Alertmanager sends."""

from __future__ import annotations

from receiver.web.json.schema_types import Schema

MOST = 2**64 - 1
"""The largest value of Alertmanager's counter."""
LABELS: Schema = {"anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}, {"type": "null"}]}
NOTIFICATION: Schema = {
    "type": "object",
    "required": ["version", "groupKey", "receiver", "status", "alerts"],
    "properties": {
        "version": {"const": "4"},
        "groupKey": {"type": "string", "minLength": 1},
        "receiver": {"type": "string"},
        "status": {"type": "string", "enum": ["firing", "resolved"]},
        "alerts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["status", "labels"],
                "properties": {
                    "status": {"type": "string", "enum": ["firing", "resolved"]},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "annotations": LABELS,
                    "generatorURL": {"type": "string"},
                    "fingerprint": {"type": "string"},
                },
            },
        },
        "groupLabels": LABELS,
        "commonLabels": LABELS,
        "commonAnnotations": LABELS,
        "externalURL": {"type": "string"},
        "truncatedAlerts": {"type": "integer", "minimum": 0, "maximum": MOST},
    },
}
"""Alertmanager's notification; it may have other properties."""
