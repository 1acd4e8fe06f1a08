"""The API, version 1: the severity rules at work."""

from __future__ import annotations

from aiohttp import web

from receiver.config.sections import Scope
from receiver.web.auth import Gate
from receiver.web.errors import answer
from receiver.web.keys import Doors
from receiver.web.operations import Operation
from receiver.web.query import no_query
from receiver.web.shapes import listed


class RulesApi:
    """The doors at `/api/v1/rules`."""

    def __init__(self, doors: Doors, gate: Gate) -> None:
        """Take what has been counted."""
        self.doors = doors
        self.gate = gate

    async def unknowns(self, request: web.Request) -> web.Response:
        """`GET /api/v1/rules/unknowns`: what severities were decided without, and which alert rule to mend."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return answer(listed(await self.doors.unknowns.listing()))


def rules_operations(api: RulesApi) -> list[Operation]:
    """Return what can be asked about the severity rules."""
    path = "/api/v1/rules/unknowns"
    return [Operation("GET", path, Scope.READ, "What severities were decided without.", api.unknowns, "UnknownList")]
