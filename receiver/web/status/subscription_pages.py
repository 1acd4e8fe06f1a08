"""Sign-up, confirmation and management of subscriptions. A GET shows a page and changes nothing; a POST acts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from multidict import MultiDict

from receiver.model.delivery.subscription import PendingSubscription, Subscriber
from receiver.pipeline.status.translations import Words, chosen
from receiver.pipeline.subscriptions.status_subscriptions import Confirmed, SignedUp
from receiver.web.app_keys import AppParts
from receiver.web.auth.cross_site import is_cross_site
from receiver.web.html_pages import HtmlPages
from receiver.web.http.client_address import client_of
from receiver.web.http.error_responses import Refusal
from receiver.web.http.form_fields import form_fields
from receiver.web.status.page_theme import PublicTemplates

MOST = 16_384
"""Maximum size of a form in bytes."""
ONE_CLICK = ("List-Unsubscribe", "One-Click")
"""The field that a mail program posts to unsubscribe (RFC 8058, 3.2)."""
TOKEN = 2_000
"""Maximum length of a token."""
COMPONENT = "component"


class SubscriptionPages:
    """`/status/subscriptions` and `/status/subscriptions/{token}`."""

    def __init__(self, parts: AppParts, pages: HtmlPages) -> None:
        """Create it with the store of subscriptions."""
        self.parts = parts
        self.templates = PublicTemplates(pages)

    async def sign_up(self, request: web.Request) -> web.Response:
        """`POST /status/subscriptions`: mail a confirmation. The response is the same for every address."""
        subscriptions, words = self._open(), self._words(request)
        if is_cross_site(request, self.parts.config.service.public_url):
            raise Refusal(403, "cross_site", "sign up on the status page itself")
        fields = await form_fields(request, MOST)
        peer = client_of(request, self.parts.config.server.trusted_proxies)
        done = await subscriptions.sign_up(
            fields.get("email", ""), fields.getall(COMPONENT, []), words.language, peer, self.parts.clock.now()
        )
        if done is SignedUp.NO_ADDRESS:
            return self._said(words, "subscribe", "bad_address", status=400)
        if done is SignedUp.TOO_MANY:
            return self._said(words, "subscribe", "too_many", status=429, headers={"Retry-After": "3600"})
        return self._said(words, "sent_title", "sent_text")

    async def show(self, request: web.Request) -> web.Response:
        """`GET /status/subscriptions/{token}`: the page with the button. Following the link changes nothing."""
        pending, subscriber = await self._found(request)
        words = self._words(request, (pending or subscriber or _NOBODY).language)
        if pending is not None:
            return self._form(words, "confirm_title", "confirm", components=pending.components)
        if subscriber is not None:
            return self._form(words, "manage_title", "save", components=subscriber.components, ends=True)
        return self._said(words, "manage_title", "invalid_link", status=404)

    async def act(self, request: web.Request) -> web.Response:
        """`POST /status/subscriptions/{token}`: confirm, change components, or unsubscribe (RFC 8058)."""
        fields = await form_fields(request, MOST)
        pending, subscriber = await self._found(request)
        words = self._words(request, (pending or subscriber or _NOBODY).language)
        if pending is not None and fields.get("action") == "confirm":
            return await self._confirm(words, pending, fields)
        if subscriber is not None and fields.get("action") == "save":
            await self._open().change(subscriber, fields.getall(COMPONENT, []))
            return self._said(words, "manage_title", "saved")
        if fields.get("action") == "unsubscribe" or fields.get(ONE_CLICK[0]) == ONE_CLICK[1]:
            if subscriber is not None:
                await self.parts.subscriptions.erase(subscriber.id)
            # A second click on the same link gets the same response as the first: the address is deleted.
            known = subscriber is not None or await self._genuine(request)
            return self._said(words, "unsubscribe", "unsubscribed" if known else "invalid_link", 200 if known else 404)
        raise Refusal(404 if pending is None and subscriber is None else 400, "bad_form", "this link cannot do that")

    async def _confirm(self, words: Words, pending: PendingSubscription, fields: MultiDict[str]) -> web.Response:
        picked = tuple(fields.getall(COMPONENT, []))
        wanted = pending.model_copy(update={"components": self._open().known(picked)})
        done = await self._open().confirm(wanted, self._now())
        if done is Confirmed.FULL:
            return self._said(words, "confirm_title", "full", status=503)
        return self._said(words, "confirm_title", "used" if done is Confirmed.USED else "confirmed")

    async def _found(self, request: web.Request) -> tuple[PendingSubscription | None, Subscriber | None]:
        token = request.match_info["token"]
        if len(token) > TOKEN or not token.isascii():
            return None, None
        subscriptions = self.parts.subscriptions
        pending = await subscriptions.pending(token, self._now()) if subscriptions.on else None
        return pending, await subscriptions.managed(token)

    async def _genuine(self, request: web.Request) -> bool:
        token = request.match_info["token"]
        return len(token) <= TOKEN and (await self.parts.subscriptions.links()).read_manage(token) is not None

    def _open(self) -> Any:
        subscriptions = self.parts.subscriptions
        if not subscriptions.on:
            raise Refusal(404, "unknown", "page not found")
        return subscriptions

    def _now(self) -> datetime:
        return self.parts.clock.now()

    def _words(self, request: web.Request, own: str = "") -> Words:
        offered = tuple(str(one) for one in self.parts.config.status_page.languages)
        asked = request.query.get("lang") or (own if own in offered else None)
        return Words(chosen(asked, request.headers.get("Accept-Language", ""), offered))

    def _said(
        self, words: Words, heading: str, text: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> web.Response:
        response = self._page(words, heading, text=words(text), form=None)
        response.set_status(status)
        response.headers.update(headers or {})
        return response

    def _form(
        self, words: Words, heading: str, action: str, *, components: tuple[str, ...], ends: bool = False
    ) -> web.Response:
        return self._page(words, heading, text="", form=action, picked=components, ends=ends)

    def _page(self, words: Words, heading: str, **values: Any) -> web.Response:
        config = self.parts.config
        return self.templates.render(
            "status_subscription.html", config, words, switch=values.get("form") is not None,
            heading=words(heading), components=config.status_page.public, **{"picked": (), "ends": False, **values},
        )  # fmt: skip


class _Nobody:
    language = ""


_NOBODY = _Nobody()
