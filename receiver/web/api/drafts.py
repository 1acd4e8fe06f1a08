"""The API, version 1: pending status updates."""

from __future__ import annotations

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.pipeline.status.draft_list import DraftList
from receiver.web.api.operations import Operation, Parameter
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import read_once
from receiver.web.json.incident_json import listed, update_shape

STATE = Parameter(
    "state", "draft: those waiting for approval.", {"type": "string", "enum": ["draft"], "default": "draft"}
)


class DraftApi:
    """`GET /api/v1/status-updates`."""

    def __init__(self, parts: AppParts, gate: TokenCheck, drafts: DraftList) -> None:
        """Create it with the reader of drafts."""
        self.parts = parts
        self.gate = gate
        self.drafts = drafts

    async def waiting(self, request: web.Request) -> web.Response:
        """Return the pending drafts, earliest deadline first."""
        caller = self.gate.admit(request, Scope.READ)
        if read_once(request, "state").get("state", "draft") != "draft":
            raise Refusal(400, "bad_query", "state: write draft")
        await self.parts.work.follower.catch_up()
        return answer(
            listed(
                [
                    {"incident": one.incident.id, "title": one.incident.title, "severity": one.incident.severity,
                     **update_shape(one.update)}
                    for one in await self.drafts.waiting()
                    if caller.sees(one.incident)
                ]
            )
        )  # fmt: skip


def draft_operations(api: DraftApi) -> list[Operation]:
    """Return the operations for the drafts of all incidents."""
    path, text = "/api/v1/status-updates", "Status updates waiting for approval, earliest deadline first."
    return [Operation("GET", path, Scope.READ, text, api.waiting, "DraftList", query=(STATE,))]
