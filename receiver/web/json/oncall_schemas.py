"""Schemas of shifts, offers and overrides."""

from __future__ import annotations

from receiver.web.json.schema_types import TEXT, TIME, WORDS, array_of, nullable, object_of

SHIFT = object_of(
    {
        "person": nullable(TEXT), "name": nullable(TEXT), "since": nullable(TIME), "until": TIME,
        "next": nullable(TEXT),
        "reason": {"type": "string", "enum": ["rotation", "cover", "override", "nobody"]},
    },
    {"accepted": nullable(object_of({"by": TEXT, "at": TIME}))},
)  # fmt: skip
OFFER = object_of(
    {
        "id": TEXT, "schedule": TEXT, "person": TEXT, "from": TIME, "until": TIME, "by": TEXT, "made_at": TIME,
        "accepted_by": nullable(TEXT), "accepted_at": nullable(TIME),
    }
)  # fmt: skip
OVERRIDE = object_of(
    {"id": TEXT, "schedule": TEXT, "person": TEXT, "from": TIME, "until": TIME, "by": TEXT, "made_at": TIME}
)
PREFLIGHT = object_of(
    {
        "good": {"type": "boolean"}, "from": TIME, "until": TIME,
        "unreachable": array_of(object_of({
            "person": TEXT, "name": TEXT, "called_as": WORDS, "log_only": {"type": "boolean"},
        })),
        "gaps": array_of(object_of({"schedule": TEXT, "from": TIME, "until": TIME})),
        "unproved": array_of(object_of({
            "person": TEXT, "name": TEXT, "channel": TEXT, "how": nullable(TEXT), "proved_at": nullable(TIME),
        })),
    }
)  # fmt: skip
