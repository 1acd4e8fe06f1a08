"""PagerDuty, Events API v2: the pager."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr

from receiver.channels.base import BaseUrl, Channel, ChannelSettings, DeliveryError, raise_for
from receiver.channels.http_client import Reply, encode
from receiver.channels.page_refusal import page_refusal
from receiver.channels.safe_text import HIDDEN, clean, cut, hide, href
from receiver.model.alert.annotations import description_of, values_of
from receiver.model.base import rfc3339
from receiver.model.delivery.notice import Action, AlertLine, Notice, Receipt
from receiver.model.delivery.vendor_quota import Quota
from receiver.model.incident.incident import Incident
from receiver.model.severity import Decision, Severity

ROUTING_KEY_LENGTH = 32
SUMMARY_LIMIT = 1024
DEDUP_KEY_LIMIT = 255
BODY_LIMIT = 512_000
"""Maximum bytes: "512 KB" in the strict sense, as in Alertmanager."""
ALERT_LIMIT = 20
DESCRIPTION_LIMIT = 4000
CALLS, WITHIN = 118, 61.0
"""Maximum number of events per key (about 120 within a minute, sliding)."""
KEPT = 8
"""The number of these reserved for pages of SEV-1."""
STEADY = ((64, 7.0), (100, 30.0))
"""Maximum number of new pages within this many seconds, so that a later page of SEV-1 also has room, and some seventy
pages of one key are sent within seconds."""
FOR_BEGINNINGS = 70
"""Reserved for triggers while a page was triggered recently: a minute that is filled early by resolves has no room for
a page until it is over."""
BURST, BRIEFLY = 72, 12.0
ENDS_AMONG, ENDS_ALONE = 62, 48
"""Number of calls in a burst that resolves may not use: while pages are triggered, and while none are."""
EVEN, EVENLY = 60, 34.0
"""Resolves are spread over the minute."""
LINK_LIMIT = 20
REST = {
    "https://events.pagerduty.com": "https://api.pagerduty.com",
    "https://events.eu.pagerduty.com": "https://api.eu.pagerduty.com",
}
"""The REST API for each Events API (the EU's is unverified)."""
SEVERITIES = {
    Severity.SEV1: "critical",
    Severity.SEV2: "error",
    Severity.SEV3: "warning",
    Severity.SEV4: "info",
}
ACTIONS = {Action.TRIGGER: "trigger", Action.ACKNOWLEDGE: "acknowledge", Action.RESOLVE: "resolve"}


class PagerDutySettings(ChannelSettings):
    """PagerDuty as the pager. Each person has a routing key (`people.*`), so the channel needs no credentials."""

    kind: Literal["pagerduty"] = "pagerduty"
    api_url: BaseUrl = Field(
        "https://events.pagerduty.com", description="Address of the Events API; accounts in the EU have their own host."
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Secret of the webhook subscription; several, comma-separated, during a rotation."
    )
    api_token: SecretStr = Field(
        SecretStr(""),
        description="REST API token, to match PagerDuty's incidents to receiver's, and to check for acknowledgements.",
    )
    rest_url: BaseUrl = Field(
        "", description="Address of the REST API; default: the host that matches `api_url`, or `api_url` itself."
    )

    @property
    def secrets_in(self) -> tuple[bytes, ...]:
        """The secrets that a webhook may be signed with; none: webhooks are off."""
        parts = (part.strip() for part in self.webhook_secret.get_secret_value().split(","))
        return tuple(part.encode() for part in parts if part)

    @property
    def rest(self) -> str:
        """The address of the REST API."""
        return self.rest_url or REST.get(self.api_url, self.api_url)


class PagerDuty(Channel[PagerDutySettings]):
    """Pages one person through the routing key of their service."""

    kind: ClassVar[str] = "pagerduty"
    Settings: ClassVar[type[ChannelSettings]] = PagerDutySettings
    paging: ClassVar[bool] = True
    two_way: ClassVar[bool] = True
    edits: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    keyed: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return a reason if `api_url` is empty, else None."""
        return None if self.settings.api_url else "api_url is empty"

    def address(self) -> str:
        """Return its name: a page always names its own address."""
        return self.name

    def quotas(self, notice: Notice) -> tuple[Quota, ...]:
        """Return the limit of its routing key: pages of SEV-1 first, then other triggers, then resolves."""
        key = hashlib.sha256(notice.address.encode("utf-8", "replace")).hexdigest()[:16]
        begins = notice.action is Action.TRIGGER
        if begins and (notice.incident is None or notice.incident.severity is Severity.SEV1):
            return (Quota(name=key, calls=CALLS, seconds=WITHIN, rank=0),)
        if begins:
            steady = (Quota(name=f"{key}:{within:g}", calls=most, seconds=within) for most, within in STEADY)
            burst = Quota(name=f"{key}:burst", calls=BURST, seconds=BRIEFLY)
            return (Quota(name=key, calls=CALLS, seconds=WITHIN, kept=KEPT), burst, *steady)
        return (
            Quota(name=key, calls=CALLS, seconds=WITHIN, kept=FOR_BEGINNINGS, kept_else=KEPT, rank=2),
            Quota(name=f"{key}:burst", calls=BURST, seconds=BRIEFLY, kept=ENDS_AMONG, kept_else=ENDS_ALONE, rank=2),
            Quota(name=f"{key}:even", calls=EVEN, seconds=EVENLY, rank=2),
        )

    def preview(self, notice: Notice) -> list[dict[str, Any]]:
        """Return the event that `send` would post, with its routing key hidden."""
        return [{"method": "POST", "url": self._url(), "body": {**payload(notice), "routing_key": HIDDEN}}]

    async def deliver(self, notice: Notice) -> Receipt:
        """Post one event. A 202 means that PagerDuty accepted it, not that a person was notified."""
        if len(notice.address) != ROUTING_KEY_LENGTH or not notice.address.isascii():
            who = notice.page.person if notice.page else "this contact"
            detail = f"the {self.name} key of {who} has {len(notice.address)} characters, expected {ROUTING_KEY_LENGTH}"
            raise DeliveryError("refused", detail, permanent=True)
        event = payload(notice)
        reply = await self.http.post_json(self._url(), event)
        try:
            raise_for(reply, notice.now, (notice.address,))
        except DeliveryError as error:
            raise page_refusal(error, reply.status) from None
        if reply.status != 202:
            detail = f"returned {reply.status}; only a 202 means that the event was accepted"
            raise DeliveryError("bad_answer", detail, ambiguous=True)
        if (refusal := _refusal(reply)) is not None:
            raise DeliveryError("bad_answer", hide(f"returned 202, but {refusal}", (notice.address,)), ambiguous=True)
        return Receipt(ref=event["dedup_key"], warning=_warning(reply.json, event["dedup_key"]))

    def _url(self) -> str:
        return f"{self.settings.api_url}/v2/enqueue"


def payload(notice: Notice) -> dict[str, Any]:
    """Return the event for `notice`, at most 512 KB. It contains the routing key: never log it."""
    event: dict[str, Any] = {
        "routing_key": notice.address,
        "event_action": ACTIONS.get(notice.action, "trigger"),
        "dedup_key": dedup_key(notice),
    }
    # Acknowledge and resolve need nothing more.
    if event["event_action"] != "trigger":
        return event
    event["client"] = "receiver"
    if notice.url:
        event["client_url"] = notice.url
    event["payload"] = _payload(notice)
    links = [{"href": link.href, "text": clean(link.text, 255) or "link"} for link in notice.links if href(link.href)]
    if links:
        event["links"] = links[:LINK_LIMIT]
    images = [{"src": one.href, "alt": clean(one.text, 255)} for one in notice.images if href(one.href)]
    if images:
        event["images"] = images
    if len(encode(event)) > BODY_LIMIT:
        event["payload"]["custom_details"] = {"note": "The details were too large for PagerDuty; see the incident."}
    return event


def dedup_key(notice: Notice) -> str:
    """Return the page's key, at most 255 characters: the same page always gives the same key."""
    key = notice.page.key if notice.page else notice.key
    return key if len(key) <= DEDUP_KEY_LIMIT else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _payload(notice: Notice) -> dict[str, Any]:
    incident = notice.incident
    if incident is None:
        text = clean(notice.text, SUMMARY_LIMIT) or "page"
        return {"summary": text, "source": "receiver", "severity": "critical"}
    content: dict[str, Any] = {
        "summary": summary_of(incident, notice.page.note if notice.page else ""),
        "source": _source(incident),
        "severity": SEVERITIES[incident.severity],
        "timestamp": rfc3339(incident.opened_at),
    }
    if incident.service:
        content["component"] = clean(incident.service, 255)
    if incident.names:
        content["class"] = clean(incident.names[0], 255)
    content["custom_details"] = _details(notice, incident)
    return content


def summary_of(incident: Incident, note: str = "") -> str:
    """Return the title of a page: severity, note, title and id."""
    # Only the title is shortened, never the severity before it or the id after it.
    head, tail = f"{incident.badge}[{incident.severity.value}] ", f" ({incident.id})" if incident.id else ""
    title = clean(f"{note} - {incident.title}" if note else incident.title, SUMMARY_LIMIT) or "incident"
    return head + cut(title, SUMMARY_LIMIT - len(head) - len(tail)) + tail


def _source(incident: Incident) -> str:
    candidates = (incident.service, incident.labels.get("instance"), *incident.names[:1])
    return next((text for text in (clean(candidate or "", 255) for candidate in candidates) if text), "receiver")


def _details(notice: Notice, incident: Incident) -> dict[str, Any]:
    decision = incident.decision
    details: dict[str, Any] = {
        "incident_id": incident.label,
        "incident_severity": incident.severity.value,
        "rule": clean(decision.rule, 200),
        "reasons": [clean(reason, 500) for reason in decision.reasons[:ALERT_LIMIT]],
        "scope": clean(decision.scope or "unknown", 200),
        **{name: clean(text, 500) for name, text in _more(decision) if text},
        **{name: clean(text, DESCRIPTION_LIMIT) for name, text in _described(incident).items() if text},
        "labels": {clean(name, 200): clean(value, 500) for name, value in incident.labels.items()},
        "firing": incident.firing,
        "resolved": incident.resolved,
        "alerts": [_alert(line) for line in notice.alerts[:ALERT_LIMIT]],
    }
    if notice.page:
        details["paged_as"] = clean(f"{notice.page.contact} ({notice.page.step})", 200)
    return details


def _described(incident: Incident) -> dict[str, str]:
    described = description_of(incident.annotations)
    values = {f"annotation_{clean(name, 100)}": text for name, text in values_of(incident.annotations).items()}
    return {"summary": incident.annotations.get("summary", ""), "description": described, **values}


def _more(decision: Decision) -> tuple[tuple[str, str | None], ...]:
    return (
        ("scope_from", decision.scope_from),
        ("capped_by", decision.capped_by),
        ("next_worse", decision.next_worse),
        ("rules_hash", decision.rules_hash),
    )


def _alert(line: AlertLine) -> dict[str, Any]:
    return {
        "name": clean(line.name, 500),
        "summary": clean(line.summary, 2000),
        **({"description": clean(line.description, 2000)} if line.description else {}),
        "labels": {clean(name, 200): clean(value) for name, value in line.labels.items()},
        "starts_at": rfc3339(line.starts_at),
    }


def _refusal(reply: Reply) -> str | None:
    """Return what in a 202 contradicts success; None for PagerDuty's `success`, and for a body without a status.

    With an incomplete body, the event was accepted. An HTML page comes from a proxy.
    """
    if isinstance(reply.json, dict):
        said = reply.json.get("status", "success")
        return None if said == "success" else f"its body says {clean(str(said), 200)}: {clean(reply.text, 300)}"
    return "its body is HTML" if reply.text.lstrip().startswith("<") else None


def _warning(answer: Any, key: str) -> str | None:
    told = answer.get("dedup_key") if isinstance(answer, dict) else None
    return None if told == key else "accepted, but the response does not name the deduplication key that was sent"
