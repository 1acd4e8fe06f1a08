"""Grafana: an annotation for the duration of an incident."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, Channel, ChannelSettings, DeliveryError, Reply, is_set, raise_for
from receiver.channels.safe_text import HIDDEN, clean, cut, href
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.incident.incident import Incident

TEXT_LIMIT = 500
TAG = "receiver"
"""Prefix of the tag by which an annotation is found."""
Body = dict[str, Any]


class GrafanaSettings(ChannelSettings):
    """A Grafana instance that shows incidents as annotations."""

    kind: Literal["grafana"] = "grafana"
    api_url: BaseUrl = Field("", description="Grafana's address; empty: off.")
    token: SecretStr = Field(
        SecretStr(""), description="Token of a service account that may write annotations; empty: off."
    )
    dashboard: str = Field("", description="Uid of the dashboard to annotate; empty: all that show receiver's tags.")
    panel: int | None = Field(None, description="Number of the panel there; none: the whole dashboard.")


class Grafana(Channel[GrafanaSettings]):
    """Annotates the time of an incident from its opening to its end.

    The memory of its receipts: `annotation` (its id), `wrote` (its text), `gone` if someone deleted it.
    """

    kind: ClassVar[str] = "grafana"
    Settings: ClassVar[type[ChannelSettings]] = GrafanaSettings
    marks: ClassVar[bool] = True
    edits: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return which of `api_url` and `token` is empty, else None."""
        if not self.settings.api_url:
            return "api_url is empty"
        return None if is_set(self.settings.token) else "token is empty"

    def address(self) -> str:
        """Return the dashboard, or a text for all of them."""
        return self.settings.dashboard or "annotations"

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the annotation that would be created or changed."""
        if notice.incident is None or notice.action is not Action.INFORM:
            return []
        number = notice.memory.get("annotation")
        says = self._says(notice, notice.incident)
        method, path = ("POST", "") if number is None else ("PATCH", f"/{number}")
        headers = {"Authorization": f"Bearer {HIDDEN}"}
        return [{"method": method, "url": f"{self._url}{path}", "headers": headers, "body": says}]

    async def deliver(self, notice: Notice) -> Receipt:
        """Create the annotation, or change it, after searching for one from an earlier attempt."""
        incident = notice.incident
        if incident is None or notice.action is not Action.INFORM:
            raise DeliveryError("refused", "Grafana accepts only incidents", permanent=True)
        number, says = notice.memory.get("annotation"), self._says(notice, incident)
        if notice.memory.get("gone") or (number is not None and notice.memory.get("wrote") == says):
            return Receipt(ref=str(number))
        if number is None and notice.repeat:
            number = await self._find(incident, notice.now)
        if number is None:
            reply = await self.http.post_json(self._url, {**self._place(), **says}, self._headers())
            number = self._read(reply, notice.now).get("id")
            if not isinstance(number, int):
                raise DeliveryError("bad_answer", "Grafana did not return the annotation's id", ambiguous=True)
        else:
            reply = await self.http.send_json("PATCH", f"{self._url}/{number}", says, self._headers())
            if reply.status == 404:
                return Receipt(ref=str(number), memory={"gone": True}, warning=f"grafana: annotation {number} is gone")
            self._good(reply, notice.now)
        return Receipt(ref=str(number), memory={"annotation": number, "wrote": says})

    async def probe(self, notice: Notice) -> Receipt:
        """Query annotations of a tag that none has."""
        reply = await self.http.get(self._url, self._headers(), {"tags": f"{TAG}:test", "limit": "1"})
        self._good(reply, notice.now)
        if not isinstance(reply.json, list):
            raise DeliveryError("bad_answer", f"Grafana returned {reply.status} without a list of annotations")
        return Receipt(ref=self.address())

    @property
    def _url(self) -> str:
        return f"{self.settings.api_url}/api/annotations"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.token.get_secret_value()}"}

    def _place(self) -> Body:
        place: Body = {"dashboardUID": self.settings.dashboard} if self.settings.dashboard else {}
        return {**place, "panelId": self.settings.panel} if place and self.settings.panel is not None else place

    def _says(self, notice: Notice, incident: Incident) -> Body:
        # Grafana renders the text as HTML, so untrusted text must not contain markup.
        title = escape(clean(incident.title, TEXT_LIMIT))
        name = escape(clean(incident.label, 100))
        if notice.url and href(notice.url):
            name = f'<a href="{escape(notice.url)}">{name}</a>'
        says: Body = {
            "text": f"{incident.badge}{name} [{incident.severity}] {title}",
            "tags": ["incident", _tag(incident), cut(clean(incident.label, 50), 50), incident.severity.value],
            "time": _ms(incident.started_at if incident.started_at.year > 1970 else incident.opened_at),
        }
        ended = incident.resolved_at or incident.closed_at
        if incident.state.over and ended:
            return {**says, "timeEnd": max(_ms(ended), says["time"])}
        # Omitted fields keep their values in Grafana: an end is removed by one equal to the start.
        before = notice.memory.get("wrote")
        return {**says, "timeEnd": says["time"]} if isinstance(before, dict) and "timeEnd" in before else says

    async def _find(self, incident: Incident, now: datetime) -> int | None:
        query = {"tags": _tag(incident), "limit": "1"}
        reply = await self.http.get(self._url, self._headers(), query)
        self._good(reply, now)
        found = reply.json if isinstance(reply.json, list) else []
        number = found[0].get("id") if found and isinstance(found[0], dict) else None
        return number if isinstance(number, int) else None

    def _read(self, reply: Reply, now: datetime) -> Body:
        self._good(reply, now)
        if not isinstance(reply.json, dict):
            raise DeliveryError("bad_answer", f"Grafana returned {reply.status} without JSON", ambiguous=True)
        return reply.json

    def _good(self, reply: Reply, now: datetime) -> None:
        raise_for(reply, now, (self.settings.token.get_secret_value(),))


def _tag(incident: Incident) -> str:
    return f"{TAG}:{incident.uid}"[:100]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
