"""Adapts generated requests to rules that the OpenAPI document cannot express."""

from __future__ import annotations

from typing import Any

import schemathesis

from receiver.model.visible_text import visible

MATCHER = 'zone="eu-1"'


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Replace each label filter by a matcher, which no pattern describes, and give each text a visible character."""
    if isinstance(case.query, dict) and "label" in case.query:
        case.query["label"] = MATCHER
    if isinstance(case.body, dict):
        for name, value in case.body.items():
            if isinstance(value, str) and value and not any(map(visible, value)):
                case.body[name] = f"x{value[1:]}"
