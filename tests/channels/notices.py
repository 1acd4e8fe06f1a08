"""Notices as the pipeline builds them, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from receiver.model.delivery.notice import Action, AlertLine, Document, Link, Mention, Notice
from receiver.model.delivery.public_incident import (
    Condition,
    Impact,
    PublicIncident,
    PublicNews,
    PublicStatus,
    PublicUpdate,
)
from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.model.severity import Decision, Severity

NOW = datetime(2026, 11, 23, 14, 2, 20, tzinfo=UTC)
ROUTING_KEY = "a71019f5bc793dcfd889a925a7adff16"
HOSTILE = (
    "<!channel> <@U1> <https://evil.example|ok> *b* _i_ ~s~ `c` & \r\nX-Evil: 1\n> q \x1b[31mred\x1b]0;t\x07 "
    "\u202egnp.exe\u202c \u2066x\u2069 a\u200bb \ud800 \x00 @here https://evil.example/x"
)


def page(**changes: Any) -> Page:
    values: dict[str, Any] = {
        "key": "rcv-5f3a/1795442531611/alice/1",
        "channel": "pager",
        "person": "alice",
        "contact": "on-call",
        "address": ROUTING_KEY,
        "step": "opened",
        "ring": 1,
        "at": NOW,
    }
    return Page(**{**values, **changes})


def event(seq: int, text: str = "", kind: Kind = Kind.UPDATED, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "seq": seq,
        "at": NOW + timedelta(seconds=seq),
        "kind": kind,
        "actor": Actor(kind=ActorKind.ALERTMANAGER, name="alertmanager"),
        "reason": kind.value,
        "text": text or f"event {seq}",
    }
    return Event(**{**values, **changes})


def incident(**changes: Any) -> Incident:
    values: dict[str, Any] = {
        "uid": "uid-0001",
        "id": "INC-2026-0042",
        "key": "5f3a",
        "episode": 1795442531611,
        "title": "HighErrorRate: Error rate 12% on checkout-api",
        "severity": Severity.SEV1,
        "state": State.OPEN,
        "service": "checkout-api",
        "labels": {"service": "checkout-api", "tenant": "acme"},
        "decision": Decision(
            severity=Severity.SEV1, rule="errors-for-everyone", reasons=("error_rate 61% > 50%",), scope="all_users"
        ),
        "opened_at": NOW - timedelta(seconds=5),
        "started_at": NOW - timedelta(seconds=60),
        "firing": 1,
        "names": ("HighErrorRate",),
        "pages": (page(),),
        "seq": 1,
        "version": 1,
    }
    return Incident(**{**values, **changes})


def alert(number: int = 1, **changes: Any) -> AlertLine:
    values: dict[str, Any] = {
        "name": "HighErrorRate",
        "summary": f"Error rate 12% on pod {number}",
        "labels": {"alertname": "HighErrorRate", "pod": f"pod-{number}"},
        "starts_at": NOW - timedelta(seconds=60),
        "fingerprint": f"{number:016x}",
    }
    return AlertLine(**{**values, **changes})


def notice(action: Action = Action.INFORM, **changes: Any) -> Notice:
    """Return a notice about a new incident for a chat, or for a pager."""
    paging = action in (Action.TRIGGER, Action.ACKNOWLEDGE, Action.RESOLVE)
    values: dict[str, Any] = {
        "key": page().key if paging else "uid-0001/chat/1",
        "action": action,
        "address": ROUTING_KEY if paging else "#incidents",
        "incident": incident(),
        "page": page() if paging else None,
        "events": () if paging else (event(1, "opened as SEV-1", Kind.OPENED),),
        "alerts": (alert(),),
        "mentions": () if paging else (Mention(name="VP Engineering", address="U0VP"),),
        "paged": ("Alice",),
        "links": (Link(text="Runbook", href="https://runbooks.example.com/HighErrorRate"),),
        "url": "https://incidents.example.com/incidents/INC-2026-0042",
        "document": document() if action is Action.DOCUMENT else None,
        "now": NOW,
    }
    return Notice(**{**values, **changes})


def public_news(**changes: Any) -> PublicNews:
    """Return a published update of an incident for an external status page."""
    update = PublicUpdate(n=1, progress=PublicStatus.INVESTIGATING, text="We look into problems with API.", at=NOW)
    values: dict[str, Any] = {
        "id": "3f2a90c1d004", "title": "API: partial outage", "progress": update.progress,
        "impact": Impact.MAJOR, "components": ("api",), "opened_at": NOW, "updated_at": NOW, "updates": (update,),
    }  # fmt: skip
    conditions = {"api": Condition.PARTIAL, "dashboard": Condition.OPERATIONAL}
    return PublicNews(incident=PublicIncident(**{**values, **changes}), conditions=conditions)


def document(**changes: Any) -> Document:
    values = {"key": "uid-0001/postmortem", "title": "Post-mortem INC-2026-0042", "markdown": "# Summary\n\nIt broke."}
    return Document(**{**values, **changes})


def tell(text: str = "a delivery was parked", **changes: Any) -> Notice:
    """Return a message about the service itself."""
    return Notice(
        **{"key": "tell/1", "action": Action.TELL, "address": "#incidents", "text": text, "now": NOW, **changes}
    )


def hostile(action: Action = Action.INFORM, text: str = HOSTILE, **changes: Any) -> Notice:
    """Return a notice in which all untrusted text is `text`."""
    bad = incident(
        title=text,
        service=text,
        labels={"x": text},
        names=(text,),
        firing=30,
        decision=Decision(severity=Severity.SEV1, rule="r", reasons=(text, text), scope=text),
    )
    lines = tuple(alert(n, name=text, summary=text, labels={text[:100]: text}) for n in range(20))
    if action is Action.DOCUMENT:
        changes = {"document": document(title=text, markdown=text), **changes}
    given = {"incident": bad, "alerts": lines, "paged": (text,), **changes}
    return notice(action, **given)
