"""The API, version 1: timelines and post-mortems, as JSON, Markdown or HTML by `Accept`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from receiver.config.settings.service_settings import Scope
from receiver.model.command import CorrectEntry
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.review.charts.timeline_chart import timeline_chart_of, timeline_chart_svg
from receiver.review.customer_email_text import customer_email
from receiver.review.expression.chart_svg import expression_picture
from receiver.review.incident_times import clocks, spans
from receiver.review.markdown_html import NO_PICTURES, STYLE, Pictures
from receiver.review.timeline import corrections, readable, timeline
from receiver.web.api.bodies.review_bodies import ClockBody, EntryBody, PostmortemBody
from receiver.web.api.incident_commands import IncidentCommandApi, number_of
from receiver.web.api.operations import Operation, Parameter
from receiver.web.app_keys import AppParts
from receiver.web.auth.tokens import TokenCheck
from receiver.web.http.error_responses import BARE, Refusal, answer
from receiver.web.http.query_parameters import read_once
from receiver.web.incident_queries import by_id, log_for
from receiver.web.json.incident_json import event_shape, listed, moment
from receiver.web.markdown_cache import MarkdownPages

JSON, MARKDOWN, HTML = "application/json", "text/markdown", "text/html"
INCIDENT = "/api/v1/incidents/{id}"
STYLED = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""The hash of the documents' style sheet, which their content security policy allows."""
LONGEST_NUMBER = 9
"""Maximum number of digits of a version: more than any log needs, and few enough for fast parsing."""


class IncidentReviewApi:
    """The endpoints at `/api/v1/incidents/{id}/timeline`, `/postmortem` and `/customer-email`."""

    def __init__(self, parts: AppParts, gate: TokenCheck) -> None:
        """Create it with the readers that it needs."""
        self.parts = parts
        self.gate = gate
        self.respond = IncidentCommandApi(parts, gate)
        self.texts = TextAnswers()

    async def timeline(self, request: web.Request) -> web.Response:
        """`GET .../timeline`: the log, oldest first; Markdown and HTML have the format of the process."""
        caller = self.gate.admit(request, Scope.READ)
        incident = await self._incident(request)
        events = await log_for(self.parts.incidents, incident, caller)
        kind = wanted(request)
        if kind == JSON:
            right = corrections(events)
            # Callers who could have hidden an entry see its text, so that they can unhide it.
            shown = events if caller.scopes & {Scope.RESPOND, Scope.ADMIN} else readable(events)
            return answer(listed([event_shape(event, right.get(event.seq)) for event in shown]))
        receipts = await self.parts.incidents.receipts(incident.uid)
        people = self.parts.overrides.schedules.people
        return await self.texts.answer(
            timeline(incident, events, receipts, people, authors=kind == HTML), kind, f"Timeline of {incident.id}",
            self._timeline_chart(incident, events),
        )  # fmt: skip

    async def postmortem(self, request: web.Request) -> web.Response:
        """`GET .../postmortem`: the text that people have written, or else the draft from the log."""
        caller, incident = self.gate.admit(request, Scope.READ), await self._incident(request, "version")
        given = read_once(request, "version").get("version")
        if given is not None and not (given.isascii() and given.isdigit()):
            raise Refusal(400, "bad_query", "version: write a number; 0 is the draft generated from the log")
        if given is not None and len(given) > LONGEST_NUMBER:
            raise Refusal(404, "unknown", f"{incident.id} has no version with that number")
        events = await log_for(self.parts.incidents, incident, caller)
        receipts = await self.parts.incidents.receipts(incident.uid)
        try:
            text = self.parts.setting().postmortem(
                incident, events, self.parts.clock.now(), receipts, int(given) if given is not None else None
            )
        except LookupError as error:
            raise Refusal(404, "unknown", str(error.args[0])) from None
        kind = wanted(request)
        if kind != JSON:
            pictures = {**self._timeline_chart(incident, events), **expression_picture(events)}
            response = await self.texts.answer(text, kind, f"Post-mortem of {incident.id}", pictures)
        else:
            response = answer(postmortem_shape(incident, events, text, given))
        response.headers["ETag"] = f'"{incident.version}"'
        return response

    async def write(self, request: web.Request) -> web.Response:
        """`PUT .../postmortem`: save a new version; earlier versions are kept."""
        given, actor, once, what = await self.respond.given(request, PostmortemBody)
        done = await self.respond.acted(request, given.command(), actor, once, what)
        return await self.respond.answered(request, done)

    async def correct(self, request: web.Request) -> web.Response:
        """`PATCH .../timeline/{n}`: correct or hide an entry; the original stays in the log."""
        given, actor, once, what = await self.respond.given(request, EntryBody)
        command = CorrectEntry(seq=number_of(request), text=given.text, at=given.at, hidden=given.hidden)
        done = await self.respond.acted(request, command, actor, once, what)
        return await self.respond.answered(request, done)

    async def clocks(self, request: web.Request) -> web.Response:
        """`GET .../clocks`: the times of the incident, and how long each part took."""
        incident = await self._incident(request)
        events = await self.parts.incidents.events(incident.uid)
        read = clocks(incident, events, await self.parts.incidents.receipts(incident.uid))
        moments = [
            {"clock": one.name, "at": moment(one.at), "by": one.by, "was": moment(one.was)} for one in read.values()
        ]
        return answer({"incident": incident.id, "clocks": moments, "seconds": spans(read)})

    async def set_clock(self, request: web.Request) -> web.Response:
        """`POST .../clocks`: set the actual time of something."""
        given, actor, once, what = await self.respond.given(request, ClockBody)
        done = await self.respond.acted(request, given.command(), actor, once, what)
        return await self.respond.answered(request, done)

    async def letter(self, request: web.Request) -> web.Response:
        """`GET .../customer-email`: the email to customers, as a draft."""
        incident, config = await self._incident(request), self.parts.config
        components = [name for _, name in self.parts.setting().policy.components(incident.labels)]
        service = config.service
        subject, text = customer_email(incident, components, service.product, service.support_email or "")
        kind = wanted(request)
        if kind == JSON:
            return answer({"incident": incident.id, "status": "draft", "subject": subject, "markdown": text})
        return await self.texts.answer(f"Subject: {subject}\n\n{text}", kind, subject)

    def _timeline_chart(self, incident: Incident, events: Sequence[Event]) -> Pictures:
        chart = timeline_chart_of(incident, events, self.parts.clock.now(), self.parts.overrides.schedules.people)
        return {"Timeline": timeline_chart_svg(chart, f"Timeline chart of {incident.id}")}

    async def _incident(self, request: web.Request, *known: str) -> Incident:
        caller = self.gate.admit(request, Scope.READ)
        read_once(request, *known)
        return await by_id(self.parts.incidents, request.match_info["id"], caller)


