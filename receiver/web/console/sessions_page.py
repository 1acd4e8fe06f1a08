"""The console's page of sessions, with buttons to end them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.sign_in import SessionRecord
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.console.frame import ConsoleFrame
from receiver.web.http.error_responses import Refusal
from receiver.web.http.query_parameters import read_once


class SessionsPage:
    """`/sessions`: the person's own sessions, and those of everyone with the scope admin."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the store of sessions."""
        self.parts = parts
        self.frame = frame

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Return the sessions that this person may end, most recently used first."""
        read_once(request, "done")
        everybody = Scope.ADMIN in visitor.caller.scopes
        found = await self.parts.sessions.all(self.parts.clock.now())
        rows = [_row(record, visitor) for record in found if everybody or _is_own(record, visitor)]
        return await self.frame.show("sessions", request, visitor, rows=rows, all=everybody)

    async def end(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /sessions/{session}/end`: end one of them."""
        record = await self.parts.sessions.one(request.match_info["session"])
        if record is None or not (Scope.ADMIN in visitor.caller.scopes or _is_own(record, visitor)):
            raise Refusal(404, "unknown", "you have no session with this id")
        with audited(self.parts, request, visitor.caller, "session_end", account=record.account):
            if not await self.parts.sessions.end(record, self.parts.clock.now()):
                raise Refusal(503, "unavailable", "the store is unavailable; the session ended only on this replica")
        return self.frame.back("/sessions", "session")


def _is_own(record: SessionRecord, visitor: SignedInPerson) -> bool:
    mine = visitor.session
    return mine is not None and (record.kind, record.account) == (mine.kind, mine.account)


def _row(record: SessionRecord, visitor: SignedInPerson) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "kind": record.kind,
        "began": datetime.fromtimestamp(record.began / 1000, UTC),
        "seen": datetime.fromtimestamp(record.seen / 1000, UTC),
        "peer": record.peer,
        "agent": record.agent,
        "mine": visitor.session is not None and record.id == visitor.session.id,
    }
