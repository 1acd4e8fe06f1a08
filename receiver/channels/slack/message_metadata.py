"""Reads the metadata of our messages, by which a message is found if its receipt was lost. Pure."""

from __future__ import annotations

from typing import Any

from receiver.channels.slack.incident_message import metadata
from receiver.model.delivery.notice import Notice


def read_metadata(found: dict[str, Any], notice: Notice) -> dict[str, Any] | None:
    """Return the events in the metadata of one of our messages; None if the message is not about `notice`."""
    ours = metadata(notice, 0, [])
    marks = found.get("metadata")
    payload = marks.get("event_payload") if isinstance(marks, dict) else None
    if not (isinstance(marks, dict) and isinstance(payload, dict)) or marks.get("event_type") != ours["event_type"]:
        return None
    same = "uid" if notice.incident is not None else "notice"
    if payload.get(same) != ours["event_payload"][same] or not isinstance(found.get("ts"), str):
        return None
    mentioned = payload.get("mentioned")
    return {"said": last_posted(payload), "mentioned": mentioned if isinstance(mentioned, list) else []}


def last_posted(memory: dict[str, Any]) -> int:
    """Return the sequence number of the last posted event in a receipt's memory; 0 for none."""
    said = memory.get("said")
    return said if isinstance(said, int) else 0
