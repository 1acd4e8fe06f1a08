"""The schemas of responses in the OpenAPI document."""

from __future__ import annotations

from receiver.model.severity import Severity
from receiver.web.json.incident_schemas import CALLED, EVENT, INCIDENT, TEAM
from receiver.web.json.notification_schema import NOTIFICATION
from receiver.web.json.oncall_schemas import OFFER, OVERRIDE, PREFLIGHT, SHIFT
from receiver.web.json.review_schemas import FIGURES, MONTH
from receiver.web.json.schema_types import (
    INTEGER,
    SEVERITY,
    TEXT,
    TIME,
    WORDS,
    Schema,
    array_of,
    list_of,
    nullable,
    object_of,
)

PROBLEM = object_of(
    {"type": TEXT, "title": TEXT, "status": INTEGER, "detail": TEXT},
    {"errors": array_of(object_of({"path": TEXT, "message": TEXT}))},
)


SCHEMAS: dict[str, Schema] = {
    "Severity": {
        "type": "string",
        "enum": [one.value for one in Severity],
        "description": "SEV-1 is the most severe.",
    },
    "Incident": INCIDENT,
    "IncidentList": list_of("Incident"),
    "Team": TEAM,
    "TeamList": list_of("Team"),
    "Event": EVENT,
    "EventList": list_of("Event"),
    "Similar": object_of(
        {
            "items": array_of(
                object_of(
                    {
                        "incident": TEXT,
                        "title": TEXT,
                        "severity": SEVERITY,
                        "why": TEXT,
                        "score": {"type": "number"},
                        "opened_at": TIME,
                        "resolved_at": nullable(TIME),
                        "cause": nullable(TEXT),
                        "resolution": nullable(TEXT),
                        "mitigation": nullable(TEXT),
                        "noise": {"type": "boolean"},
                        "url": nullable(TEXT),
                        "postmortem": nullable(TEXT),
                    }
                )
            ),
            "next": nullable(TEXT),
            "fired": object_of({"last_24h": INTEGER, "last_30d": INTEGER}),
            "catch_up": TEXT,
        }
    ),
    "Draft": object_of(
        {
            "incident": TEXT,
            "title": TEXT,
            "severity": SEVERITY,
            "n": INTEGER,
            "status": TEXT,
            "state": {"type": "string", "enum": ["draft", "published", "discarded"]},
            "text": TEXT,
            "deadline": nullable(TIME),
            "by": TEXT,
            "at": TIME,
        },
        more=True,
    ),
    "DraftList": list_of("Draft"),
    "Letter": object_of({"id": TEXT}, more=True),
    "LetterList": list_of("Letter"),
    "Channel": object_of(
        {
            "name": TEXT,
            "kind": nullable(TEXT),
            "uses": WORDS,
            "on": {"type": "boolean"},
            "why": nullable(TEXT),
            "resting": {"type": "boolean"},
            "resting_until": nullable(TIME),
            "last_error": nullable(TEXT),
            "last_error_at": nullable(TIME),
            "last_success": nullable(TIME),
        }
    ),
    "ChannelList": list_of("Channel"),
    "Tried": object_of({"channel": TEXT, "outcome": TEXT, "detail": TEXT, "ref": nullable(TEXT)}),
    "Text": object_of(
        {"incident": TEXT, "status": TEXT, "markdown": TEXT},
        {"subject": TEXT, "version": INTEGER, "versions": array_of({"type": "object"})},
    ),
    "Monthly": object_of(MONTH, more=True),
    "Figures": object_of({name: MONTH[name] for name in MONTH if name in FIGURES}, more=True),
    "Clocks": object_of(
        {
            "incident": TEXT,
            "clocks": array_of(
                object_of({"clock": TEXT, "at": nullable(TIME), "by": nullable(TEXT), "was": nullable(TIME)})
            ),
            "seconds": {"type": "object", "additionalProperties": nullable({"type": "number"})},
        }
    ),
    "Pages": object_of({"pages": array_of(CALLED), "just_paged": array_of(TEXT)}),
    "Shift": SHIFT,
    "ShiftList": list_of("Shift"),
    "OnCall": object_of(
        {"schedules": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Shift"}}}
    ),
    "Override": OVERRIDE,
    "OverrideList": list_of("Override"),
    "Offer": OFFER,
    "OfferList": list_of("Offer"),
    "ScheduleLog": object_of(
        {"items": array_of(object_of({"at": TIME, "kind": TEXT, "by": TEXT, "text": TEXT})), "next": nullable(TEXT)}
    ),
    "Accepted": object_of({"schedule": TEXT, "person": TEXT, "since": TIME, "by": TEXT, "at": TIME}),
    "CalendarAddress": object_of({"schedule": TEXT, "person": TEXT, "url": TEXT}),
    "CalendarEnded": object_of({"schedule": TEXT, "person": TEXT}),
    "Preflight": PREFLIGHT,
    "Proof": object_of(
        {
            "person": TEXT,
            "channel": TEXT,
            "how": nullable(TEXT),
            "by": TEXT,
            "asked_at": TIME,
            "until": TIME,
            "proved_at": nullable(TIME),
            "answered": {"type": "boolean"},
            "waiting": {"type": "boolean"},
        }
    ),
    "ProofList": list_of("Proof"),
    "Window": object_of(
        {"id": nullable(TEXT), "name": TEXT, "matchers": WORDS, "active": {"type": "boolean"}}, more=True
    ),
    "WindowList": list_of("Window"),
    "Unknown": object_of(
        {
            "alertname": TEXT,
            "kind": TEXT,
            "text": TEXT,
            "generator_url": TEXT,
            "incident": nullable(TEXT),
            "count": INTEGER,
            "first": TIME,
            "last": TIME,
            "fix": TEXT,
        }
    ),
    "UnknownList": list_of("Unknown"),
    "RuleHit": object_of({"rule": TEXT, "today": INTEGER, "last_30_days": INTEGER}),
    "RuleHitList": list_of("RuleHit"),
    "Kept": object_of({"at": TIME, "notification": {"type": "object"}}),
    "KeptList": list_of("Kept"),
    "Notification": NOTIFICATION,
    "Problem": PROBLEM,
    "Simulated": object_of({"incidents": array_of({"type": "object"})}, more=True),
    "Restored": object_of({"restored": INTEGER, "known": INTEGER, "refused": array_of({"type": "object"})}),
    "Session": object_of(
        {
            "id": TEXT,
            "kind": {"type": "string", "enum": ["token", "oidc"]},
            "name": TEXT,
            "account": TEXT,
            "person": nullable(TEXT),
            "teams": WORDS,
            "scopes": WORDS,
            "began_at": TIME,
            "seen_at": TIME,
            "groups_at": nullable(TIME),
            "peer": TEXT,
            "agent": TEXT,
        }
    ),
    "SessionList": list_of("Session"),
    "Subscriber": object_of(
        {
            "id": TEXT,
            "email": TEXT,
            "components": WORDS,
            "language": TEXT,
            "state": {"type": "string", "enum": ["active", "stopped"]},
            "confirmed_at": TIME,
        }
    ),
    "SubscriberList": list_of("Subscriber"),
    "Announcement": object_of({"id": TEXT, "title": TEXT, "text": TEXT, "at": TIME, "until": nullable(TIME)}),
    "AnnouncementList": list_of("Announcement"),
    "ThingList": list_of("Thing"),
    "Thing": object_of({}, more=True),
}
"""The schemas by the names that operations use; `Thing` is an object without its own schema."""