def postmortem_shape(
    incident: Incident, events: Sequence[Event], text: str, version: str | None = None
) -> dict[str, Any]:
    """Return a post-mortem with its versions, the newest last."""
    writings = [event.data["writing"] for event in events if event.kind is Kind.POSTMORTEM_WRITTEN]
    shown = int(version) if version is not None else len(writings)
    status = writings[shown - 1]["status"] if shown else "draft"
    return {
        "incident": incident.id, "status": status, "version": shown, "markdown": text,
        "versions": [{name: one[name] for name in ("version", "status", "by", "at")} for one in writings],
    }  # fmt: skip


def wanted(request: web.Request) -> str:
    """Return the kind that `Accept` prefers; JSON if it names none of the three."""
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


class TextAnswers:
    """Responses in Markdown, as text or as a page."""

    def __init__(self) -> None:
        """Create it without rendered pages."""
        self.pages = MarkdownPages()

    async def answer(self, markdown: str, kind: str, title: str, pictures: Pictures = NO_PICTURES) -> web.Response:
        """Return Markdown as `kind`. Raises Refusal (503) if too many pages are requested at once."""
        text = markdown if kind == MARKDOWN else await self.pages.page(markdown, title, pictures)
        body, headers = text.encode("utf-8", "replace"), {"Vary": "Accept"}
        if kind == HTML:
            headers["Content-Security-Policy"] = f"{BARE}; style-src 'sha256-{STYLED}'"
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)


def review_operations(api: IncidentReviewApi) -> list[Operation]:
    """Return the operations of the review."""
    read, do, conflict = Scope.READ, Scope.RESPOND, (404, 409, 412)
    return [
        Operation(
            "GET", f"{INCIDENT}/timeline", read, "Timeline, oldest first.", api.timeline, "EventList", refuses=(404,)
        ),
        Operation(
            "GET", f"{INCIDENT}/postmortem", read, "An incident's post-mortem, or the generated draft.", api.postmortem,
            "Text",
            query=(Parameter("version", "An older version; 0: the draft.", {"type": "integer", "minimum": 0}),),
            refuses=(404,),
        ),
        Operation(
            "PUT", f"{INCIDENT}/postmortem", do, "Save a new version; earlier ones are kept.", api.write,
            "Incident", PostmortemBody, refuses=conflict,
        ),
        Operation(
            "PATCH", f"{INCIDENT}/timeline/{{n}}", do, "Correct or hide a timeline entry.", api.correct,
            "Incident", EntryBody, refuses=conflict,
        ),
        Operation(
            "GET", f"{INCIDENT}/clocks", read, "An incident's times, and how long each phase took.", api.clocks,
            "Clocks", refuses=(404,),
        ),
        Operation(
            "POST", f"{INCIDENT}/clocks", do, "Set or correct one of an incident's times.", api.set_clock, "Incident",
            ClockBody, refuses=conflict,
        ),
        Operation(
            "GET", f"{INCIDENT}/customer-email", read, "The customer email, as a draft.", api.letter, "Text",
            refuses=(404,),
        ),
    ]  # fmt: skip
