"""The documents of an incident in the console: timeline, post-mortem and customer email, read and edited."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from markupsafe import Markup
from pydantic import ValidationError

from receiver.model.command import WritePostmortem
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import ReviewStatus
from receiver.model.validation_messages import first_message
from receiver.pipeline.response.command_handler import IdempotencyKeyReused, IllegalCommand, VersionConflict
from receiver.review.charts.timeline_chart import timeline_chart_of, timeline_chart_svg
from receiver.review.customer_email_text import customer_email
from receiver.review.expression.chart_svg import expression_picture
from receiver.review.markdown_html import NO_PICTURES, Pictures
from receiver.review.timeline import timeline
from receiver.web.app_keys import AppParts
from receiver.web.auth.form_repetition import form_repetition
from receiver.web.auth.signed_in_person import SignedInPerson
from receiver.web.auth.tokens import Caller, allow_team
from receiver.web.console.frame import ConsoleFrame
from receiver.web.http.error_responses import Refusal
from receiver.web.incident_queries import by_id, log_for
from receiver.web.markdown_cache import MarkdownPages

LONGEST_NUMBER = 9
"""Maximum number of digits of a version: more than any log needs."""
NAMES = {"timeline": "Timeline", "postmortem": "Post-mortem", "customer-email": "Customer email"}


class DocumentsPage:
    """`/incidents/{id}/timeline`, `/postmortem` and `/customer-email`; the post-mortem accepts a form."""

    def __init__(self, parts: AppParts, frame: ConsoleFrame, markdown: MarkdownPages) -> None:
        """Create it with the readers and the renderer."""
        self.parts = parts
        self.frame = frame
        self.markdown = markdown

    async def page(self, request: web.Request, visitor: SignedInPerson) -> web.Response:
        """Return the document as a page. Raises Refusal (404).

        For the post-mortem, `?edit=1` shows the editable text, and `?version=1` an earlier version; 0 is the draft.
        """
        name = request.path.rpartition("/")[2]
        incident = await by_id(self.parts.incidents, request.match_info["id"], visitor.caller)
        events = await log_for(self.parts.incidents, incident, visitor.caller)
        file = bool(request.query.get("download"))
        version = _version(request) if name == "postmortem" else None
        try:
            text = await self._text(name, incident, events, version, authors=not file)
        except LookupError as unknown:
            raise Refusal(404, "unknown", str(unknown.args[0])) from None
        if file:
            headers = {"Content-Disposition": f'attachment; filename="{incident.id}-{name}.md"'}
            return web.Response(text=text, content_type="text/markdown", charset="utf-8", headers=headers)
        writings = [event.data["writing"] for event in events if event.kind is Kind.POSTMORTEM_WRITTEN]
        # Built from escaped text by a renderer that does not pass HTML through.
        pictures = NO_PICTURES if name == "customer-email" else self._timeline_chart(incident, events)
        pictures = {**pictures, **expression_picture(events)} if name == "postmortem" else pictures
        body = Markup(await self.markdown.fragment(text, pictures))  # noqa: S704
        return await self.frame.show(
            "document", request, visitor, incident=incident, document=name, heading=NAMES[name], body=body, text=text,
            edit=name == "postmortem" and request.query.get("edit") == "1", writings=writings, version=version,
            statuses=list(ReviewStatus),
        )  # fmt: skip

    async def write(self, request: web.Request, visitor: SignedInPerson, fields: dict[str, str]) -> web.Response:
        """`POST /incidents/{id}/postmortem`: save a new version; earlier ones are kept. Raises Refusal."""
        number = request.match_info["id"]
        actor = visitor.actor
        markdown = fields.get("markdown", "").replace("\r\n", "\n")
        try:
            command = WritePostmortem.model_validate(
                {"markdown": markdown, "status": fields.get("status", ReviewStatus.DRAFT)}
            )
            writing = await self._newest(number, visitor.caller)
            once, what = form_repetition(fields, visitor, f"{number} postmortem")
            before = await self.parts.respond.repeated(once, what)
            if before is None and fields.get("version", "") not in ("", str(writing)):
                raise Refusal(409, "changed", "someone saved a newer version; open the page again and add your changes")
            now = self.parts.clock.now()
            await self.parts.respond.act(number, command, actor, now, once=once, what=what)
        except ValidationError as wrong:
            raise Refusal(400, "bad_form", first_message(wrong)) from None
        except (IllegalCommand, VersionConflict, IdempotencyKeyReused) as illegal:
            raise Refusal(409, "illegal", str(illegal)) from None
        return self.frame.back(f"/incidents/{number}/postmortem", "postmortem")

    def _timeline_chart(self, incident: Incident, events: Sequence[Event]) -> Pictures:
        chart = timeline_chart_of(incident, events, self.parts.clock.now(), self.frame.people)
        return {"Timeline": timeline_chart_svg(chart, f"Timeline chart of {incident.id}")}

    async def _newest(self, number: str, caller: Caller) -> int:
        incident = await by_id(self.parts.incidents, number, caller)
        allow_team(caller, incident.team)
        return incident.review.version if incident.review else 0

    async def _text(
        self, name: str, incident: Incident, events: list[Event], version: int | None, *, authors: bool
    ) -> str:
        receipts = await self.parts.incidents.receipts(incident.uid)
        setting, now = self.parts.setting(), self.parts.clock.now()
        if name == "timeline":
            return timeline(incident, events, receipts, self.frame.people, authors=authors)
        if name == "postmortem":
            return setting.postmortem(incident, events, now, receipts, version)
        service = self.parts.config.service
        parts = [name for _, name in setting.policy.components(incident.labels)]
        subject, text = customer_email(incident, parts, service.product, service.support_email or "")
        return f"Subject: {subject}\n\n{text}"


def _version(request: web.Request) -> int | None:
    given = request.query.get("version", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= LONGEST_NUMBER else None
