"""What a decision owes: a row for each destination, and the moments at which somebody has to look again. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.incident.audience import destination
from receiver.incident.timing import timers
from receiver.model.base import to_ms
from receiver.model.event import Destination, Event, Kind
from receiver.model.incident import Incident, Page
from receiver.model.severity import Severity
from receiver.pipeline.setting import Setting
from receiver.store.change import Committed, Row
from receiver.store.claimed import Claimed


def member_of(uid: str, channel: str, address: str) -> str:
    """Return the name of the row of one destination of an incident."""
    return f"{uid} {channel} {address}"


def rows(
    incident: Incident, events: Sequence[Event], setting: Setting, adopted: Sequence[tuple[Page, bool]] = ()
) -> list[Row]:
    """Return what each destination is owed after `events`: one row each, up to the last event addressed to it."""
    last: dict[Destination, int] = {}
    for event in events:
        last.update(dict.fromkeys(event.to, event.seq))
    ended = {page.key for page in incident.pages if page.ring != incident.ring or page.withdrawn}
    # Of one that has ended any attempt may have got through; its resolve follows.
    accepted = {destination(page): sent or page.key in ended for page, sent in adopted}
    urgent = incident.severity in (Severity.SEV1, Severity.SEV2)
    made = []
    for to, seq in last.items():
        lane = f"{to.channel}!" if to.paging and urgent else to.channel
        # An emergency page that was attempted counts as claimed: its resolve must follow whatever the answer was.
        memory = {"sent": "trigger"} if accepted.get(to) else None
        made.append(
            Row(member_of(incident.uid, to.channel, to.address), lane, to, seq, memory, 1 if to in accepted else 0)
        )
    return made


def timers_of(incident: Incident, setting: Setting) -> dict[str, int]:
    """Return when each timer of `incident` is due, in milliseconds; 0 for one that is not."""
    return {f"{incident.uid} {name}": to_ms(at) if at else 0 for name, at in timers(incident, setting.policy).items()}


def fresh_pages(done: Committed, rows: Sequence[Row], events: Sequence[Event], now_ms: int) -> dict[str, Claimed]:
    """Return the rows of pages that a commit has made and leased, as they would be read, by member.

    Only pages that these events make: nobody else can have had their rows before.
    """
    made = {event.data["page"]["key"] for event in events if event.kind is Kind.PAGE}
    uid = done.incident.uid if done.incident is not None else ""
    return {
        row.member: Claimed(
            member=row.member, token=done.token, uid=uid, to=row.to, cursor=0, last=row.last, tries=row.tries + 1,
            attempts=0, since_ms=now_ms, memory=dict(row.memory or {}), lane=row.lane,
        )
        for row in rows
        if row.member in done.leased and row.to.paging and row.to.address in made
    }  # fmt: skip
