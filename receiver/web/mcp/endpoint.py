"""`POST /mcp`: one request message, one response; no session, no stream, and no changes."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web
from pydantic import ValidationError

from receiver import __version__
from receiver.config.settings.service_settings import Scope
from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.cross_site import WHY, is_cross_site
from receiver.web.auth.tokens import BEARER, Caller, TokenCheck
from receiver.web.http import body_reader
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.mcp.protocol import (
    Code,
    Message,
    RpcError,
    check_version,
    clipped,
    failed,
    initialized,
    read_message,
    succeeded,
    tool_error,
    tool_result,
)
from receiver.web.mcp.tools import TOOLS

MOST = 64 * 1024
"""Maximum size of a message in bytes."""
ANSWER = 256 * 1024
"""Maximum size of a tool's result in bytes: a model reads no more at once."""
TEXT = 2000
ITEMS = 200
"""Maximum length of a text, and of a list, in a tool's result."""
OFF = "no token has the scope mcp: this endpoint is off"

log = structlog.get_logger("receiver.web")


class McpEndpoint:
    """The endpoint at `/mcp`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the readers that it needs."""
        self.parts = parts
        self.gate = gate

    async def take(self, request: web.Request) -> web.Response:
        """Handle one message. Raises Refusal: 401, 403, 413, 415."""
        if not self.gate.guards(Scope.MCP):
            raise Refusal(401, "mcp_off", OFF, headers={"WWW-Authenticate": BEARER})
        if is_cross_site(request, self.parts.config.service.public_url):
            raise Refusal(403, "cross_site", WHY)
        caller = self.gate.admit(request, Scope.MCP)
        body_reader.check_head(request, MOST)
        body = await body_reader.read_body(request, MOST)
        message = None
        try:
            message = read_message(body)
            if message.method != "initialize":
                check_version(request.headers.get("MCP-Protocol-Version"))
            if message.number is None:
                return web.Response(status=202)
            return answer(succeeded(message.number, await self._result(message, caller)))
        except RpcError as error:
            return answer(failed(message.number if message else None, error), error.status)

    async def _result(self, message: Message, caller: Caller) -> dict[str, Any]:
        if message.method == "initialize":
            return initialized(message.params, __version__)
        if message.method == "ping":
            return {}
        if message.method == "tools/list":
            return {"tools": [tool.described() for tool in TOOLS.values()]}
        if message.method == "tools/call":
            return await self._called(message.params, caller)
        raise RpcError(Code.METHOD_NOT_FOUND, f"there is no method {message.method[:100]}")

    async def _called(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        name, arguments = params.get("name"), params.get("arguments")
        tool = TOOLS.get(name) if isinstance(name, str) else None
        if tool is None:
            raise RpcError(Code.INVALID_PARAMS, f"there is no tool {str(name)[:100]}")
        try:
            given = tool.takes.model_validate({} if arguments is None else arguments)
            found = await tool.run(self.parts, caller, given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return tool_error(f"{'.'.join(map(str, first['loc'])) or 'arguments'}: {first['msg']}"[:300])
        except Refusal as refusal:
            return tool_error(refusal.detail)
        except StoreAway as away:
            log.info("mcp_postponed", tool=tool.name, reason=str(away))
            return tool_error("the incident store is unavailable; try again")
        return tool_result(clipped(found, TEXT, ITEMS), most=ANSWER)
