"""The shapes in JSON of what is about schedules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receiver.model.base import rfc3339
from receiver.model.oncall.schedule_settings import Override
from receiver.pipeline.oncall.on_call_overview import Preflight, Shift
from receiver.web.json.incident_json import moment


def shift_shape(shift: Shift, people: Mapping[str, str]) -> dict[str, Any]:
    """Return a shift; a gap has no person. `people` says how each is called."""
    return {
        "person": shift.person, "name": people.get(shift.person or "", shift.person), "since": moment(shift.since),
        "until": rfc3339(shift.until), "next": shift.next, "reason": shift.reason,
    }  # fmt: skip


def override_shape(one: Override) -> dict[str, Any]:
    """Return an override."""
    return {
        "id": one.id, "schedule": one.schedule, "person": one.person, "from": rfc3339(one.from_),
        "until": rfc3339(one.until), "by": one.by, "made_at": rfc3339(one.made_at),
    }  # fmt: skip


def preflight_shape(found: Preflight) -> dict[str, Any]:
    """Return what a preflight has found."""
    return {
        "good": found.good, "from": rfc3339(found.begins), "until": rfc3339(found.ends),
        "unreachable": [
            {"person": one.person, "name": one.name, "called_as": list(one.called_as)} for one in found.unreachable
        ],
        "gaps": [
            {"schedule": one.schedule, "from": rfc3339(one.begins), "until": rfc3339(one.ends)} for one in found.gaps
        ],
    }  # fmt: skip
