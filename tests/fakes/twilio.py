"""Twilio's REST API according to its documentation (version 2010-04-01), and the phones behind it.

Messages and calls are kept, listed by number with the newest first, and ended. Requests to this service have Twilio's
signature: `press`, `text` and `report` return a request that a test posts.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree

from aiohttp import web

from tests.fakes.vendor import Ledger, Vendor

SID, TOKEN = "ACb1c2d3e4f5061728394a5b6c7d8e9f01", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
LOGIN = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
FROM = "+15550100"
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
MESSAGE = {"To", "From", "Body", "StatusCallback", "MessagingServiceSid"}
CALL = {"To", "From", "Url", "Twiml", "StatusCallback", "Timeout"}


@dataclass(frozen=True)
class Signed:
    """A request from Twilio."""

    url: str
    body: bytes
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """Path and query, with the service at the root."""
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


def signature(url: str, fields: dict[str, str], token: str = TOKEN) -> str:
    """Return the signature of a request, as the documentation describes it."""
    said = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), said.encode(), hashlib.sha1).digest()).decode()


def signed(url: str, fields: dict[str, str], token: str = TOKEN) -> Signed:
    """Return a request with its signature."""
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "User-Agent": "TwilioProxy/1.1"}
    return Signed(url, urlencode(fields).encode(), {**kind, "X-Twilio-Signature": signature(url, fields, token)})


class FakeTwilio(Vendor):
    """An account with one number, and the phones that it reaches."""

    name = "twilio"

    def __init__(self, ledger: Ledger | None = None) -> None:
        super().__init__(ledger)
        self.messages: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []

    @property
    def seen(self) -> int:
        return len(self.messages) + len(self.calls)

    def parse(self, raw: bytes) -> Any:
        return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))

    def routes(self) -> list[web.RouteDef]:
        at = "/2010-04-01/Accounts/{account}"
        return [
            web.post(f"{at}/Messages.json", self.handle), web.get(f"{at}/Messages.json", self.handle),
            web.post(f"{at}/Calls.json", self.handle), web.get(f"{at}/Calls.json", self.handle),
            web.post(f"{at}/Calls/{{call}}.json", self.handle),
        ]  # fmt: skip

    def check(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        if request.headers.get("Authorization", "") != LOGIN or request.match_info["account"] != SID:
            return refused(401, 20003, "Authenticate")
        if request.method == "GET":
            return 200, self._listed(request), []
        if "call" in request.match_info:
            return self._check_change(request.match_info["call"], body)
        return self._check_new(request, body)

    def act(self, request: web.Request, body: Any, raw: bytes) -> tuple[int, dict[str, Any], list[str]]:
        status, answer, errors = self.check(request, body, raw)
        if errors or request.method == "GET":
            return status, answer, errors
        if "call" in request.match_info:
            call = self._call(request.match_info["call"])
            assert call is not None
            call["status"] = body["Status"]
            return 200, call, []
        kept, prefix = (self.calls, "CA") if request.path.endswith("/Calls.json") else (self.messages, "SM")
        made = {
            "sid": f"{prefix}{len(kept) + 1:032x}", "account_sid": SID, "to": body["To"], "from": body["From"],
            "status": "queued", "direction": "outbound-api", "date_created": formatdate(self._now()),
            "body": body.get("Body"), "error_code": None,
        }  # fmt: skip
        kept.insert(0, {**made, "form": dict(body)})
        return 201, made, []

    def _now(self) -> float:
        return self.clock() if self.clock else time.time()

    def _listed(self, request: web.Request) -> dict[str, Any]:
        kept, name = (self.calls, "calls") if request.path.endswith("/Calls.json") else (self.messages, "messages")
        query = request.query
        if unknown := set(query) - {"To", "From", "PageSize"}:
            self.fail(f"unknown filter {unknown}")
        size = int(query.get("PageSize", "50"))
        found = [one for one in kept if query.get("To", one["to"]) == one["to"]]
        found = [one for one in found if query.get("From", one["from"]) == one["from"]]
        page = [{key: value for key, value in one.items() if key != "form"} for one in found[:size]]
        return {name: page, "page_size": size, "next_page_uri": None}

    def _call(self, sid: str) -> dict[str, Any] | None:
        return next((one for one in self.calls if one["sid"] == sid), None)

    def _check_change(self, sid: str, body: Any) -> tuple[int, dict[str, Any], list[str]]:
        call = self._call(sid)
        if call is None:
            return refused(404, 20404, "The requested resource was not found")
        if body.get("Status") not in ("canceled", "completed"):
            return refused(400, 21218, "Invalid Status")
        if body["Status"] == "canceled" and call["status"] not in ("queued", "ringing"):
            return refused(400, 21220, "Call is not in a state in which it can be canceled")
        return 200, call, []

    def _check_new(self, request: web.Request, body: Any) -> tuple[int, dict[str, Any], list[str]]:
        called = request.path.endswith("/Calls.json")
        if unknown := set(body) - (CALL if called else MESSAGE):
            self.fail(f"unknown fields {sorted(unknown)}")
        if not body.get("To"):
            return refused(400, 21201 if called else 21604, "A 'To' phone number is required")
        if not NUMBER.fullmatch(body["To"]):
            return refused(400, 21211, "The 'To' number is not a valid phone number")
        if not body.get("From"):
            return refused(400, 21213 if called else 21603, "A 'From' phone number is required")
        if body["From"] != FROM:
            return refused(400, 21210 if called else 21606, "The 'From' number is not of this account")
        callback = body.get("StatusCallback")
        if callback is not None and urlsplit(callback).scheme not in ("http", "https"):
            return refused(400, 21609, "The StatusCallback URL is not a valid URL")
        return self._check_call(body) if called else self._check_message(body)

    def _check_message(self, body: Any) -> tuple[int, dict[str, Any], list[str]]:
        if not body.get("Body"):
            return refused(400, 21602, "Message body is required")
        if len(body["Body"]) > 1600:
            return refused(400, 21617, "The message body exceeds the 1600 character limit")
        return 201, {"sid": f"SM{0:032x}", "status": "queued"}, []

    def _check_call(self, body: Any) -> tuple[int, dict[str, Any], list[str]]:
        if not body.get("Twiml"):
            return refused(400, 21205, "Url or Twiml is required")
        if len(body["Twiml"]) > 4000:
            return refused(400, 21205, "Twiml exceeds 4000 characters")
        if not 5 <= int(body.get("Timeout", "60")) <= 600:
            return refused(400, 21220, "Timeout out of range")
        try:
            self.gather(body["Twiml"])
        except ElementTree.ParseError:
            return refused(400, 12100, "Document parse failure")
        return 201, {"sid": f"CA{0:032x}", "status": "queued"}, []

    # Below: the phones.

    def gather(self, twiml: str) -> tuple[str | None, str]:
        """Return the address for a pressed key (None: no address) and the spoken text.

        An unknown verb fails the run.
        """
        root = ElementTree.fromstring(twiml)
        for one in root.iter():
            if one.tag not in ("Response", "Gather", "Say", "Pause", "Message"):
                self.fail(f"unknown verb {one.tag}")
        found = root.find("Gather")
        return (found.get("action") if found is not None else None), " ".join(root.itertext()).strip()

    def press(self, digit: str, index: int = 0) -> Signed:
        """Return the request for a key that is pressed during a call; `index` 0 is the newest call."""
        call = self.calls[index]
        call["status"] = "in-progress"
        action, _ = self.gather(call["form"]["Twiml"])
        assert action is not None, "this call takes no key"
        fields = {"CallSid": call["sid"], "AccountSid": SID, "From": FROM, "To": call["to"], "Digits": digit,
                  "CallStatus": "in-progress", "Direction": "outbound-api", "ApiVersion": "2010-04-01"}  # fmt: skip
        return signed(action, fields)

    def text(self, number: str, body: str, url: str, sid: str = "") -> Signed:
        """Return the request for an SMS from `number`."""
        sid = sid or "SM" + hashlib.sha256(f"{number} {body}".encode()).hexdigest()[:32]
        fields = {"MessageSid": sid, "AccountSid": SID, "From": number, "To": FROM, "Body": body, "NumMedia": "0",
                  "SmsStatus": "received", "ApiVersion": "2010-04-01"}  # fmt: skip
        return signed(url, fields)

    def report(self, one: dict[str, Any], status: str) -> Signed:
        """Return the request that reports `status` for a call or message."""
        one["status"] = status
        kind = "Call" if one["sid"].startswith("CA") else "Message"
        fields = {f"{kind}Sid": one["sid"], f"{kind}Status": status, "AccountSid": SID, "To": one["to"],
                  "From": FROM, "ApiVersion": "2010-04-01"}  # fmt: skip
        return signed(one["form"]["StatusCallback"], fields)


def refused(status: int, code: int, message: str) -> tuple[int, dict[str, Any], list[str]]:
    """Return an error in Twilio's format."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return status, {"code": code, "message": message, "more_info": more, "status": status}, [message]
