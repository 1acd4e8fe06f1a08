"""The API, version 1: announcements on the status page, and its subscribers."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from receiver.config.settings.service_settings import Scope
from receiver.model.base import rfc3339
from receiver.model.command import Line, Prose
from receiver.model.delivery.public_incident import PublicAnnouncement
from receiver.model.delivery.subscription import Subscriber
from receiver.pipeline.response.command_handler import InvalidField
from receiver.pipeline.status.announcements import NoSuchAnnouncement
from receiver.store.shared_documents import SharedDocumentsFull
from receiver.web.api.bodies.request_bodies import Body, Moment
from receiver.web.api.operations import Operation
from receiver.web.api.preconditions import read, repetition
from receiver.web.app_keys import AppParts
from receiver.web.audit_trail import audited
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import Refusal, answer
from receiver.web.http.query_parameters import no_query
from receiver.web.json.incident_json import listed


class AnnouncementBody(Body):
    """An announcement on the status page."""

    title: Line = Field(description="Its heading.")
    text: Prose = Field(description="Its text, for the public.")
    until: Moment | None = Field(None, description="When it disappears from the page; default: when it is removed.")


class AnnouncementApi:
    """The endpoints at `/api/v1/announcements`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the store of announcements."""
        self.parts = parts
        self.gate = gate

    async def all(self, request: web.Request) -> web.Response:
        """`GET /api/v1/announcements`: every announcement, newest first."""
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return answer(listed([_announcement(one) for one in self.parts.announcements.all()]))

    async def add(self, request: web.Request) -> web.Response:
        """`POST /api/v1/announcements`: show it on the status page, and mail it to subscribers."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        given, raw = await read(request, AnnouncementBody)
        once, _ = repetition(request, caller, raw)
        try:
            made = await self.parts.announcements.add(
                given.title, given.text, given.until, caller.actor(given.by), self.parts.clock.now(), once=once
            )
        except InvalidField as unfit:
            errors = [{"path": unfit.path, "message": str(unfit)}]
            raise Refusal(409, "unfit", f"{unfit.path}: {unfit}", errors=errors) from None
        except SharedDocumentsFull as full:
            raise Refusal(409, "full", str(full)) from None
        return answer(_announcement(made), 201)

    async def remove(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/announcements/{id}`: remove it from the page."""
        caller = self.gate.admit(request, Scope.RESPOND)
        no_query(request)
        try:
            gone = await self.parts.announcements.remove(request.match_info["id"], caller.actor())
        except NoSuchAnnouncement as unknown:
            raise Refusal(404, "unknown", str(unknown)) from None
        return answer(_announcement(gone))


def announcement_operations(api: AnnouncementApi) -> list[Operation]:
    """Return the operations for announcements."""
    path = "/api/v1/announcements"
    return [
        Operation("GET", path, Scope.READ, "Announcements on the status page.", api.all, "AnnouncementList"),
        Operation("POST", path, Scope.RESPOND, "Announce something on the status page.", api.add, "Announcement",
                  AnnouncementBody, status=201),
        Operation("DELETE", f"{path}/{{id}}", Scope.RESPOND, "Remove an announcement.", api.remove, "Announcement",
                  refuses=(404,)),
    ]  # fmt: skip


def _announcement(one: PublicAnnouncement) -> dict[str, Any]:
    until = rfc3339(one.until) if one.until else None
    return {"id": one.id, "title": one.title, "text": one.text, "at": rfc3339(one.at), "until": until}


class SubscriberApi:
    """The endpoints at `/api/v1/status-subscribers`. Addresses are only in responses, never in a path or a log."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the store of subscribers."""
        self.parts = parts
        self.gate = gate

    async def export(self, request: web.Request) -> web.Response:
        """`GET /api/v1/status-subscribers`: every address that is subscribed or stopped."""
        caller = self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        with audited(self.parts, request, caller, "subscribers_export"):
            found = {one.id: one async for page in self.parts.subscriptions.subscribers.each() for one in page}
        return answer(listed([_subscriber(one) for _, one in sorted(found.items())]))

    async def delete(self, request: web.Request) -> web.Response:
        """`DELETE /api/v1/status-subscribers/{id}`: delete the address."""
        caller, one = await self._one(request)
        with audited(self.parts, request, caller, "subscriber_delete"):
            await self.parts.subscriptions.erase(one.id)
        return answer(_subscriber(one))

    async def stop(self, request: web.Request) -> web.Response:
        """`POST /api/v1/status-subscribers/{id}/stop`: no mail until its owner confirms again, as after a bounce."""
        caller, one = await self._one(request)
        with audited(self.parts, request, caller, "subscriber_stop"):
            stopped = await self.parts.subscriptions.stop(one)
        return answer(_subscriber(stopped))

    async def _one(self, request: web.Request) -> tuple[Any, Subscriber]:
        caller = self.gate.admit(request, Scope.ADMIN)
        no_query(request)
        one = await self.parts.subscriptions.subscribers.get(request.match_info["id"])
        if one is None:
            raise Refusal(404, "unknown", "there is no subscriber with this id")
        return caller, one


def subscriber_operations(api: SubscriberApi) -> list[Operation]:
    """Return the operations for subscribers."""
    path, admin = "/api/v1/status-subscribers", Scope.ADMIN
    return [
        Operation("GET", path, admin, "Subscribers of the status page.", api.export, "SubscriberList"),
        Operation("DELETE", f"{path}/{{id}}", admin, "Delete a subscriber.", api.delete, "Subscriber", refuses=(404,)),
        Operation("POST", f"{path}/{{id}}/stop", admin, "Stop sending mail to a subscriber.", api.stop, "Subscriber",
                  refuses=(404,)),
    ]  # fmt: skip


def _subscriber(one: Subscriber) -> dict[str, Any]:
    return {
        "id": one.id, "email": one.address, "components": list(one.components), "language": one.language,
        "state": one.state, "confirmed_at": rfc3339(one.confirmed_at),
    }  # fmt: skip
