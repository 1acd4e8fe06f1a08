"""Any endpoint that accepts JSON: a CloudEvents 1.0 event (structured mode), signed if there is a secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from receiver.channels.base import Channel, ChannelSettings, hidden_url, http_url, is_set, raise_for
from receiver.channels.http_client import encode
from receiver.channels.safe_text import HIDDEN, cut, hide
from receiver.model.base import rfc3339
from receiver.model.delivery.notice import Action, Notice, Receipt
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident

PRIVATE = frozenset({"address", "routing_key"})
"""Keys of an event's data that contain a pager's credential."""
TEXT_LIMIT = 4096
EVENTS = 100
BODY_LIMIT = 1_000_000
"""Bytes above which alerts and labels are left out but the counts stay, because most endpoints reject megabytes."""
WHSEC = "whsec_"
"""Prefix of a Standard Webhooks secret; the rest is its key in base64."""
FOREMOST = (
    Kind.OPENED, Kind.REOPENED, Kind.SEVERITY_RAISED, Kind.SEVERITY_SET, Kind.ACKNOWLEDGED, Kind.RESOLVED,
)  # fmt: skip
"""Events that the type names, the most important first; without any of these, the last event."""
TIMES = (
    "opened_at",
    "acknowledged_at",
    "identified_at",
    "mitigated_at",
    "resolved_at",
    "closed_at",
)


def _secret_url(value: SecretStr) -> SecretStr:
    http_url(value.get_secret_value())
    return value


def _signing_secret(value: SecretStr) -> SecretStr:
    try:
        signing_key(value.get_secret_value())
    except ValueError:
        raise ValueError("not a Standard Webhooks secret: the text after whsec_ is not base64") from None
    return value


class WebhookSettings(ChannelSettings):
    """Your own address that accepts JSON."""

    kind: Literal["webhook"] = "webhook"
    url: Annotated[SecretStr, AfterValidator(_secret_url)] = Field(
        SecretStr(""), description="Address for events; secret, because its path may be secret. Empty: off."
    )
    secret: Annotated[SecretStr, AfterValidator(_signing_secret)] = Field(
        SecretStr(""),
        description="Key of the signatures in `webhook-signature` and `X-Receiver-Signature`; `whsec_` and base64 as "
        "Standard Webhooks writes it, or any text. Empty: unsigned.",
    )


class Webhook(Channel[WebhookSettings]):
    """Posts events to an address of the user."""

    kind: ClassVar[str] = "webhook"
    Settings: ClassVar[type[ChannelSettings]] = WebhookSettings
    informs: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return a reason if `url` is empty, else None."""
        return None if is_set(self.settings.url) else "url is empty"

    def address(self) -> str:
        """Return the host to which events are sent."""
        return urlsplit(self.settings.url.get_secret_value()).hostname or self.name

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the request, with only the host of the address and without the signature."""
        headers = _headers(notice)
        if is_set(self.settings.secret):
            headers |= {"X-Receiver-Signature": f"v1={HIDDEN}", "webhook-signature": f"v1,{HIDDEN}"}
        url = hidden_url(self.settings.url.get_secret_value()) if self.missing() is None else ""
        return [{"method": "POST", "url": url, "headers": headers, "body": payload(notice)}]

    async def deliver(self, notice: Notice) -> Receipt:
        """Post one event; any 2xx means that it was accepted."""
        url, secret = self.settings.url.get_secret_value(), self.settings.secret.get_secret_value()
        body, headers = encode(payload(notice)), _headers(notice)
        if is_set(self.settings.secret):
            headers["X-Receiver-Signature"] = f"v1={sign(secret, body)}"
            told = standard_signature(secret, headers["webhook-id"], headers["webhook-timestamp"], body)
            headers["webhook-signature"] = told
        reply = await self.http.post(url, body, headers)
        raise_for(reply, notice.now, (secret, *url_parts(url)))
        return Receipt(ref=notice.key)


def sign(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of the raw `body` in hexadecimal."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signing_key(secret: str) -> bytes:
    """Return the signing key of Standard Webhooks. Raises ValueError if `whsec_` is not followed by base64."""
    if not secret.startswith(WHSEC):
        return secret.encode()
    text = secret.removeprefix(WHSEC)
    key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if not key:
        raise ValueError("no key")
    return key


def standard_signature(secret: str, key: str, timestamp: str, body: bytes) -> str:
    """Return the value of `webhook-signature` (standardwebhooks.com): of the id, the time and the raw body."""
    signed = b".".join((key.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(signing_key(secret), signed, hashlib.sha256).digest()).decode()


def url_parts(url: str) -> list[str]:
    """Return the URL and every longer part of it after the host: each may be its credential."""
    return [url, *(part for part in re.split(r"[/?&=#:@]+", url)[2:] if len(part) >= 6)]


def payload(notice: Notice) -> dict[str, Any]:
    """Return the CloudEvent for `notice`: the same notice gives the same bytes."""
    secrets = {page.address for page in notice.incident.pages if page.address} if notice.incident else set()
    # The time of the event, so that a repeated attempt is identical.
    moment = notice.events[-1].at if notice.events else notice.incident.opened_at if notice.incident else notice.now
    data: dict[str, Any] = {
        "action": notice.action.value,
        "incident": _harmless(_incident(notice, notice.incident), secrets) if notice.incident else None,
        "events": [_event(event, secrets) for event in notice.events[-EVENTS:]],
    }
    if notice.text:
        data["text"] = _harmless(notice.text, secrets)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": notice.key,
        "type": _type(notice),
        "source": notice.url or "/receiver",
        "time": rfc3339(moment),
        "datacontenttype": "application/json",
        "data": data,
    }
    if notice.incident is not None and notice.incident.id:
        event["subject"] = notice.incident.id
    if notice.incident is not None and len(encode(event)) > BODY_LIMIT:
        data["incident"]["alerts"]["items"] = []
        data["incident"]["labels"] = {}
    return event


def _type(notice: Notice) -> str:
    if notice.action is Action.TELL or notice.incident is None:
        return "receiver.message"
    kinds = [event.kind for event in notice.events]
    foremost = next((kind for kind in FOREMOST if kind in kinds), kinds[-1] if kinds else None)
    return f"receiver.incident.{foremost.value if foremost else 'updated'}"


def _headers(notice: Notice) -> dict[str, str]:
    key = notice.key
    if not (key.isascii() and key.isprintable() and len(key) <= 255):
        key = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    return {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "Idempotency-Key": key,
        # In the signed text, a dot separates the id from the time.
        "webhook-id": key if "." not in key else hashlib.sha256(key.encode()).hexdigest(),
        "webhook-timestamp": str(int(notice.now.timestamp())),
    }


def _incident(notice: Notice, incident: Incident) -> dict[str, Any]:
    # The same form as in the API; a page has no address and no key.
    moments = {name: getattr(incident, name) for name in TIMES}
    return {
        "id": incident.id or None,
        "title": incident.title,
        "severity": incident.severity.value,
        "state": incident.state.value,
        "phase": incident.phase.value,
        "service": incident.service,
        **({"team": incident.team} if incident.team else {}),
        "labels": incident.labels,
        **{name: rfc3339(moment) if moment else None for name, moment in moments.items()},
        "alerts": {"firing": incident.firing, "resolved": incident.resolved, "items": _alerts(notice)},
        "decision": incident.decision.model_dump(mode="json"),
        "roles": incident.roles.model_dump(mode="json"),
        "pages": [
            {
                "contact": page.contact,
                "person": page.person,
                "step": page.step,
                "channel": page.channel,
                "at": rfc3339(page.at),
            }
            for page in incident.pages
        ],
        "links": {**incident.links, **({"incident": notice.url} if notice.url else {})},
        "drill": incident.drill,
        "version": incident.version,
    }


def _alerts(notice: Notice) -> list[dict[str, Any]]:
    return [
        {
            "fingerprint": line.fingerprint,
            "name": line.name,
            "summary": line.summary,
            "description": line.description,
            "values": line.values,
            "labels": line.labels,
            "starts_at": rfc3339(line.starts_at),
        }
        for line in notice.alerts
    ]


def _event(event: Event, secrets: set[str]) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": rfc3339(event.at),
        "kind": event.kind.value,
        "actor": event.actor.model_dump(mode="json"),
        "reason": event.reason,
        "text": _harmless(event.text, secrets),
        "data": _harmless(event.data, secrets, PRIVATE),
    }


def _harmless(value: Any, secrets: set[str], private: frozenset[str] = frozenset()) -> Any:
    # Cut, and without pager addresses; labels are otherwise unchanged, because this is data, not a page.
    if isinstance(value, str):
        return cut(hide(value, secrets), TEXT_LIMIT)  # hidden first: a cut may divide a secret
    if isinstance(value, dict):
        return {key: _harmless(item, secrets, private) for key, item in value.items() if key not in private}
    if isinstance(value, (list, tuple)):
        return [_harmless(item, secrets, private) for item in value]
    return value
