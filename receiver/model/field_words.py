"""What a validator finds wrong with a field, in plain words: its own sentences name its types."""

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
"""By the validator's name of a mistake, about a field that another program wrote."""


def words_of(kind: str, text: str) -> str:
    """Return the mistake of pydantic's `kind` and `text` in plain words."""
    kind = "zone" if kind.startswith("timezone") else "time" if kind.startswith("datetime") else kind
    kind = "date" if kind.startswith("date") else kind
    if kind in _KINDS:
        return _KINDS[kind]
    for beginning, instead in _BEGINNINGS:
        if text.startswith(beginning):
            return f"{instead}{text.removeprefix(beginning)}"
    return text


def upstream_words(kind: str, text: str) -> str:
    """Return the mistake in a body that another program wrote: that program's developer reads it."""
    return _UPSTREAM.get(kind) or words_of(kind, text)


def first_of(error: ValidationError) -> str:
    """Return the first mistake with the field that it is about."""
    one = error.errors(include_url=False, include_input=False)[0]
    path, said = ".".join(map(str, one["loc"])), words_of(one["type"], one["msg"])
    return f"{path}: {said}" if path else said
