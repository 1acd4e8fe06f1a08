"""The API, version 1: dead letters, and tests of channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from aiohttp import web
from pydantic import Field

from receiver.config.settings.service_settings import Scope
from receiver.model.base import Frozen
from receiver.model.command import Name
from receiver.pipeline.delivery.dead_letters import DeadLetter, DeadLetters, NoSuchDeadLetter
from receiver.pipeline.response.command_handler import ImpossibleCommand
from receiver.web.api.operations import Operation
from receiver.web.api.preconditions import read
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query
from receiver.web.json.incident_json import listed


class ReplayBody(Frozen):
    """Which deliveries to retry."""

    channel: Name | None = Field(None, description="Only those for this channel; default: all.")


class TestBody(Frozen):
    """The recipient of a test."""

    __test__ = False
    to: Name | None = Field(None, description="A key of `people`: required for a pager and for mail.")


class DeliveryApi:
    """The endpoints at `/api/v1/dead-letters` and `/api/v1/channels`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the parts that handle deliveries."""
        self.parts = parts
        self.gate = gate

    @property
    def dead(self) -> DeadLetters:
        """The dead letters."""
        return DeadLetters(self.parts.setting, self.parts.due, self.parts.channel_test.off)

    async def letters(self, request: web.Request) -> web.Response:
        """`GET /api/v1/dead-letters`: the dead letters, newest first."""
        self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        return answer(listed([letter for _, letter in await self.dead.all()]))

    async def replay(self, request: web.Request) -> web.Response:
        """`POST /api/v1/dead-letters/{id}/replay`: retry it; the newest state is sent."""
        caller = self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        with audited(self.parts, request, caller, "dead_letter_replay"), _refusals():
            return answer(await self.dead.replay(request.match_info["id"], self.parts.clock.now()))

    async def replay_all(self, request: web.Request) -> web.Response:
        """`POST /api/v1/dead-letters/replay`: retry all of them, or all of one channel."""
        caller = self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        given, _ = await read(request, ReplayBody, optional=True)
        with audited(self.parts, request, caller, "dead_letter_replay", channel=given.channel), _refusals():
            return answer(listed(await self.dead.replay_all(given.channel, self.parts.clock.now())))

    async def drop(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/dead-letters/{id}`: drop it without sending."""
        caller = self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        with audited(self.parts, request, caller, "dead_letter_drop"), _refusals():
            return answer(await self.dead.drop(request.match_info["id"]))

    async def channels(self, request: web.Request) -> web.Response:
        """`GET /api/v1/channels`: every channel, whether it is on, and whether it is paused."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return answer(listed(self.parts.channel_test.channels()))

    async def test(self, request: web.Request) -> web.Response:
        """`POST /api/v1/channels/{name}/test`: send a message marked as a test, and return the vendor's response."""
        caller = self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        given, _ = await read(request, TestBody, optional=True)
        name, now = request.match_info["name"], self.parts.clock.now()
        with audited(self.parts, request, caller, "channel_test", to=given.to):
            try:
                tried = await self.parts.channel_test.test(name, given.to, caller.actor(), now)
            except ImpossibleCommand as impossible:
                raise Refusal(404, "impossible", str(impossible)) from None
        return answer(asdict(tried))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NoSuchDeadLetter as none:
        raise Refusal(404, "unknown", str(none)) from None
    except DeadLetter as stuck:
        raise Refusal(409, "impossible", str(stuck)) from None


def delivery_operations(api: DeliveryApi) -> list[Operation]:
    """Return the operations for deliveries and channels."""
    path, admin = "/api/v1/dead-letters", Scope.ADMIN
    return [
        Operation("GET", path, admin, "Failed deliveries.", api.letters, "LetterList"),
        Operation(
            "POST", f"{path}/replay", admin, "Retry all dead letters, or all of one channel.", api.replay_all,
            "LetterList", ReplayBody, optional=True, refuses=(404, 409),
        ),
        Operation("POST", f"{path}/{{id}}/replay", admin, "Retry a dead letter.", api.replay, "Letter",
                  refuses=(404, 409)),
        Operation("DELETE", f"{path}/{{id}}", admin, "Drop a dead letter.", api.drop, "Letter", refuses=(404,)),
        Operation("GET", "/api/v1/channels", Scope.READ, "Channel status.", api.channels, "ChannelList"),
        Operation(
            "POST", "/api/v1/channels/{name}/test", admin, "Send a test through one channel.", api.test, "Tried",
            TestBody, optional=True, refuses=(404,),
        ),
    ]  # fmt: skip
