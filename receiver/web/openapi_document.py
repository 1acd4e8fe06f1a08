"""The OpenAPI document without a running service."""

from __future__ import annotations

from typing import Any, cast

from receiver.web.api.event_stream import Stream
from receiver.web.api.openapi import document
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.routes import operations_of


def document_offered() -> dict[str, Any]:
    """Return what `/api/openapi.json` answers: the table of operations needs nothing behind the doors."""
    nothing = cast(AppParts, None)
    gate = TokenCheck(tuple)
    return document(operations_of(nothing, gate, Stream(nothing, gate)))
