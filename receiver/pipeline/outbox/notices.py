"""The newest state -> what one destination is to hear now. Pure: the sending is in delivery_attempts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from receiver.incident.alerts.alert_start import alerts_began
from receiver.incident.alerts.private_alerts import guarded_by_any
from receiver.incident.context.observability_links import images_of
from receiver.incident.log.notification_outcome import NotificationPart
from receiver.incident.paging.page_responders import CALLED
from receiver.incident.paging.policy import Policy
from receiver.incident.service_name import SERVICE_FROM, service_of
from receiver.incident.title import named
from receiver.model.alert.annotations import description_of, values_of
from receiver.model.base import from_ms, to_ms
from receiver.model.delivery.notice import Action, AlertLine, Document, Notice
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.outbox.private_notices import sealed
from receiver.pipeline.shared_documents import PROOF
from receiver.store.due.due_set import LeasedRow

SHOWN = 20
_ASKING = (
    Kind.REMINDER, Kind.STATUS_DUE, Kind.ACTION_DUE, Kind.LETTER, Kind.UPDATED, Kind.REFIRED, Kind.VERIFICATION_FAILED,
    Kind.NOTE,
)  # fmt: skip
"""Kinds whose `people` are mentioned each time: the person who has acknowledged is told of alerts that join or fire
again, and of who asks for them by name."""


def page_action(page: Page, incident: Incident) -> Action:
    """Return the last state that the vendor should have of `page`, as the incident stands now."""
    if page.ring != incident.ring or incident.state.over or page.withdrawn:
        return Action.RESOLVE
    # Only people acknowledge. An acknowledgement answers the pages that were made until then; a later one (a raised
    # severity, a step of the escalation) calls, whatever the incident's state.
    if page.seq < incident.hushed:
        return Action.ACKNOWLEDGE
    # In a log of an earlier release, which acknowledged them at the vendor, they are not withdrawn.
    if incident.calling_state is State.MONITORING and not _called_while_monitoring(page, incident):
        return Action.RESOLVE
    return Action.TRIGGER


def _called_while_monitoring(page: Page, incident: Incident) -> bool:
    return page.step == CALLED and incident.monitoring_at is not None and page.at >= incident.monitoring_at


def page_notice(row: LeasedRow, incident: Incident, setting: ActiveConfig, now: datetime) -> Notice | None:
    """Return the notice of a page's row, or None when there is nothing (more) to say (`page_due`)."""
    due = page_due(row, incident)
    if due is None:
        return None
    page, action = due
    return _notice(row, incident, setting, now, action, page.address, key=page.key, page=page)


def page_due(row: LeasedRow, incident: Incident) -> tuple[Page, Action] | None:
    """Return the page of a row and what the vendor should hear of it; None when there is nothing (more) to say.

    What is resolved or acknowledged is not paged anymore. Its resolve is sent even so: a replica that paged while the
    store was away, and died before it could say so, may have rung under this key. Elsewhere the vendor drops it.
    """
    page = next(
        (page for page in incident.pages if page.key == row.to.address and page.channel == row.to.channel), None
    )
    if page is None:
        return None
    sent = row.memory.get("sent")
    # A replica that died may have paged or not: an acknowledgement sent on that chance does not say that it has.
    rung = bool(row.memory.get("rung")) or sent == Action.TRIGGER
    # What was answered before it could be sent has reached nobody: once the severity rises after that, it calls.
    reached = rung or page.key in incident.detoured
    called = row.memory.get("called", 0) if reached else incident.raised
    if called > page.seq:
        page = page.model_copy(update={"seq": called})
    action = page_action(page, incident)
    if action is Action.TRIGGER and not rung and not page.called_for(incident.called):
        # Lowered before any vendor has accepted it. Where an attempt may have got through, it is resolved there.
        if row.tries <= 1:
            return None
        action = Action.RESOLVE
    if sent == action or (action is Action.TRIGGER and rung):
        return None
    # What was resolved before it was accepted, since nothing called for it, calls once the severity rises again.
    if sent == Action.RESOLVE and action is not Action.TRIGGER:
        return None
    if sent is None and action is Action.ACKNOWLEDGE and row.tries <= 1:
        return None
    return page, action


