"""The newest state -> the message for one destination. Pure; `pipeline/delivery/` sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from receiver.incident.context.observability_links import images_of
from receiver.model.base import to_ms
from receiver.model.delivery.notice import Action, AlertLine, Document, Notice
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.outbox.page_actions import page_due
from receiver.pipeline.outbox.private_notices import sealed
from receiver.pipeline.shared_documents import PROOF
from receiver.store.due.due_set import LeasedRow

_ASKING = (
    Kind.REMINDER, Kind.STATUS_DUE, Kind.ACTION_DUE, Kind.LETTER, Kind.UPDATED, Kind.REFIRED, Kind.VERIFICATION_FAILED,
    Kind.NOTE,
)  # fmt: skip
"""Kinds whose `people` are mentioned each time: the person who acknowledged is notified of alerts that join or fire
again, and of pages to them by name."""


def page_notice(row: LeasedRow, incident: Incident, setting: ActiveConfig, now: datetime) -> Notice | None:
    """Return the notice of a page's row; None if there is nothing (more) to send (`page_due`)."""
    due = page_due(row, incident)
    if due is None:
        return None
    page, action = due
    return _notice(row, incident, setting, now, action, page.address, key=page.key, page=page)


def inform_notice(
    row: LeasedRow,
    incident: Incident,
    events: Sequence[Event],
    alerts: Sequence[AlertLine],
    setting: ActiveConfig,
    now: datetime,
) -> Notice | None:
    """Return the next message of an informing channel: the newest state, and the events that it has not received."""
    fresh = tuple(event for event in events if row.to in event.to)
    if not fresh:
        return None
    people = [person for event in fresh if event.kind is Kind.NOTIFY for person in event.data["people"]]
    # A person who could not be paged is mentioned by name in channels that still work.
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
    # Executives and audiences are informed, but not invited to the incident's channel.
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
    """Return the document's current content, based on the whole `log`; None if there is no document."""
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
        return None  # it is finished, or a test page that has expired
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
    # A page that its own channel did not accept is not shown as sent.
    around = {page.person: page.key in incident.detoured for page in incident.pages}
    return tuple(f"{person} (by a fallback channel)" if other else person for person, other in around.items())


def plain(notice: Notice) -> Notice:
    """Return `notice` without untrusted text, which is sent if the text prevents the delivery."""
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
