"""Reads PagerDuty's webhooks, and queries the alerts of its incidents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from receiver.sources.http_client import SourceAnswer, SourceClient, SourceError

TEXT_LIMIT = 4000
URL_LIMIT = 300
NAME_LIMIT = 100
LIMIT = 2.0
"""Timeout of one query in seconds: the response to a webhook that needs it is due within five."""
MACHINES = ("integration", "service", "rule", "automation")
"""Words in the type of an agent that is not a person: its actions are echoes or automation."""


@dataclass(frozen=True)
class PagerDutyWebhookEvent:
    """One webhook."""

    id: str
    """The event's id: the same on every retry, and signed, unlike the header `X-Webhook-Id`."""
    kind: str
    """Such as `incident.acknowledged`."""
    at: datetime | None
    who: str | None
    """The person who did it; None: automation did it, including our own calls."""
    incident: str
    """PagerDuty's id of its incident; "" for none."""
    key: str
    """Its `incident_key`, which is our page key unless alerts were grouped."""
    title: str
    text: str
    """The text of a note or a status update."""
    assignees: tuple[str, ...]
    merged: bool = False
    """It is resolved in PagerDuty because it was merged into another incident there; it has not ended."""
    url: str = ""
    """The address of the incident in a browser; "" if the webhook does not contain it."""


def read(body: bytes) -> PagerDutyWebhookEvent:
    """Return the event in a webhook. Raises ValueError if it is not a webhook."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("the body is not JSON") from None
    event = value.get("event") if isinstance(value, dict) else None
    if not isinstance(event, dict) or not isinstance(event.get("event_type"), str):
        raise ValueError("the body is not a version 3 webhook: it has no event.event_type")
    data = _object(event.get("data"))
    incident = data if data.get("type") in (None, "incident") else _object(data.get("incident"))
    assignees = data.get("assignees")
    return PagerDutyWebhookEvent(
        id=_text(event.get("id"), 200) or hashlib.sha256(body).hexdigest(),
        kind=event["event_type"][:NAME_LIMIT],
        at=_moment(event.get("occurred_at")),
        who=_person(event.get("agent")),
        incident=_text(incident.get("id"), NAME_LIMIT),
        key=_text(data.get("incident_key"), 300),
        title=_text(data.get("title"), 2000),
        text=_text(data.get("content") or data.get("message"), TEXT_LIMIT),
        assignees=tuple(
            name for one in (assignees if isinstance(assignees, list) else ())[:10] if (name := _person(one))
        ),
        merged=_text(_object(data.get("resolve_reason")).get("type"), NAME_LIMIT).startswith("merge"),
        url=_text(incident.get("html_url"), URL_LIMIT),
    )


class PagerDutyAnswer(NamedTuple):
    """PagerDuty's state of a page."""

    answered: bool
    """Whether anyone has acknowledged or resolved it."""
    url: str
    """Its address in a browser; "" if the response does not contain it."""


class Rest:
    """The REST API of one account."""

    def __init__(self, source_client: SourceClient, url: str, token: str) -> None:
        """`url` without path; `token` is the account's."""
        self.source_client = source_client
        self.url = url
        self._token = token

    async def page(self, key: str) -> PagerDutyAnswer:
        """Return PagerDuty's state of the page with that deduplication key. Raises SourceError.

        A page that PagerDuty does not have is not acknowledged. A page that was resolved and triggered again is two
        incidents there, and the second one counts.
        """
        said = await self._get("/incidents", {"incident_key": key, "date_range": "all", "limit": "100"})
        if said.status != 200:
            raise SourceError("status", f"PagerDuty returned {said.status}")
        incidents = _object(said.json()).get("incidents")
        if not isinstance(incidents, list):
            raise SourceError("bad_answer", "PagerDuty's response has no list of incidents")
        # The address is that of an open page, else of the last one.
        found = {_text(_object(one).get("status"), NAME_LIMIT): _object(one) for one in incidents}
        shown = found.get("triggered") or found.get("acknowledged") or found.get("resolved") or {}
        answered = "acknowledged" in found or ("resolved" in found and "triggered" not in found)
        return PagerDutyAnswer(answered, _text(shown.get("html_url"), URL_LIMIT))

    async def keys(self, incident: str) -> tuple[str, ...]:
        """Return the deduplication keys of the alerts of an incident there. Raises SourceError."""
        said = await self._get(f"/incidents/{quote(incident, safe='')}/alerts", {"limit": "100"})
        if said.status == 404:
            return ()
        if said.status != 200:
            raise SourceError("status", f"PagerDuty returned {said.status}")
        alerts = _object(said.json()).get("alerts")
        found = (_object(one).get("alert_key") for one in (alerts if isinstance(alerts, list) else ()))
        return tuple(key for key in found if isinstance(key, str) and key)

    async def _get(self, path: str, params: Mapping[str, str]) -> SourceAnswer:
        headers = {
            "Authorization": f"Token token={self._token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        }
        return await self.source_client.get(f"{self.url}{path}", params, limit=LIMIT, headers=headers)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any, limit: int) -> str:
    return value[:limit] if isinstance(value, str) else ""


def _person(agent: Any) -> str | None:
    agent = _object(agent)
    kind = _text(agent.get("type"), NAME_LIMIT)
    if not agent or any(word in kind for word in MACHINES):
        return None
    name = "".join(c if c.isprintable() else " " for c in _text(agent.get("summary"), NAME_LIMIT)).strip()
    return name or _text(agent.get("id"), NAME_LIMIT) or "somebody"


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        return None
