"""The readable part of an incident that a later version wrote: enough to page for it, and to number further events.

Fields that this version cannot read get the value that causes a page, so that an unknown value never prevents one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.incident.state import State
from receiver.model.severity import Decision, Severity

TITLE = "An incident that a later version of this service has written; open it by its id"
WHY = "a later version has written this incident, and this version cannot read it"
_READ = (
    "key", "keys", "episode", "ring", "title", "severity", "state", "resume", "monitoring_at", "flapping", "hushed",
    "raised", "detoured", "drill",
)  # fmt: skip
"""Fields for whether a page is pending, and what it is about."""
_TEXTS = ("key", "channel", "person", "address")
"""Fields without which a page cannot be sent."""


def partial_incident(uid: str, number: str, version: int, text: str, *, is_open: bool, now: datetime) -> Incident:
    """Return the readable part of the snapshot `text`. `is_open`: whether the store lists it as open."""
    written = _loaded(text)
    least: dict[str, Any] = {
        "uid": uid, "id": number, "version": version, "key": "", "episode": 0, "title": TITLE,
        "severity": Severity.SEV1, "state": State.OPEN if is_open else State.RESOLVED,
        "decision": Decision(severity=Severity.SEV1, rule="unreadable", reasons=(WHY,)),
        "opened_at": now, "started_at": now,
    }  # fmt: skip
    for name in _READ:
        if name in written and _fits(least, name, written[name]):
            least[name] = written[name]
    incident = Incident.model_validate(least)
    if not is_open and not incident.state.over:
        incident = incident.model_copy(update={"state": State.RESOLVED})
    listed = written.get("pages")
    pages = [_page(one, incident, now) for one in listed] if isinstance(listed, list) else []
    return incident.model_copy(update={"pages": tuple(page for page in pages if page is not None)})


def _loaded(text: str) -> Mapping[str, Any]:
    try:
        value = orjson.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _fits(least: Mapping[str, Any], name: str, value: Any) -> bool:
    try:
        Incident.model_validate({**least, name: value})
    except ValidationError:
        return False
    return True


def _page(written: Any, incident: Incident, now: datetime) -> Page | None:
    try:
        return Page.model_validate(written)
    except ValidationError:
        pass
    if not isinstance(written, dict) or not all(isinstance(written.get(name), str) for name in _TEXTS):
        return None
    ring, seq = written.get("ring"), written.get("seq")
    return Page(
        **{name: written[name] for name in _TEXTS}, contact=written["person"], step="unreadable", at=now,
        ring=ring if isinstance(ring, int) else incident.ring, seq=seq if isinstance(seq, int) else 0,
        withdrawn=written.get("withdrawn") is True,
    )  # fmt: skip
