"""`POST /-/reload`: reloads the configuration."""

from __future__ import annotations

from aiohttp import web

from receiver.config import Problem
from receiver.config.settings.service_settings import Scope
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query


class ReloadEndpoint:
    """The endpoint of a reload."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the function that reloads."""
        self.parts = parts
        self.gate = gate

    async def reload(self, request: web.Request) -> web.Response:
        """Return 200 if the new configuration is in effect, or 422 with every error if nothing was changed."""
        caller = self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        with audited(self.parts, request, caller, "reload"):
            return await self._reloaded()

    async def _reloaded(self) -> web.Response:
        done = await self.parts.reload()
        if done.problems:
            errors = [
                {
                    "path": f"{p.file}:{p.line}:{p.column}: {p.path}",
                    "message": f"{p.message} ({p.hint})" if p.hint else p.message,
                }
                for p in done.problems
            ]
            raise Refusal(422, "bad_config", f"nothing was changed: {len(errors)} errors", errors=errors)
        return answer({"reloaded": True, "hash": done.hash, "needs_restart": list(done.restart)})


def _words(problem: Problem) -> str:
    return f"{problem.message} ({problem.hint})" if problem.hint else problem.message
