"""Validation errors in plain language, because the validator's own messages contain its types."""

from __future__ import annotations

from pydantic import ValidationError

_KINDS = {
    "extra_forbidden": "no such field",
    "missing": "is needed",
    "date": "not a date (write it as 2026-12-01)",
    "time": "not a time (write it as 2026-11-23T14:02:00Z)",
    "zone": "a time without a timezone (write it as 2026-11-23T14:02:00Z)",
}
_BEGINNINGS = (
    ("Value error, ", ""), ("Input should be", "must be"), ("String should", "must"), ("List should", "must"),
    ("Input should", "must"),
)  # fmt: skip
_UPSTREAM = {
    "missing": "is missing",
    "string_type": "must be text",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
}
"""Messages by the validator's error type, for fields that another program wrote."""


def plain_message(kind: str, text: str) -> str:
    """Return the error with pydantic's `kind` and `text` in plain language."""
    kind = "zone" if kind.startswith("timezone") else "time" if kind.startswith("datetime") else kind
    kind = "date" if kind.startswith("date") else kind
    if kind in _KINDS:
        return _KINDS[kind]
    for beginning, instead in _BEGINNINGS:
        if text.startswith(beginning):
            return f"{instead}{text.removeprefix(beginning)}"
    return text


def upstream_message(kind: str, text: str) -> str:
    """Return the error in a body that another program wrote, for the developer of that program."""
    return _UPSTREAM.get(kind) or plain_message(kind, text)


def first_message(error: ValidationError) -> str:
    """Return the first error with its field."""
    one = error.errors(include_url=False, include_input=False)[0]
    path, said = ".".join(map(str, one["loc"])), plain_message(one["type"], one["msg"])
    return f"{path}: {said}" if path else said
