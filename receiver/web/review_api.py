"""The API, version 1: what is looked back with, as JSON, Markdown or HTML by `Accept`."""

from __future__ import annotations

from aiohttp import web

from receiver.config.sections import Scope
from receiver.model.incident import Incident
from receiver.review.letter import customer_letter
from receiver.review.markdown import html
from receiver.review.timeline import timeline
from receiver.web.auth import Gate
from receiver.web.errors import answer
from receiver.web.keys import Doors
from receiver.web.operations import Operation
from receiver.web.query import no_query
from receiver.web.reading import by_id
from receiver.web.shapes import event_shape, listed

JSON, MARKDOWN, HTML = "application/json", "text/markdown", "text/html"
INCIDENT = "/api/v1/incidents/{id}"


class ReviewApi:
    """The doors at `/api/v1/incidents/{id}/timeline`, `/postmortem` and `/customer-email`."""

    def __init__(self, doors: Doors, gate: Gate) -> None:
        """Take what there is to be read."""
        self.doors = doors
        self.gate = gate

    async def timeline(self, request: web.Request) -> web.Response:
        """`GET .../timeline`: the log, oldest first; as Markdown or HTML in the form of the process."""
        incident = await self._incident(request)
        events = await self.doors.incidents.events(incident.uid)
        kind = wanted(request)
        if kind == JSON:
            return answer(listed([event_shape(event) for event in events]))
        return _text(timeline(incident, events), kind, f"Timeline of {incident.id}")

    async def postmortem(self, request: web.Request) -> web.Response:
        """`GET .../postmortem`: the draft, filled with what the log knows."""
        incident = await self._incident(request)
        events = await self.doors.incidents.events(incident.uid)
        made = self.doors.setting().document(incident, events, self.doors.clock.now())
        text, kind = made.markdown if made else "", wanted(request)
        if kind == JSON:
            return answer({"incident": incident.id, "status": "draft", "markdown": text})
        return _text(text, kind, f"Post-mortem of {incident.id}")

    async def letter(self, request: web.Request) -> web.Response:
        """`GET .../customer-email`: the seed's e-mail to customers, as a draft."""
        incident, config = await self._incident(request), self.doors.config
        components = [name for _, name in self.doors.setting().policy.components(incident.labels)]
        subject, text = customer_letter(incident, components, config.service.name, config.service.support_email or "")
        kind = wanted(request)
        if kind == JSON:
            return answer({"incident": incident.id, "status": "draft", "subject": subject, "markdown": text})
        return _text(f"Subject: {subject}\n\n{text}", kind, subject)

    async def _incident(self, request: web.Request) -> Incident:
        self.gate.admit(request, Scope.READ)
        no_query(request)
        return await by_id(self.doors.incidents, request.match_info["id"])


def wanted(request: web.Request) -> str:
    """Return which of the three kinds `Accept` prefers; JSON where it says nothing of them."""
    best, weight = JSON, 0.0
    for part in ",".join(request.headers.getall("Accept", []))[:1000].split(","):
        name, *more = (piece.strip().lower() for piece in part.split(";"))
        quality = next((piece[2:] for piece in more if piece.startswith("q=")), "1")
        try:
            value = float(quality)
        except ValueError:
            continue
        if name in (JSON, MARKDOWN, HTML) and value > weight:
            best, weight = name, value
    return best


def _text(markdown: str, kind: str, title: str) -> web.Response:
    text = markdown if kind == MARKDOWN else html(markdown, title)
    body = text.encode("utf-8", "replace")
    return web.Response(body=body, content_type=kind, charset="utf-8", headers={"Vary": "Accept"})


def review_operations(api: ReviewApi) -> list[Operation]:
    """Return what can be read to look back."""
    read = Scope.READ
    return [
        Operation(
            "GET", f"{INCIDENT}/timeline", read, "Its log, oldest first.", api.timeline, "EventList", refuses=(404,)
        ),
        Operation(
            "GET", f"{INCIDENT}/postmortem", read, "The draft of its post-mortem.", api.postmortem, "Text",
            refuses=(404,),
        ),
        Operation(
            "GET", f"{INCIDENT}/customer-email", read, "The e-mail to customers, as a draft.", api.letter, "Text",
            refuses=(404,),
        ),
    ]  # fmt: skip
