"""The API, version 1: export and import of whole incidents, to keep them longer than in the store."""

from __future__ import annotations

import re
from typing import Any

import orjson
from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.web.api.bodies.review_bodies import ArchiveBody
from receiver.web.api.operations import Operation, Parameter
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http import body_reader
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query, read_moment, read_once
from receiver.web.json.incident_json import listed
from receiver.web.json.schema_types import WHEN

MOST = 500
"""Maximum number of incidents that one request imports."""
_CURSOR = re.compile(r"[0-9a-f]{1,64}")


class ArchiveApi:
    """The endpoints at `/api/v1/archive`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the reader of whole incidents."""
        self.parts = parts
        self.gate = gate

    async def out(self, request: web.Request) -> web.Response:
        """`GET /api/v1/archive`: finished incidents in full, oldest first."""
        caller = self.gate.admit(request, Scope.ADMIN)
        with audited(self.parts, request, caller, "export"):
            return await self._page(request)

    async def _page(self, request: web.Request) -> web.Response:
        given = read_once(request, "since", "until", "cursor")
        since, until = (read_moment(name, given[name]) if name in given else None for name in ("since", "until"))
        cursor = given.get("cursor")
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise Refusal(400, "bad_query", "cursor: write the `next` of the previous page")
        items, following = await self.parts.incident_archive.page(since, until, cursor or "", self.parts.clock.now())
        return answer(listed(items, following))

    async def back(self, request: web.Request) -> web.Response:
        """`POST /api/v1/archive`: import incidents with their ids and times; nothing is sent."""
        caller = self.gate.admit(request, Scope.ADMIN)
        with audited(self.parts, request, caller, "import"):
            return await self._restored(request)

    async def _restored(self, request: web.Request) -> web.Response:
        no_query(request)
        most = self.parts.config.server.max_body
        body_reader.check_head(request, most)
        raw = await body_reader.read_body(request, most)
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise Refusal(400, "bad_json", f"the body is not JSON: {error}") from None
        return answer(await self.parts.incident_archive.take(_documents(value), self.parts.clock.now()))


def _documents(value: Any) -> list[dict[str, Any]]:
    items = value.get("items") if isinstance(value, dict) and set(value) == {"items"} else None
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        said = 'the body must be {"items": [...]}, each as GET /api/v1/archive returned it'
        raise Refusal(400, "bad_body", said, errors=[{"path": "items", "message": "a list of objects"}])
    if len(items) > MOST:
        raise Refusal(400, "bad_body", f"items: at most {MOST} in one request")
    return items


def archive_operations(api: ArchiveApi) -> list[Operation]:
    """Return the operations for export and import."""
    query = (
        Parameter("since", "Only incidents opened since this time (RFC 3339).", WHEN),
        Parameter("until", "Only incidents opened before this time (RFC 3339).", WHEN),
        Parameter("cursor", "The `next` of the previous page.", {"type": "string", "pattern": "^[0-9a-f]{1,64}$"}),
    )
    return [
        Operation(
            "GET", "/api/v1/archive", Scope.ADMIN, "Resolved and closed incidents in full, oldest first.", api.out,
            "ThingList", query=query,
        ),
        Operation(
            "POST", "/api/v1/archive", Scope.ADMIN, "Import incidents; ids and times are kept, nothing is sent.",
            api.back, "Restored", ArchiveBody,
        ),
    ]  # fmt: skip
