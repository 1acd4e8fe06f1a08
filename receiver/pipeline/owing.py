"""What a decision owes: a row for each destination, and the moments at which somebody has to look again. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.incident.audience import destination
from receiver.incident.timing import timers
from receiver.model.base import to_ms
from receiver.model.event import Destination, Event
from receiver.model.incident import Incident, Page
from receiver.model.severity import Severity
from receiver.pipeline.setting import Setting
from receiver.store.change import Row


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
    accepted = {destination(page): sent for page, sent in adopted}
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
