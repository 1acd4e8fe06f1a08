"""The API, version 1: the sessions of the console."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.base import rfc3339
from receiver.model.sign_in import SessionRecord, SignInKind
from receiver.pipeline.sign_in.access import access_of
from receiver.web.api.operations import Operation
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query
from receiver.web.json.incident_json import listed


class SessionApi:
    """The endpoints at `/api/v1/sessions`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the store of sessions."""
        self.parts = parts
        self.gate = gate

    async def sessions(self, request: web.Request) -> web.Response:
        """`GET /api/v1/sessions`: every session that has not ended, most recently used first."""
        self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        found = await self.parts.sessions.all(self.parts.clock.now())
        return answer(listed([self._shape(record) for record in found]))

    async def end(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/sessions/{session}`: end it; its cookie is no longer valid."""
        caller = self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        record = await self.parts.sessions.one(request.match_info["session"])
        if record is None:
            raise Refusal(404, "unknown", "there is no session with this id")
        with audited(self.parts, request, caller, "session_end", account=record.account):
            if not await self.parts.sessions.end(record, self.parts.clock.now()):
                raise Refusal(503, "unavailable", "the store is unavailable; the session ended only on this replica")
        return answer(self._shape(record))

    def _shape(self, record: SessionRecord) -> dict[str, Any]:
        access = access_of(record, self.parts.config) if record.kind is SignInKind.OIDC else None
        return {
            "id": record.id,
            "kind": record.kind,
            "name": record.name,
            "account": record.account,
            "person": access.person if access else None,
            "teams": sorted(access.teams) if access else [],
            "scopes": sorted(access.scopes) if access else [],
            "began_at": _time(record.began),
            "seen_at": _time(record.seen),
            "groups_at": _time(record.checked) if record.checked else None,
            "peer": record.peer,
            "agent": record.agent,
        }


def session_operations(api: SessionApi) -> list[Operation]:
    """Return the operations for sessions."""
    return [
        Operation("GET", "/api/v1/sessions", Scope.ADMIN, "Sessions of the console.", api.sessions,
                  "SessionList"),
        Operation("DELETE", "/api/v1/sessions/{session}", Scope.ADMIN, "End a session.", api.end, "Session",
                  refuses=(404,)),
    ]  # fmt: skip


def _time(ms: int) -> str:
    return rfc3339(datetime.fromtimestamp(ms / 1000, UTC))
