"""The OpenAPI document without a running service, for tests and docs; `openapi/openapi_page.py` builds it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from receiver.pipeline.status.draft_list import DraftList
from receiver.web.api.event_stream import Stream
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.openapi.openapi_page import document
from receiver.web.routes import operations_of


def document_offered() -> dict[str, Any]:
    """Return the document of `/api/openapi.json`, built only from the table of operations."""
    nothing = cast(AppParts, None)
    gate = TokenCheck(tuple, lambda: datetime.max.replace(tzinfo=UTC))
    return document(operations_of(nothing, gate, Stream(nothing, gate), cast(DraftList, None)))
