"""Atlassian Statuspage: published updates, and the state of components.

All its data comes from `Notice.public`, a separate model that no label, host or person's name can reach.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, Channel, ChannelSettings, DeliveryError, is_set, raise_for
from receiver.channels.http_client import Reply
from receiver.channels.safe_text import HIDDEN, clean, cut
from receiver.model.base import rfc3339
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.delivery.public_incident import Impact, PublicNews, PublicStatus, PublicUpdate
from receiver.model.delivery.vendor_quota import Quota

NAME_LIMIT = 255
BODY_LIMIT = 25_000
PAGE = 100
PAGES = 5
MARK = "incident_service"
"""The metadata key for our id of an incident on the page."""


class StatuspageSettings(ChannelSettings):
    """A page on Statuspage that mirrors the built-in one."""

    kind: Literal["statuspage"] = "statuspage"
    api_url: BaseUrl = Field("https://api.statuspage.io", description="Address of the API, without its version path.")
    page_id: str = Field("", description="Id of the page.")
    api_key: SecretStr = Field(SecretStr(""), description="API key of an account that may edit the page; empty: off.")
    components: dict[str, str] = Field(
        {}, description="Ids of components in `status_page.components`, mapped to their ids at Statuspage."
    )
    notify: bool = Field(True, description="Whether subscribers are notified of each update.")


class Statuspage(Channel[StatuspageSettings]):
    """Mirrors the public status page.

    The memory of its receipts: `id` and `name` of the incident there, `said` (the last update there), `parts` (the
    components that it has changed), `ended` once it is resolved there, which is final, and `detached` once a person has
    deleted or ended it there.
    """

    kind: ClassVar[str] = "statuspage"
    Settings: ClassVar[type[ChannelSettings]] = StatuspageSettings
    publishes: ClassVar[bool] = True
    edits: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return which of `api_url`, `page_id` and `api_key` is empty, else None."""
        if not self.settings.api_url:
            return "api_url is empty"
        if not self.settings.page_id:
            return "page_id is empty"
        return None if is_set(self.settings.api_key) else "api_key is empty"

    def address(self) -> str:
        """Return the id of the page."""
        return self.settings.page_id

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return the limit of a key: one request per second.

        A first creation takes one request; before an update the incident is read, and a search finds one that an
        earlier attempt may have created.
        """
        if notice.public is None or not notice.public.incident.updates or notice.memory.get("detached"):
            return ()
        known = notice.memory.get("id") is not None and not notice.memory.get("ended")
        cost = 2 if known else 1 + PAGES if notice.repeat else 1
        return (Quota(name="key", calls=58, seconds=61, cost=cost),)

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the request that creates the incident, or adds the update."""
        news = notice.public
        if news is None or not news.incident.updates:
            return []
        known = None if notice.memory.get("ended") else notice.memory.get("id")
        body = self._changed(news, notice.memory) if known else self._made(news, notice.memory)
        headers = {"Authorization": f"OAuth {HIDDEN}"}
        where = self._url(f"incidents/{known}" if known else "incidents")
        return [{"method": "PATCH" if known else "POST", "url": where, "headers": headers, "body": body}]

    async def deliver(self, notice: Notice) -> Receipt:
        """Create the incident once, or add new updates; an incident that a person has resolved there stays resolved."""
        news, memory = notice.public, dict(notice.memory)
        if notice.action is not Action.INFORM:
            detail = f"{self.name} accepts only public updates of incidents"
            raise DeliveryError("refused", detail, permanent=True)
        if news is None or not news.incident.updates or memory.get("detached"):
            return Receipt(nothing=True, memory=memory)
        if memory.get("said") == _word(news.incident.updates[0]):
            return Receipt(ref=memory.get("id"), memory=memory)
        if memory.get("ended"):
            if news.incident.resolved_at is not None:
                return Receipt(nothing=True, memory=memory)
            # Reopened: resolved is final there, so it is another incident.
            memory = {"parts": memory.get("parts", []), "ended": False}
        if memory.get("id") is None:
            found = await self._made_before(notice, news) if notice.repeat else None
            if found is None:
                return await self._make(notice, news, memory)
            memory |= {"id": found["id"], "name": found.get("name")}
        return await self._add(notice, news, memory)

    async def probe(self, notice: Notice) -> Receipt:
        """Query the open incidents on the page, because a test must not be published."""
        reply = await self.http.get(self._url("incidents/unresolved"), self._headers(), {"page": "1", "per_page": "1"})
        self._judge(reply, notice)
        if not isinstance(reply.json, list):
            raise DeliveryError("bad_answer", "did not return a list of incidents")
        return Receipt(ref=self.settings.page_id)

    async def _make(self, notice: Notice, news: PublicNews, memory: dict[str, Any]) -> Receipt:
        body = self._made(news, memory)
        reply = await self._call("POST", "incidents", notice, body)
        number = reply.json.get("id") if isinstance(reply.json, dict) else None
        if not isinstance(number, str):
            raise DeliveryError("bad_answer", "did not return the incident's id", ambiguous=True)
        return self._told(news, {**memory, "id": number, "name": body["incident"]["name"]})

    async def _add(self, notice: Notice, news: PublicNews, memory: dict[str, Any]) -> Receipt:
        newest = news.incident.updates[0]
        standing = await self._standing(notice, memory["id"])
        if standing is None:
            return self._detached(news, memory, "it was removed from the page")
        if standing.get("status") == PublicStatus.RESOLVED and not _says(standing, newest):
            return self._detached(news, memory, "it was ended on the page")
        if not _says(standing, newest):
            body = self._changed(news, memory)
            named = _name(news)
            # A new name given there is kept.
            if standing.get("name") == memory.get("name") != named:
                body["incident"]["name"] = memory["name"] = named
            try:
                await self._call("PATCH", f"incidents/{memory['id']}", notice, body)
            except DeliveryError as error:
                if not error.detail.startswith("returned 404"):
                    raise
                return self._detached(news, memory, "it was removed from the page")
        return self._told(news, memory)

    def _told(self, news: PublicNews, memory: dict[str, Any]) -> Receipt:
        newest = news.incident.updates[0]
        parts = sorted({*memory.get("parts", []), *news.incident.components})
        over = newest.progress is PublicStatus.RESOLVED
        kept = {**memory, "said": _word(newest), "parts": parts, "ended": over, "detached": False}
        return Receipt(ref=memory["id"], memory=kept)

    def _detached(self, news: PublicNews, memory: dict[str, Any], why: str) -> Receipt:
        # Resolved or deleted there by a person: a later update must not reopen it. Once it is over here too, reopening
        # is published again.
        over = news.incident.updates[0].progress is PublicStatus.RESOLVED
        return Receipt(ref=memory["id"], memory={**memory, "detached": not over, "ended": over}, warning=why)

    async def _standing(self, notice: Notice, number: str) -> dict[str, Any] | None:
        # By its id: with five hundred open incidents it would be on the sixth page.
        reply = await self.http.get(self._url(f"incidents/{number}"), self._headers(), limit=4 * 1024 * 1024)
        if reply.status == 404:
            return None
        self._judge(reply, notice)
        if not isinstance(reply.json, dict):
            raise DeliveryError("bad_answer", "did not return the incident")
        return reply.json

    async def _made_before(self, notice: Notice, news: PublicNews) -> dict[str, Any] | None:
        # Updates may have been published without an answer; resolved incidents are missing from the unresolved ones.
        if news.incident.updates[0].progress is not PublicStatus.RESOLVED:
            return await self._unresolved(notice, news)
        found = await self._unresolved(notice, news)
        return found or await self._marked("incidents", {"q": _name(news)}, notice, news)

    async def _unresolved(self, notice: Notice, news: PublicNews) -> dict[str, Any] | None:
        return await self._marked("incidents/unresolved", {}, notice, news)

    async def _marked(
        self, path: str, query: dict[str, str], notice: Notice, news: PublicNews
    ) -> dict[str, Any] | None:
        # Found by our metadata, because a second incident would be sent to every subscriber. The newest come first.
        for number in range(1, PAGES + 1):
            asked = {**query, "page": str(number), "per_page": str(PAGE)}
            reply = await self.http.get(self._url(path), self._headers(), asked, 4 * 1024 * 1024)
            self._judge(reply, notice)
            if not isinstance(reply.json, list):
                raise DeliveryError("bad_answer", "did not return a list of incidents")
            for one in reply.json:
                marks = one.get("metadata") if isinstance(one, dict) else None
                mark = marks.get(MARK) if isinstance(marks, dict) else None
                if isinstance(mark, dict) and mark.get("incident_id") == news.incident.id and one.get("id"):
                    return dict(one)
            if len(reply.json) < PAGE:
                return None
        return None

    def _made(self, news: PublicNews, memory: dict[str, Any]) -> dict[str, Any]:
        body = self._changed(news, memory)["incident"]
        return {"incident": {"name": _name(news), **body, "metadata": {MARK: {"incident_id": news.incident.id}}}}

    def _changed(self, news: PublicNews, memory: dict[str, Any]) -> dict[str, Any]:
        one, there = news.incident, self.settings.components
        # The worst state of all open incidents: the end of one incident does not clear a component that another still
        # affects, and components that this one affected before are updated as well.
        touched = [name for name in dict.fromkeys((*one.components, *memory.get("parts", []))) if name in there]
        impact = one.impact if one.impact is not Impact.NONE else Impact.MINOR
        return {
            "incident": {
                "status": one.updates[0].progress.value,
                "body": clean(one.updates[0].text, BODY_LIMIT, lines=True),
                "impact_override": impact.value,
                "component_ids": [there[name] for name in one.components if name in there],
                "components": {there[name]: news.conditions[name].value for name in touched if name in news.conditions},
                "deliver_notifications": self.settings.notify,
            }
        }

    async def _call(self, method: str, path: str, notice: Notice, body: dict[str, Any]) -> Reply:
        reply = await self.http.send_json(method, self._url(path), body, self._headers())
        self._judge(reply, notice)
        return reply

    def _judge(self, reply: Reply, notice: Notice) -> None:
        # An older status for a used-up quota.
        status = 429 if reply.status == 420 else reply.status
        fixed = Reply(status, reply.headers, reply.json, reply.text)
        raise_for(fixed, notice.now, (self.settings.api_key.get_secret_value(),))

    def _url(self, path: str) -> str:
        return f"{self.settings.api_url}/v1/pages/{self.settings.page_id}/{path}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"OAuth {self.settings.api_key.get_secret_value()}"}


def _name(news: PublicNews) -> str:
    return cut(clean(news.incident.title, NAME_LIMIT), NAME_LIMIT)


def _word(update: PublicUpdate) -> str:
    # A draft may be approved after a later one: its number alone does not show which is the newest.
    return f"{update.n} {rfc3339(update.at)}"


def _says(found: dict[str, Any], update: PublicUpdate) -> bool:
    updates = found.get("incident_updates")
    newest = updates[0] if isinstance(updates, list) and updates and isinstance(updates[0], dict) else {}
    said = clean(update.text, BODY_LIMIT, lines=True)
    return newest.get("status") == update.progress.value and newest.get("body") == said
