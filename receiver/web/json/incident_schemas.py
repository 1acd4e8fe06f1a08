"""Schemas of an incident and its records."""

from __future__ import annotations

from receiver.web.json.schema_types import (
    INTEGER,
    MAPPING,
    MEASUREMENTS,
    SEVERITY,
    TEXT,
    TIME,
    WORDS,
    array_of,
    nullable,
    object_of,
)

ALERT = object_of(
    {
        "fingerprint": TEXT, "status": {"type": "string", "enum": ["firing", "resolved"]}, "labels": MAPPING,
        "annotations": MAPPING, "starts_at": TIME, "estimated": {"type": "boolean"}, "ends_at": nullable(TIME),
        "sender": nullable(TEXT),
    }
)  # fmt: skip
DECISION = object_of(
    {
        "severity": SEVERITY, "rule": TEXT, "reasons": WORDS, "scope": nullable(TEXT), "scope_from": nullable(TEXT),
        "capped_by": nullable(TEXT), "rules_hash": TEXT, "next_worse": nullable(TEXT), "measured": MEASUREMENTS,
    },
    more=True,
)  # fmt: skip
PAGE = object_of(
    {
        "contact": TEXT, "person": TEXT, "step": TEXT, "channel": TEXT, "at": TIME,
        "status": {"type": "string", "enum": ["triggered", "failed", "acknowledged", "resolved"]},
        "delivery": nullable(
            {"type": "string", "enum": ["queued", "sent", "delivered", "refused", "acknowledged", "cancelled"]}
        ),
        "delivered_at": nullable(TIME),
    }
)  # fmt: skip
ROLES = ("incident_commander", "technical_lead", "communications_lead", "scribe")
INCIDENT = object_of(
    {
        "id": TEXT, "title": TEXT, "severity": SEVERITY,
        "state": {
            "type": "string",
            "enum": ["open", "acknowledged", "identified", "monitoring", "resolved", "closed"],
        },
        "phase": {"type": "string", "enum": ["detect", "triage", "respond", "resolve", "review"]},
        "team": TEXT, "service": nullable(TEXT), "labels": MAPPING, "opened_at": TIME, "estimated": {"type": "boolean"},
        "acknowledged_at": nullable(TIME),
        "identified_at": nullable(TIME), "mitigated_at": nullable(TIME), "resolved_at": nullable(TIME),
        "closed_at": nullable(TIME),
        "alerts": object_of({"firing": INTEGER, "resolved": INTEGER}, {"items": array_of(ALERT)}),
        "decision": DECISION, "roles": object_of({name: nullable(TEXT) for name in ROLES}), "pages": array_of(PAGE),
        "next_escalation": nullable(
            object_of({"at": TIME, "contacts": WORDS, "reason": {"type": "string", "enum": ["backup", "step"]}})
        ),
        "noise": nullable(object_of({"by": TEXT, "at": TIME, "text": TEXT})),
        "checklist": array_of(
            object_of(
                {"item": INTEGER, "text": TEXT, "done": {"type": "boolean"}, "by": nullable(TEXT), "at": nullable(TIME),
                 "found": nullable(TEXT)}
            )
        ),
        "actions": array_of(
            object_of(
                {
                    "n": INTEGER, "title": TEXT, "owner": TEXT, "due": nullable({"type": "string", "format": "date"}),
                    "status": {"type": "string", "enum": ["open", "done", "dropped"]},
                },
                more=True,
            )
        ),
        "links": MAPPING, "drill": {"type": "boolean"}, "version": INTEGER,
    },
    {"receipts": array_of({"type": "object"}), "changed": WORDS, "warnings": WORDS},
    more=True,
)  # fmt: skip
EVENT = object_of(
    {
        "seq": INTEGER, "at": TIME, "kind": TEXT,
        "actor": object_of(
            {
                "kind": {
                    "type": "string",
                    "enum": ["alertmanager", "person", "timer", "pagerduty", "slack", "api"],
                },
                "name": TEXT,
                "caller": nullable(TEXT),
            }
        ),
        "reason": TEXT, "text": TEXT, "data": {"type": "object"},
    },
    {"corrected": {"type": "object"}}
)  # fmt: skip
TEAM = object_of(
    {
        "name": TEXT, "matchers": WORDS, "any": array_of(WORDS), "labels": MAPPING, "priority": {"type": "integer"},
        "chat": nullable(TEXT), "private": {"type": "boolean"}, "visible_to": WORDS, "contacts": WORDS,
        "schedules": WORDS, "severities": {"type": "object"}, "open": INTEGER,
    },
    more=True,
)  # fmt: skip
CALLED = object_of({"contact": TEXT, "person": TEXT, "channel": TEXT})
