"""The OpenAPI document without a running service."""

from __future__ import annotations

from typing import Any, cast

from receiver.web.auth import Gate
from receiver.web.keys import Doors
from receiver.web.openapi import document
from receiver.web.routes import operations_of
from receiver.web.stream import Stream


def document_offered() -> dict[str, Any]:
    """Return what `/api/openapi.json` answers: the table of operations needs nothing behind the doors."""
    nothing = cast(Doors, None)
    gate = Gate(tuple)
    return document(operations_of(nothing, gate, Stream(nothing, gate)))
