"""The JSON of incidents in the API, without internal data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from receiver.model.base import from_ms, rfc3339
from receiver.model.delivery.notice import Action, Link
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident, opened_incident
from receiver.model.incident.page import Page
from receiver.model.incident.response_records import CHECKLIST, DEPLOYMENTS, StatusUpdate
from receiver.pipeline.outbox.page_actions import page_action
from receiver.pipeline.outbox.page_delivery import Delivery, page_delivery
from receiver.pipeline.response.upcoming_steps import NextEscalation

KEPT_BACK = ("address", "key", "base")
"""Hidden fields of a page: its address, and the vendor's key and its prefix, with which it could be closed."""
PLANS = ("plan", "plan_before")
"""Hidden fields of an event: policies with the addresses of people."""
_STATUS = {Action.TRIGGER: "triggered", Action.ACKNOWLEDGE: "acknowledged", Action.RESOLVE: "resolved"}


def moment(at: datetime | None) -> str | None:
    """Return a time in UTC as text; None for None."""
    return rfc3339(at) if at else None


def incident_shape(
    incident: Incident, *, links: Iterable[Link] = (), url: str | None = None,
    alerts: Sequence[Mapping[str, Any]] | None = None, receipts: Sequence[Mapping[str, Any]] | None = None,
    answers: Sequence[Mapping[str, Any]] | None = None, upcoming: NextEscalation | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return an incident; `alerts.items` and `receipts` only if they are given (a list of incidents has neither).

    `answers`: its receipts, if they are used only for the `delivery` of each page; without any it is null.
    `upcoming`: who is contacted next.
    """
    answers = receipts if answers is None else answers
    counts: dict[str, Any] = {"firing": incident.firing, "resolved": incident.resolved + incident.left}
    if alerts is not None:
        counts["items"] = list(alerts)
    known = {**incident.links, **{link.text.lower(): link.href for link in links}}
    shape: dict[str, Any] = {
        "id": incident.id, "title": incident.title, "severity": incident.severity, "state": incident.state,
        "phase": incident.phase, "team": incident.team, "service": incident.service, "labels": incident.labels,
        "opened_at": moment(incident.opened_at), "started_at": moment(incident.started_at),
        "estimated": incident.estimated,
        "acknowledged_at": moment(incident.acknowledged_at), "identified_at": moment(incident.identified_at),
        "mitigated_at": moment(incident.mitigated_at), "monitoring_at": moment(incident.monitoring_at),
        "resolved_at": moment(incident.resolved_at), "closed_at": moment(incident.closed_at),
        "alerts": counts, "truncated": bool(incident.partial),
        "sender": incident.sender or None, "visibility": "team" if incident.private else "all",
        "visible_to": list(incident.visible_to),
        "decision": incident.decision.model_dump(mode="json") | {"owner": incident.team_reason},
        "roles": incident.roles.model_dump(mode="json"), "next_escalation": next_shape(upcoming),
        "pages": [_page(page, incident, answers) for page in incident.pages],
        **_work(incident), "links": {**known, "console": url} if url else known, "drill": incident.drill,
        "version": incident.version,
    }  # fmt: skip
    if receipts is not None:
        shape["receipts"] = list(receipts)
    return shape


def _work(incident: Incident) -> dict[str, Any]:
    done = {tick.item: tick for tick in incident.checklist}
    watch = incident.stopwatch
    return {
        "summary": incident.summary, "cause": incident.cause, "impact": incident.impact,
        "resolution": incident.resolution, "acknowledged_by": incident.acknowledged_by,
        "acknowledged_until": moment(incident.acknowledged_until), "flaps": incident.flaps,
        "clocks": {name: moment(at) for name, at in incident.clocks.items()},
        "postmortem": incident.review.model_dump(mode="json") if incident.review else None,
        "previous": incident.previous, "recurs": list(incident.recurs),
        "noise": incident.noise.model_dump(mode="json") if incident.noise else None,
        "reopened": incident.reopened, "held": incident.held, "held_until": moment(incident.held_until),
        "upstream": incident.upstream,
        "checklist": [
            {"item": number, "text": text, "done": number in done,
             "by": done[number].by if number in done else None,
             "at": moment(done[number].at) if number in done else None,
             "found": incident.changes.why if incident.changes and number == DEPLOYMENTS else None}
            for number, text in enumerate(CHECKLIST, 1)
        ],
        "actions": [
            {"n": item.n, "title": item.title, "owner": item.owner, "due": item.due.isoformat() if item.due else None,
             "status": item.status, "at": rfc3339(item.at), "done_at": moment(item.done_at)}
            for item in incident.actions
        ],
        "mitigations": [
            {"n": one.n, "option": one.option, "text": one.text, "by": one.by, "at": rfc3339(one.at)}
            for one in incident.mitigations
        ],
        "status_updates": [update_shape(one) for one in incident.updates],
        "timer": {"started_at": rfc3339(watch.started_at), "stopped_at": moment(watch.stopped_at)} if watch else None,
        "escalation": {"step": incident.ladder.step, "running": incident.ladder.since is not None},
        "changes": incident.changes.model_dump(mode="json") if incident.changes else None,
    }  # fmt: skip


def update_shape(one: StatusUpdate) -> dict[str, Any]:
    """Return a status update; `state`: draft, published or discarded."""
    return {
        "n": one.n, "status": one.status, "state": one.state, "text": one.text, "components": list(one.components),
        "next_update": moment(one.next_update), "by": one.by, "at": rfc3339(one.at), "cause": one.cause,
        "expected_resolution": moment(one.expected_resolution), "deadline": moment(one.deadline),
        "template": one.template,
        "approved_by": one.approved_by, "published_at": moment(one.published_at),
        "discarded_by": one.discarded_by, "discarded_at": moment(one.discarded_at),
    }  # fmt: skip


def next_shape(upcoming: NextEscalation | None) -> dict[str, Any] | None:
    """Return who is contacted next and when; None for no one."""
    if upcoming is None:
        return None
    return {"at": rfc3339(upcoming.at), "contacts": list(upcoming.contacts), "reason": upcoming.reason}


def _page(page: Page, incident: Incident, answers: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    status = _STATUS[page_action(page, incident)]
    shape = {
        "contact": page.contact, "person": page.person, "step": page.step, "channel": page.channel,
        "at": rfc3339(page.at), "status": status, "delivery": None, "delivered_at": None,
    }  # fmt: skip
    if answers is None:
        return shape
    found = page_delivery(page, incident, answers)
    failed = found.state is Delivery.REFUSED and status == "triggered"
    more = {"delivery": found.state, "delivered_at": moment(found.delivered_at)}
    return {**shape, **more, "status": "failed" if failed else status}


def alert_items(records: Mapping[str, AlertRecord], bodies: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return every stored alert: firing ones first, then oldest first."""
    ordered = sorted(records.values(), key=lambda record: (not record.firing, record.starts_ms, record.fingerprint))
    return [
        {
            "fingerprint": record.fingerprint, "status": "firing" if record.firing else "resolved",
            "labels": bodies.get(record.fingerprint, {}).get("labels", {}),
            "annotations": bodies.get(record.fingerprint, {}).get("annotations", {}),
            "starts_at": rfc3339(from_ms(record.starts_ms or record.seen_ms)),
            "estimated": not record.starts_ms, "sender": record.sender or None,
            "ends_at": None if record.ends_ms is None else rfc3339(from_ms(record.ends_ms)),
        }
        for record in ordered
    ]  # fmt: skip


def event_shape(event: Event, corrected: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a line of a timeline and its corrections, without the addresses and keys of pages."""
    more = {"corrected": dict(corrected)} if corrected else {}
    return {
        **more, "seq": event.seq, "at": rfc3339(event.at), "kind": event.kind,
        "actor": {"kind": event.actor.kind, "name": event.actor.name, "caller": event.actor.caller or None},
        "reason": event.reason, "text": event.text, "data": _told(event.data),
    }  # fmt: skip


def _told(data: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in data.items() if name not in PLANS}
    if isinstance(told.get("page"), Mapping):
        told["page"] = _without(told["page"])
    if isinstance(told.get("incident"), Mapping):
        told["incident"] = _opened(told)
    return told


def _opened(data: Mapping[str, Any]) -> dict[str, Any]:
    # The log omits empty fields, and the decision that the incident already has; here every field is included.
    shown: Mapping[str, Any] = data["incident"]
    with suppress(ValidationError):
        shown = opened_incident(data).model_dump(mode="json")
    return {**shown, "pages": [_without(page) for page in shown.get("pages", ())]}


def _without(page: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in page.items() if name not in KEPT_BACK}


def listed(items: Sequence[Mapping[str, Any]], following: str | None = None) -> dict[str, Any]:
    """Return a list in the common form: `{"items": [...], "next": cursor or null}`."""
    return {"items": list(items), "next": following}
