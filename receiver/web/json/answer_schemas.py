"""The schemas of answers in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from receiver.model.severity import Severity
from receiver.model.wall_clock import YEARS

Schema = dict[str, Any]


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
TIME: Schema = {"type": "string", "format": "date-time"}
WHEN: Schema = {**TIME, "pattern": YEARS}
"""A time in a request."""
WORDS: Schema = {"type": "array", "items": TEXT}
MEASURED: Schema = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"type": "number"}, {"const": "+Inf"}]},
    "description": "In base units: a ratio, seconds or a factor",
}
BAG: Schema = {"type": "object", "additionalProperties": TEXT}
SEVERITY: Schema = {"$ref": "#/components/schemas/Severity"}


def _object(required: Schema, optional: Schema | None = None, *, more: bool = False) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": more,
    }


def _list(name: str) -> Schema:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    return _object({"items": items, "next": _maybe(TEXT)})


def _array(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


ALERT = _object(
    {
        "fingerprint": TEXT, "status": {"type": "string", "enum": ["firing", "resolved"]}, "labels": BAG,
        "annotations": BAG, "starts_at": TIME, "estimated": {"type": "boolean"}, "ends_at": _maybe(TIME),
    }
)  # fmt: skip
DECISION = _object(
    {
        "severity": SEVERITY, "rule": TEXT, "reasons": WORDS, "scope": _maybe(TEXT), "scope_from": _maybe(TEXT),
        "capped_by": _maybe(TEXT), "rules_hash": TEXT, "next_worse": _maybe(TEXT), "measured": MEASURED,
    },
    more=True,
)  # fmt: skip
PAGE = _object(
    {
        "contact": TEXT, "person": TEXT, "step": TEXT, "channel": TEXT, "at": TIME,
        "status": {"type": "string", "enum": ["triggered", "acknowledged", "resolved"]},
    }
)  # fmt: skip
ROLES = ("incident_commander", "technical_lead", "communications_lead", "scribe")
INCIDENT = _object(
    {
        "id": TEXT, "title": TEXT, "severity": SEVERITY,
        "state": {
            "type": "string",
            "enum": ["open", "acknowledged", "identified", "monitoring", "resolved", "closed"],
        },
        "phase": {"type": "string", "enum": ["detect", "triage", "respond", "resolve", "review"]},
        "service": _maybe(TEXT), "labels": BAG, "opened_at": TIME, "estimated": {"type": "boolean"},
        "acknowledged_at": _maybe(TIME),
        "identified_at": _maybe(TIME), "mitigated_at": _maybe(TIME), "resolved_at": _maybe(TIME),
        "closed_at": _maybe(TIME),
        "alerts": _object({"firing": WHOLE, "resolved": WHOLE}, {"items": _array(ALERT)}),
        "decision": DECISION, "roles": _object({name: _maybe(TEXT) for name in ROLES}), "pages": _array(PAGE),
        "checklist": _array(
            _object(
                {"item": WHOLE, "text": TEXT, "done": {"type": "boolean"}, "by": _maybe(TEXT), "at": _maybe(TIME),
                 "found": _maybe(TEXT)}
            )
        ),
        "actions": _array(
            _object(
                {
                    "n": WHOLE, "title": TEXT, "owner": TEXT, "due": _maybe({"type": "string", "format": "date"}),
                    "status": {"type": "string", "enum": ["open", "done", "dropped"]},
                },
                more=True,
            )
        ),
        "links": BAG, "drill": {"type": "boolean"}, "version": WHOLE,
    },
    {"receipts": _array({"type": "object"})},
    more=True,
)  # fmt: skip
EVENT = _object(
    {
        "seq": WHOLE, "at": TIME, "kind": TEXT,
        "actor": _object(
            {
                "kind": {
                    "type": "string",
                    "enum": ["alertmanager", "person", "timer", "pagerduty", "slack", "api"],
                },
                "name": TEXT,
            }
        ),
        "reason": TEXT, "text": TEXT, "data": {"type": "object"},
    },
    {"corrected": {"type": "object"}}
)  # fmt: skip
PROBLEM = _object(
    {"type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT},
    {"errors": _array(_object({"path": TEXT, "message": TEXT}))},
)
CALLED = _object({"contact": TEXT, "person": TEXT, "channel": TEXT})

SHIFT = _object(
    {
        "person": _maybe(TEXT), "name": _maybe(TEXT), "since": _maybe(TIME), "until": TIME, "next": _maybe(TEXT),
        "reason": {"type": "string", "enum": ["rotation", "cover", "override", "nobody"]},
    },
    {"accepted": _maybe(_object({"by": TEXT, "at": TIME}))},
)  # fmt: skip
OVERRIDE = _object(
    {"id": TEXT, "schedule": TEXT, "person": TEXT, "from": TIME, "until": TIME, "by": TEXT, "made_at": TIME}
)
PREFLIGHT = _object(
    {
        "good": {"type": "boolean"}, "from": TIME, "until": TIME,
        "unreachable": _array(_object({"person": TEXT, "name": TEXT, "called_as": WORDS})),
        "gaps": _array(_object({"schedule": TEXT, "from": TIME, "until": TIME})),
    }
)  # fmt: skip

MOST = 2**64 - 1
"""Alertmanager counts so far."""
WORTH: Schema = {"anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}, {"type": "null"}]}
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
                    "annotations": WORTH,
                    "generatorURL": {"type": "string"},
                    "fingerprint": {"type": "string"},
                },
            },
        },
        "groupLabels": WORTH,
        "commonLabels": WORTH,
        "commonAnnotations": WORTH,
        "externalURL": {"type": "string"},
        "truncatedAlerts": {"type": "integer", "minimum": 0, "maximum": MOST},
    },
}
"""What Alertmanager posts (contracts: alertmanager, the payload); it may say more."""

SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Schema = _maybe({"type": "number"})
SPREAD = _object({"mean": NUMBER, "median": NUMBER, "p90": NUMBER})
PROMISE = {"incident": TEXT, "n": WHOLE, "title": TEXT, "owner": TEXT, "due": _maybe(TEXT)}
MONTH: Schema = {
    "month": TEXT,
    "total": WHOLE,
    "by_severity": {"type": "object", "additionalProperties": WHOLE},
    "mttd": SPREAD,
    "mtta": SPREAD,
    "mttr": SPREAD,
    "error_budget": _array(
        _object({"name": TEXT, "remaining": SHARE, "by": {"enum": ["incidents", "prometheus"]}}, more=True)
    ),
    "categories": _array(_object({"name": TEXT, "count": WHOLE})),
    "outstanding_actions": _array(_object({**PROMISE, "overdue": {"type": "boolean"}})),
    "improvements": _array(_object({**PROMISE, "done_at": TIME})),
    "targets": _array(_object({"metric": TEXT, "target": TEXT, "actual": NUMBER, "met": _maybe({"type": "boolean"})})),
}
FIGURES = ("month", "total", "by_severity", "mttd", "mtta", "mttr", "error_budget", "targets")

SCHEMAS: dict[str, Schema] = {
    "Severity": {
        "type": "string",
        "enum": [one.value for one in Severity],
        "description": "How bad it is: SEV-1 is the worst.",
    },
    "Incident": INCIDENT,
    "IncidentList": _list("Incident"),
    "Event": EVENT,
    "EventList": _list("Event"),
    "Letter": _object({"id": TEXT}, more=True),
    "LetterList": _list("Letter"),
    "Channel": _object(
        {
            "name": TEXT,
            "kind": _maybe(TEXT),
            "uses": WORDS,
            "on": {"type": "boolean"},
            "why": _maybe(TEXT),
            "resting": {"type": "boolean"},
        }
    ),
    "ChannelList": _list("Channel"),
    "Tried": _object({"channel": TEXT, "outcome": TEXT, "detail": TEXT, "ref": _maybe(TEXT)}),
    "Text": _object(
        {"incident": TEXT, "status": TEXT, "markdown": TEXT},
        {"subject": TEXT, "version": WHOLE, "versions": _array({"type": "object"})},
    ),
    "Monthly": _object(MONTH, more=True),
    "Figures": _object({name: MONTH[name] for name in MONTH if name in FIGURES}, more=True),
    "Clocks": _object(
        {
            "incident": TEXT,
            "clocks": _array(_object({"clock": TEXT, "at": _maybe(TIME), "by": _maybe(TEXT), "was": _maybe(TIME)})),
            "seconds": {"type": "object", "additionalProperties": _maybe({"type": "number"})},
        }
    ),
    "Pages": _object({"pages": _array(CALLED), "just_paged": _array(TEXT)}),
    "Shift": SHIFT,
    "ShiftList": _list("Shift"),
    "OnCall": _object(
        {"schedules": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Shift"}}}
    ),
    "Override": OVERRIDE,
    "OverrideList": _list("Override"),
    "Accepted": _object({"schedule": TEXT, "person": TEXT, "since": TIME, "by": TEXT, "at": TIME}),
    "CalendarAddress": _object({"schedule": TEXT, "person": TEXT, "url": TEXT}),
    "CalendarEnded": _object({"schedule": TEXT, "person": TEXT}),
    "Preflight": PREFLIGHT,
    "Window": _object({"id": _maybe(TEXT), "name": TEXT, "matchers": WORDS, "active": {"type": "boolean"}}, more=True),
    "WindowList": _list("Window"),
    "Unknown": _object(
        {
            "alertname": TEXT,
            "kind": TEXT,
            "text": TEXT,
            "generator_url": TEXT,
            "incident": _maybe(TEXT),
            "count": WHOLE,
            "first": TIME,
            "last": TIME,
            "fix": TEXT,
        }
    ),
    "UnknownList": _list("Unknown"),
    "Kept": _object({"at": TIME, "notification": {"type": "object"}}),
    "KeptList": _list("Kept"),
    "Notification": NOTIFICATION,
    "Problem": PROBLEM,
    "Simulated": _object({"incidents": _array({"type": "object"})}, more=True),
    "Restored": _object({"restored": WHOLE, "known": WHOLE, "refused": _array({"type": "object"})}),
    "ThingList": _list("Thing"),
    "Thing": _object({}, more=True),
}
"""By the names that operations use; `Thing` is an object that no schema tells more of."""
