"""The forms for administrators: dead letters, channel tests, and reloads. Each one is recorded in the audit log."""

from __future__ import annotations

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.pipeline.delivery.dead_letters import DeadLetter, NoSuchDeadLetter
from receiver.pipeline.response.command_handler import ImpossibleCommand
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import allow
from receiver.web.console.forms.form_values import Fields, text_of
from receiver.web.console.frame import ConsoleFrame
from receiver.web.http.error_responses import Refusal

SHOWN = 5
"""Maximum number of configuration errors on a page; `receiver check-config` lists all of them."""
ACTIONS = {
    "retry": "dead_letter_replay", "retry_all": "dead_letter_replay", "drop": "dead_letter_drop",
    "test": "channel_test", "reload": "reload",
}  # fmt: skip
"""The name in the audit log for the field of each form."""


class AdminForms:
    """Handles `POST /system` for callers with the scope admin."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame) -> None:
        """Create it with the handlers of retries, tests and reloads."""
        self.parts = parts
        self.frame = frame

    async def take(self, request: web.Request, visitor: SignedInPerson, fields: Fields) -> str | None:
        """Carry out a form; return the key of the confirmation, None for another form. Raises Refusal."""
        allow(visitor.caller, Scope.ADMIN)
        verb = next((name for name in ACTIONS if fields.get(name)), None)
        if verb is None:
            return None
        more = {"channel": fields["test"], "to": text_of(fields, "to")} if verb == "test" else {}
        if verb == "retry_all":
            more = {"channel": text_of(fields, "channel")}
        with audited(self.parts, request, visitor.caller, ACTIONS[verb], **more):
            try:
                return await self._take(visitor, verb, fields)
            except NoSuchDeadLetter as none:
                raise Refusal(404, "unknown", str(none)) from None
            except (DeadLetter, ImpossibleCommand) as stuck:
                raise Refusal(409, "impossible", str(stuck)) from None

    async def _take(self, visitor: SignedInPerson, verb: str, fields: Fields) -> str:
        now = self.parts.clock.now()
        if verb == "test":
            tried = await self.parts.channel_test.test(fields["test"], text_of(fields, "to"), visitor.actor, now)
            if tried.outcome != "ok":
                raise Refusal(502, "upstream", f"{tried.channel}: {tried.outcome}: {tried.detail}")
            return "test"
        if verb == "reload":
            return await self._reload()
        if verb == "retry":
            await self.frame.letters.replay(fields["retry"], now)
        elif verb == "drop":
            await self.frame.letters.drop(fields["drop"])
        else:
            await self.frame.letters.replay_all(text_of(fields, "channel"), now)
        self.frame.forget_letters()
        return "retry-all" if verb == "retry_all" else verb

    async def _reload(self) -> str:
        done = await self.parts.reload()
        if not done.problems:
            return "reload"
        lines = [f"{one.file}:{one.line}: {one.path}: {one.message}" for one in done.problems[:SHOWN]]
        more = f" (and {len(done.problems) - SHOWN} more)" if len(done.problems) > SHOWN else ""
        raise Refusal(422, "bad_config", f"nothing was changed: {'; '.join(lines)}{more}")
