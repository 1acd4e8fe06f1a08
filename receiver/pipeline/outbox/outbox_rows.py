"""The rows that a decision writes: one for each destination, and one for each timer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from receiver.incident.paging.planned_pages import page_destination
from receiver.incident.timers import CHANGES, timers
from receiver.model.base import rfc3339, to_ms
from receiver.model.delivery.notice import Action
from receiver.model.incident.event import Destination, Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.severity import Severity
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.outbox.page_actions import page_action
from receiver.store.due.leased_row import LeasedRow
from receiver.store.incidents.commit_request import Committed, OutboxRow


def member_of(uid: str, channel: str, address: str) -> str:
    """Return the name of the row of one destination of an incident."""
    return f"{uid} {channel} {address}"


def outbox_rows(
    incident: Incident,
    events: Sequence[Event],
    setting: ActiveConfig,
    adopted: Sequence[tuple[Page, bool]] = (),
    put_off_ms: int = 0,
) -> list[OutboxRow]:
    """Return the outbox rows for `events`: one per destination, up to the last event addressed to it.

    Rows that are not pages may wait for `put_off_ms`.
    """
    last: dict[Destination, int] = {}
    for event in events:
        last.update(dict.fromkeys(event.to, event.seq))
    if incident.private:
        last = {to: seq for to, seq in last.items() if may_hear(to, incident, setting)}
    pages = {(page.channel, page.key): page for page in incident.pages}
    accepted = {page_destination(page): _receipt(page) if sent else None for page, sent in adopted}
    ended = {page.key for page in incident.pages if page.ring != incident.ring or page.withdrawn}
    urgent = incident.severity in (Severity.SEV1, Severity.SEV2)
    made = []
    for to, seq in last.items():
        lane = f"{to.channel}!" if to.paging and urgent else to.channel
        # An attempted emergency page counts as claimed: its resolve must follow regardless of the response.
        told = accepted.get(to)
        row = OutboxRow(
            member_of(incident.uid, to.channel, to.address), lane, to, seq, tries=1 if to in accepted else 0
        )
        if told is not None:
            # If its person still has to be paged, nothing is left to send until something changes.
            page = pages.get((to.channel, to.address))
            done = page is not None and page_action(page, incident) is Action.TRIGGER
            row = replace(row, memory={"sent": "trigger"}, receipt={**told, "seq": seq}, done=done)
        elif to in accepted and to.address in ended:
            # Any attempt of an ended page may have been accepted; its resolve follows.
            row = replace(row, memory={"sent": "trigger"})
        elif not to.paging:
            row = replace(row, put_off_ms=put_off_ms)
        made.append(row)
    return made


def may_hear(to: Destination, incident: Incident, setting: ActiveConfig) -> bool:
    """Return whether `to` may receive messages about `incident` in its current state.

    For a private incident, these are pagers and mail of the people who are paged, the team's own chat, the public page
    if a person has published something, and tickets if the channel is configured for it.
    """
    if not incident.private:
        return True
    policy = setting.policy
    own_chat = to in policy.of(incident).informs and to not in policy.informs
    channel = setting.channels.get(to.channel)
    ticket = to in incident.ticketed and channel is not None and channel.takes_private()
    return to.paging or to.personal or own_chat or ticket or to in policy.public


def _receipt(page: Page) -> dict[str, Any]:
    return {
        "at": rfc3339(page.at), "channel": page.channel, "to": page.person, "action": Action.TRIGGER,
        "outcome": "delivered", "attempts": 1,
    }  # fmt: skip


def timers_of(incident: Incident, setting: ActiveConfig, put_off_ms: int = 0) -> dict[str, int]:
    """Return when each timer of `incident` is due, in milliseconds; 0 for timers that are not set.

    Timers that only ask people something may wait for `put_off_ms`.
    """
    due = timers(incident, setting.policy.of(incident))
    if put_off_ms and (at := due[CHANGES]) is not None:
        due[CHANGES] = at + timedelta(milliseconds=put_off_ms)
    return {f"{incident.uid} {name}": to_ms(at) if at else 0 for name, at in due.items()}


def fresh_pages(
    done: Committed, rows: Sequence[OutboxRow], events: Sequence[Event], now_ms: int
) -> dict[str, LeasedRow]:
    """Return the rows of pages that a commit has written and leased, as they would be read, by member.

    Only pages created by these events: no other replica can have had their rows before.
    """
    made = {event.data["page"]["key"] for event in events if event.kind is Kind.PAGE}
    uid = done.incident.uid if done.incident is not None else ""
    return {
        row.member: LeasedRow(
            member=row.member, token=done.token, uid=uid, to=row.to, cursor=0, last=row.last, tries=row.tries + 1,
            attempts=0, since_ms=now_ms, memory=dict(row.memory or {}), lane=row.lane,
        )
        for row in rows
        if row.member in done.leased and row.to.paging and row.to.address in made
    }  # fmt: skip