def inform_notice(
    row: LeasedRow,
    incident: Incident,
    events: Sequence[Event],
    alerts: Sequence[AlertLine],
    setting: ActiveConfig,
    now: datetime,
) -> Notice | None:
    """Return the next message of an informing channel: the newest state, and what it has not been sent yet."""
    fresh = tuple(event for event in events if row.to in event.to)
    if not fresh:
        return None
    people = [person for event in fresh if event.kind is Kind.NOTIFY for person in event.data["people"]]
    # Somebody who could not be paged is called by name where it can still be read.
    people += [p for e in fresh if e.kind in (Kind.PAGE_PASSED, Kind.PAGE_FAILED) if (p := e.data.get("person"))]
    return _notice(
        row,
        incident,
        setting,
        now,
        Action.INFORM,
        row.to.address,
        key=f"{incident.uid}:{fresh[-1].seq}:{row.to.channel}",
        events=fresh,
        alerts=tuple(alerts),
        mentions=tuple(setting.mention(person, row.to.channel) for person in dict.fromkeys(people)),
        accounts=_accounts(fresh, row, setting),
        urgent=tuple(
            setting.mention(event.data["page"]["person"], row.to.channel)
            for event in fresh
            if event.kind is Kind.SECOND_ROAD
        ),
        asked=tuple(
            setting.mention(person, row.to.channel)
            for event in fresh
            if event.kind in _ASKING
            for person in event.data.get("people", ())
        ),
        invited=tuple(setting.mention(person, row.to.channel) for person in _belonging(incident, fresh)),
    )


def _accounts(events: Sequence[Event], row: LeasedRow, setting: ActiveConfig) -> dict[str, str]:
    owners = {e.data["action"]["owner"] for e in events if e.kind in (Kind.ACTION_ADDED, Kind.ACTION_CHANGED)}
    known = {owner: setting.mention(owner, row.to.channel).address for owner in sorted(owners)}
    return {owner: address for owner, address in known.items() if address}


def _belonging(incident: Incident, fresh: Sequence[Event]) -> list[str]:
    # Executives and audiences are informed, and stay where they are.
    people = [page.person for page in incident.pages]
    people += [p for event in fresh if event.kind is Kind.ALL_HANDS for p in event.data["people"]]
    people += [p for p in incident.roles.model_dump().values() if p]
    people += [incident.acknowledged_by] if incident.acknowledged_by else []
    return list(dict.fromkeys(people))


def document_notice(
    row: LeasedRow,
    incident: Incident,
    log: Sequence[Event],
    setting: ActiveConfig,
    now: datetime,
    receipts: Sequence[Mapping[str, Any]] = (),
) -> Notice | None:
    """Return the document as it is to stand now, by the whole `log`; None when there is none to be kept."""
    document = setting.document(incident, log, now, receipts)
    if document is None:
        return None
    key = f"{incident.uid}:{document.key}"
    fresh = tuple(event for event in log if event.seq > row.cursor and row.to in event.to)
    return _notice(
        row, incident, setting, now, Action.DOCUMENT, row.to.address, key=key, document=document, events=fresh
    )


def stray_notice(row: LeasedRow, setting: ActiveConfig, now: datetime) -> Notice | None:
    """Return the notice of a row without an incident: a message about the service itself, or a stray page."""
    text, again = str(row.memory.get("text", "")), row.tries > 1
    if "document" in row.memory:
        document = Document.model_validate(row.memory["document"])
        return Notice(
            key=f"{row.member}:{document.key}",
            action=Action.DOCUMENT,
            address=row.to.address,
            text=document.title,
            document=document,
            memory=row.memory,
            repeat=again,
            now=now,
        )
    if "page" not in row.memory:
        people = tuple(setting.mention(str(one), row.to.channel) for one in row.memory.get("mentions", ()))
        return Notice(
            key=row.member,
            action=Action.TELL,
            address=row.to.address,
            text=text,
            mentions=people,
            repeat=again,
            now=now,
        )
    if row.memory.get("sent") or to_ms(now) > int(row.memory.get(PROOF, to_ms(now))):
        return None  # it is done, or a test page whose time is over
    page = Page.model_validate(row.memory["page"])
    action = Action(row.memory.get("action", Action.TRIGGER))
    return Notice(key=page.key, action=action, address=page.address, text=text, page=page, repeat=again, now=now)


