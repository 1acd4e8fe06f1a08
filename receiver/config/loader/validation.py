"""Turns pydantic's errors into problems with a place and a readable message."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from receiver.config.config_errors import MOST, Path, Problem, nearest, one_of
from receiver.config.settings import settings_fields
from receiver.config.yaml.yaml_document import Document
from receiver.model.severity import meant_severity

ADAPTERS = 1
"""Validators that are kept: entries of one section follow each other. Those of a whole file take a megabyte."""
_BRACKETS = re.compile(r"(?P<message>.*\S)\s+\((?P<hint>.*)\)", re.DOTALL)
_EXPECTED = {
    "model_type": ("not a mapping", "write key: value lines"),
    "model_attributes_type": ("not a mapping", "write key: value lines"),
    "dict_type": ("not a mapping", "write key: value lines"),
    "list_type": ("not a list", "write [a, b], or lines that begin with a dash"),
    "tuple_type": ("not a list", "write [a, b], or lines that begin with a dash"),
    "string_type": ("not text", "put it in quotes"),
    "bool_parsing": ("neither true nor false", "write true or false"),
    "bool_type": ("neither true nor false", "write true or false"),
    "int_parsing": ("not a whole number", "write digits only"),
    "int_type": ("not a whole number", "write digits only"),
    "int_from_float": ("not a whole number", "write digits only"),
    "float_parsing": ("not a number", "write a number"),
    "string_too_short": ("empty", "write something"),
    "too_short": ("empty", "write at least one entry"),
    "date_type": ("not a day", "write year-month-day, such as 2026-11-02"),
    "date_parsing": ("not a day", "write year-month-day, such as 2026-11-02"),
    "date_from_datetime_parsing": ("not a day", "write year-month-day, such as 2026-11-02"),
    "date_from_datetime_inexact": ("not a day", "write year-month-day, such as 2026-11-02"),
}


def validate(annotation: Any, value: Any, document: Document, path: Path = ()) -> tuple[Any, list[Problem]]:
    """Return `value` as an `annotation`, or None and every problem; `path`: its place in `document`."""
    try:
        return _adapter(annotation).validate_python(value), []
    except ValidationError as error:
        return None, explain(error, annotation, value, document, path)


@lru_cache(maxsize=ADAPTERS)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    # Building one takes a millisecond and more, and each person, service and rule is validated alone.
    return TypeAdapter(annotation)


def explain(error: ValidationError, annotation: Any, value: Any, document: Document, path: Path) -> list[Problem]:
    """Return the problems in `error`, without those that only follow from another."""
    every = error.errors(include_url=False, include_input=False)
    items = every[:MOST]
    located = [(item, *_locate(document, path, item)) for item in items]
    unknown = {where for item, where, _ in located if item["type"] == "extra_forbidden"}
    places = [where for _, where, _ in located]
    problems = []
    for item, where, skipped in located:
        # Each branch of a union reports an error: the one that got furthest has the actual problem. A list counts as
        # too short if one of its entries is invalid.
        follows = item["type"] == "too_short" or (skipped and item["type"].endswith("_type"))
        if follows and any(_inside(place, where) for place in places):
            continue
        if item["type"] == "missing" and any(_means(key, where) for key in unknown):
            continue
        problems.append(_problem(item, annotation, value, document, path, where))
    if len(every) > MOST:
        problems.append(document.problem(path, f"{len(every) - MOST} more errors here", "fix the first of these"))
    return problems


def _locate(document: Document, path: Path, item: ErrorDetails) -> tuple[Path, bool]:
    # A loc also names branches of unions, and fields that are not in the file: these have no place in the file.
    loc, where, skipped = item["loc"], path, False
    for index, part in enumerate(loc):
        if part == "[key]":
            continue
        if (*where, part) in document.marks:
            where = (*where, part)
        elif index == len(loc) - 1 and item["type"] == "missing":
            return (*where, part), skipped
        else:
            skipped = True
    return where, skipped


def _inside(place: Path, outer: Path) -> bool:
    return len(place) > len(outer) and place[: len(outer)] == outer


def _means(key: Path, missing: Path) -> bool:
    return key[:-1] == missing[:-1] and nearest(str(key[-1]), [str(missing[-1])]) is not None


def _problem(item: ErrorDetails, annotation: Any, value: Any, document: Document, path: Path, where: Path) -> Problem:
    kind, context = item["type"], item.get("ctx", {})
    at_key = kind == "extra_forbidden" or "[key]" in item["loc"]
    if kind == "extra_forbidden":
        known = _keys(annotation, where[len(path) : -1])
        return document.problem(where, "unknown key", one_of(spelling(document, where), known), at_key=True)
    if kind == "missing":
        return document.problem(where, "missing", f"write {where[-1]}: here")
    if kind in ("enum", "literal_error"):
        given = where[-1] if at_key and where else _value(value, where[len(path) :])
        expected = re.findall(r"'([^']*)'", context.get("expected", ""))
        shown = f" {given!r:.60}" if isinstance(given, str | int | float) else ""
        meant = meant_severity(given)
        near = meant.value if meant and meant.value in expected else str(given)
        hint = f"did you mean {near}?" if near in expected else one_of(near, expected)
        return document.problem(where, f"no such value{shown}", hint, at_key=at_key)
    if kind in _EXPECTED:
        return document.problem(where, *_EXPECTED[kind])
    said = str(context["error"]) if kind == "value_error" else _lowered(item["msg"])
    split = _BRACKETS.fullmatch(said)
    message, hint = (split["message"], split["hint"]) if split else (said, "")
    return document.problem(where, message, hint, at_key=at_key)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def spelling(document: Document, where: Path) -> str:
    """Return the key of `where` as the file spells it (`token_file` for `token`)."""
    mark = document.marks.get(where)
    return mark.key if mark and mark.key else str(where[-1])


def _keys(annotation: Any, path: Path) -> set[str]:
    found = [annotation]
    for part in path:
        found = [inner for outer in found for inner in settings_fields.below(outer, part)]
    return {key for kind in found for key in settings_fields.keys(kind)}


def _value(value: Any, path: Path) -> Any:
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return None
    return value
