"""The API, version 1: maintenance windows."""

from __future__ import annotations

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.pipeline.alerts.maintenance_windows import NoSuchWindow, window_of, window_shape
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, InvalidField
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.api.maintenance_request import MaintenanceBody
from receiver.web.api.operations import Operation, Parameter
from receiver.web.api.preconditions import read, repetition
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck, allow_every_team
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query, read_once
from receiver.web.json.incident_json import listed

ID = Parameter("id", "Its id.", {"type": "string", "minLength": 1}, needed=True)


class MaintenanceApi:
    """The endpoints at `/api/v1/maintenance`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the store of windows."""
        self.parts = parts
        self.gate = gate

    async def windows(self, request: web.Request) -> web.Response:
        """`GET /api/v1/maintenance`: every window, those of the configuration first."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        now = self.parts.clock.now()
        return answer(listed([window_shape(window, now) for window in self.parts.maintenance_windows.windows()]))

    async def add(self, request: web.Request) -> web.Response:
        """`POST /api/v1/maintenance`: create a window in which matching alerts page no one."""
        caller = self.gate.admit(request, Scope.RESPOND)
        allow_every_team(caller)  # its matchers may suppress the alerts of any team
        no_query(request)
        given, raw = await read(request, MaintenanceBody)
        once, _ = repetition(request, caller, raw)
        now = self.parts.clock.now()
        try:
            window = window_of(given.model_dump(exclude={"by"}), now)
            actor = caller.actor(given.by)
            made = await self.parts.maintenance_windows.add(window, actor, now, once=once)
        except InvalidField as unfit:
            errors = [{"path": unfit.path, "message": str(unfit)}]
            raise Refusal(409, "unfit", f"{unfit.path}: {unfit}", errors=errors) from None
        except SharedDocumentsFull as full:
            raise Refusal(409, "full", str(full)) from None
        except IdempotencyKeyReused as reused:
            raise Refusal(409, "reused_key", f"Idempotency-Key: {reused}") from None
        return answer(window_shape(made, now), 201)

    async def remove(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/maintenance/{id}` or `?id=`: end the window now; the alerts that it suppressed page."""
        caller = self.gate.admit(request, Scope.RESPOND)
        allow_every_team(caller)
        if "id" in request.match_info:
            no_query(request)
            number = request.match_info["id"]
        else:
            number = read_once(request, "id").get("id", "")
            if not number:
                raise Refusal(400, "bad_query", "id: write the id of the window")
        now = self.parts.clock.now()
        try:
            gone = await self.parts.maintenance_windows.remove(number, caller.actor(), now)
        except NoSuchWindow as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return answer(window_shape(gone, now))


def maintenance_operations(api: MaintenanceApi) -> list[Operation]:
    """Return the operations for maintenance windows."""
    path, read_, do = "/api/v1/maintenance", Scope.READ, Scope.RESPOND
    return [
        Operation("GET", path, read_, "Maintenance windows.", api.windows, "WindowList"),
        Operation("POST", path, do, "Create a maintenance window.", api.add, "Window", MaintenanceBody, status=201),
        Operation("DELETE", f"{path}/{{id}}", do, "End a maintenance window.", api.remove, "Window", refuses=(404,)),
        Operation(
            "DELETE",
            path,
            do,
            "End a maintenance window, given as the query parameter `id`.",
            api.remove,
            "Window",
            refuses=(404,),
            query=(ID,),
        ),
    ]