def _notice(
    row: LeasedRow, incident: Incident, setting: ActiveConfig, now: datetime, action: Action, address: str, **more: Any
) -> Notice:
    text = f"{incident.badge}[{incident.severity}] {incident.title} ({incident.label})"
    made = Notice(
        action=action,
        address=address,
        text=text,
        incident=incident,
        links=setting.links(incident, now),
        images=images_of(incident.annotations),
        url=setting.url(incident),
        memory=row.memory,
        repeat=row.tries > 1,
        now=now,
        paged=_paged(incident),
        **more,
    )
    return sealed(made)


def _paged(incident: Incident) -> tuple[str, ...]:
    # A page that its own channel did not accept does not read as sent.
    around = {page.person: page.key in incident.detoured for page in incident.pages}
    return tuple(f"{person} (by a fallback channel)" if other else person for person, other in around.items())


def plain(notice: Notice) -> Notice:
    """Return `notice` without any foreign text: what is sent when its text breaks the sending."""
    incident = notice.incident
    if incident is not None:
        title = "the text of this incident could not be sent; open it by its id"
        incident = incident.model_copy(
            update={"title": title, "labels": {}, "annotations": {}, "service": None, "names": ()}
        )
    text = "a message could not be sent"
    if incident is not None:
        text = f"{incident.badge}[{incident.severity}] {incident.title} ({incident.label})"
    return notice.model_copy(
        update={"incident": incident, "alerts": (), "links": (), "images": (), "events": (), "text": text}
    )


def alert_lines(records: Mapping[str, AlertRecord], bodies: Mapping[str, Mapping[str, Any]]) -> list[AlertLine]:
    """Return at most 20 of the firing alerts, the worst and oldest first."""
    firing = sorted(
        (record for record in records.values() if record.firing),
        key=lambda record: (record.severity.rank, record.starts_ms, record.fingerprint),
    )
    shown = firing[:SHOWN]
    labels = [bodies.get(record.fingerprint, {}).get("labels", {}) for record in shown]
    common = set.intersection(*(set(one.items()) for one in labels)) if labels else set()
    lines = []
    for record, own in zip(shown, labels, strict=True):
        notes = bodies.get(record.fingerprint, {}).get("annotations", {})
        described = description_of(notes)
        summary = notes.get("summary") or described
        lines.append(
            AlertLine(
                name=record.name,
                summary=summary,
                description="" if described == summary else described,
                labels=own,
                differing={name: value for name, value in own.items() if (name, value) not in common},
                values=values_of(notes),
                starts_at=from_ms(record.starts_ms or record.seen_ms),
                fingerprint=record.fingerprint,
            )
        )
    return lines


def bare_incident(part: NotificationPart, page: Page, now: datetime, policy: Policy | None = None) -> Incident:
    """Return an incident that was never stored, for a page sent while the store is away."""
    firing = [alert for alert in part.alerts if alert.firing]
    alert = min(firing, key=lambda a: (part.decisions[a.fingerprint].severity.rank, a.starts_at, a.fingerprint))
    decision = part.decisions[alert.fingerprint]
    shown = named(alert, firing, decision.severity, part.apart, part.receiver)
    started_at, estimated = alerts_began([alert], now)
    return Incident(
        uid="",
        key=part.key,
        keys=(part.key,),
        episode=0,
        title=policy.title(shown) if policy else shown.title,
        private=policy is not None and guarded_by_any(policy, (part.labels, *(a.labels for a in firing)), part.team)[0],
        severity=decision.severity,
        service=service_of(alert.labels, policy.service_from if policy else SERVICE_FROM),
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        decision=decision,
        opened_at=now,
        started_at=started_at,
        estimated=estimated,
        firing=len(firing),
        names=tuple(dict.fromkeys(a.name for a in firing))[:SHOWN],
        pages=(page,),
        team=part.team,
        origin_team=part.team,
    )
