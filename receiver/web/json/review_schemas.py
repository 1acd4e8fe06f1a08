"""Schemas of the monthly report."""

from __future__ import annotations

from receiver.web.json.schema_types import INTEGER, TEXT, TIME, Schema, array_of, nullable, object_of

RATIO: Schema = {"type": "number", "minimum": 0, "maximum": 1}
NUMBER: Schema = nullable({"type": "number"})
STATISTICS = object_of({"mean": NUMBER, "median": NUMBER, "p90": NUMBER})
ACTION = {"incident": TEXT, "n": INTEGER, "title": TEXT, "owner": TEXT, "due": nullable(TEXT)}
COUNTS: Schema = {"type": "object", "additionalProperties": INTEGER}
MONTH: Schema = {
    "month": TEXT,
    "total": INTEGER,
    "by_severity": COUNTS,
    "weeks": array_of(
        object_of(
            {"begins": TEXT, "total": INTEGER, "by_severity": {"type": "object", "additionalProperties": INTEGER}}
        )
    ),
    "mttd": STATISTICS,
    "mtta": STATISTICS,
    "mttr": STATISTICS,
    "error_budget": array_of(
        object_of({"name": TEXT, "remaining": RATIO, "by": {"enum": ["incidents", "prometheus"]}}, more=True)
    ),
    "categories": array_of(object_of({"name": TEXT, "count": INTEGER})),
    "outstanding_actions": array_of(object_of({**ACTION, "overdue": {"type": "boolean"}})),
    "improvements": array_of(object_of({**ACTION, "done_at": TIME})),
    "targets": array_of(
        object_of({"metric": TEXT, "target": TEXT, "actual": NUMBER, "met": nullable({"type": "boolean"})})
    ),
}
FIGURES = ("month", "total", "by_severity", "mttd", "mtta", "mttr", "error_budget", "targets")
