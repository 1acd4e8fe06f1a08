"""What happens to alerts that still fire when a person resolves their incident. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident

_ENDS = (Kind.RESOLVED, Kind.CLOSED)


def still_firing(firing: int, reopen_within: timedelta, *, closed: bool = False) -> str | None:
    """Return what happens with the `firing` alerts of an incident once it is resolved, or closed; None without any.

    The rule is that of `on_notification`: an alert whose incident a person resolved pages again when it fires again
    or gets worse.
    """
    if not firing:
        return None
    alerts, one = (
        ("1 alert is still firing", "it") if firing == 1 else (f"{firing} alerts are still firing", "one of them")
    )
    minutes = reopen_within.total_seconds() / 60
    follows = "a new incident opens" if closed else f"the incident reopens (a new one opens after {minutes:g} min)"
    return (
        f"{alerts} and will page no one while the incident is over. If {one} ends and fires again or gets more severe "
        f"than the incident, or another alert of the group fires, {follows}"
    )


def firing_after(incident: Incident, events: Iterable[Event], reopen_within: timedelta) -> str | None:
    """Return the text of `still_firing` if one of the `events` of a command has ended `incident`; else None."""
    ends = {event.kind for event in events if event.kind in _ENDS}
    return still_firing(incident.firing, reopen_within, closed=Kind.CLOSED in ends) if ends else None
