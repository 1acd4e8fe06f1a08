"""POST /hooks/twilio/...: keys, SMS and reports that Twilio posts, signed with the account's token."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import web

from receiver.store.client.connection import StoreAway
from receiver.web.app_keys import AppParts
from receiver.web.auth.connection_trust import mark_trusted
from receiver.web.http.error_responses import AWAY, Refusal, answer
from receiver.web.webhooks.signatures import by_twilio, like_twilio
from receiver.web.webhooks.unsigned_bodies import UnsignedBodies

MOST = 16 * 1024
"""Maximum size in bytes; an SMS has at most 1,600 characters, and a request has some forty fields."""
FIELDS = 200
SIGNATURE = "X-Twilio-Signature"


@dataclass(frozen=True)
class SignedForm:
    """A request with a valid signature."""

    fields: dict[str, str]
    token: str
    """The token of the page that the request is about; empty: none."""
    channels: list[str]
    """The channels whose account signed it."""


class TwilioHooks:
    """The endpoints that Twilio calls."""

    def __init__(self, parts: AppParts) -> None:
        """Create it without current requests."""
        self.parts = parts
        self.unsigned = UnsignedBodies(lambda: parts.config.server.trusted_proxies)

    async def voice(self, request: web.Request) -> web.Response:
        """Handle a pressed key, and return the next announcement."""
        form = await self._signed(request, "voice")
        said = await self.parts.phones.twilio.key(form.token, form.fields, form.channels, self.parts.clock.now())
        return web.Response(text=said, content_type="text/xml")

    async def sms(self, request: web.Request) -> web.Response:
        """Handle an SMS, and reply with one SMS or none."""
        form = await self._signed(request, "sms")
        said = await self.parts.phones.twilio.text(form.fields, form.channels, self.parts.clock.now())
        return web.Response(text=said, content_type="text/xml")

    async def status(self, request: web.Request) -> web.Response:
        """Record the delivery status of a call or a message."""
        form = await self._signed(request, "status")
        sid = form.fields.get("MessageSid") or form.fields.get("CallSid", "")
        state = form.fields.get("MessageStatus") or form.fields.get("CallStatus", "")
        try:
            known = await self.parts.phones.reports.take(form.token, sid, state, form.channels, self.parts.clock.now())
        except StoreAway:
            raise Refusal(503, "store_away", AWAY) from None
        if not known:
            raise Refusal(404, "no_page", "no page matches this report")
        return answer({"status": state})

    async def _signed(self, request: web.Request, path: str) -> SignedForm:
        answers, hooks = self.parts.phones.twilio, self.parts.setting().hooks
        if not answers.channels() or hooks is None:
            raise Refusal(404, "no_channel", "no channel accepts responses here, or service.public_url is not set")
        header = request.headers.get(SIGNATURE, "")
        wrong = Refusal(403, "wrong_signature", "the signature matches no configured account")
        if not like_twilio(header):
            raise wrong
        raw = await self.unsigned.read(request, MOST)
        try:
            fields = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS)
        except ValueError:
            raise Refusal(400, "bad_form", "the body is not a form") from None
        query = request.rel_url.raw_query_string
        url = f"{hooks}/twilio/{path}{f'?{query}' if query else ''}"
        named = dict(fields)
        signed = answers.signed_by(named.get("AccountSid"), lambda token: by_twilio(header, url, fields, token))
        if not signed:
            raise wrong
        mark_trusted(request, sender=True)
        return SignedForm(named, request.query.get("t", ""), signed)
