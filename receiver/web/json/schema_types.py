"""Building blocks of the schemas in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from receiver.model.wall_clock import YEARS

Schema = dict[str, Any]


def nullable(schema: Schema) -> Schema:
    """Return `schema`, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
TIME: Schema = {"type": "string", "format": "date-time"}
WHEN: Schema = {**TIME, "pattern": YEARS}
"""A time in a request."""
WORDS: Schema = {"type": "array", "items": TEXT}
MEASUREMENTS: Schema = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"type": "number"}, {"const": "+Inf"}]},
    "description": "In base units: a ratio, seconds or a factor",
}
MAPPING: Schema = {"type": "object", "additionalProperties": TEXT}
SEVERITY: Schema = {"$ref": "#/components/schemas/Severity"}


def object_of(required: Schema, optional: Schema | None = None, *, more: bool = False) -> Schema:
    """Return the schema of an object. `more`: whether it may have other properties."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": more,
    }


def list_of(name: str) -> Schema:
    """Return the schema of one page of a list of the schema `name`."""
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    return object_of({"items": items, "next": nullable(TEXT)})


def array_of(schema: Schema) -> Schema:
    """Return the schema of an array of `schema`."""
    return {"type": "array", "items": schema}
