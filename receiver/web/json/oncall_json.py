"""The JSON of schedules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receiver.model.base import rfc3339
from receiver.model.oncall.schedule_settings import Override
from receiver.pipeline.oncall.on_call_overview import Preflight, Shift
from receiver.pipeline.oncall.shift_offers import ShiftOffer
from receiver.pipeline.response.reachability_tests import Proof
from receiver.web.json.incident_json import moment


def shift_shape(shift: Shift, people: Mapping[str, str]) -> dict[str, Any]:
    """Return a shift; a gap has no person. `people` has the names."""
    return {
        "person": shift.person, "name": people.get(shift.person or "", shift.person), "since": moment(shift.since),
        "until": rfc3339(shift.until), "next": shift.next, "reason": shift.reason,
    }  # fmt: skip


def offer_shape(one: ShiftOffer) -> dict[str, Any]:
    """Return an offered shift, and who has accepted it."""
    return {
        "id": one.id, "schedule": one.schedule, "person": one.person, "from": rfc3339(one.begins),
        "until": rfc3339(one.until), "by": one.by, "made_at": rfc3339(one.made_at),
        "accepted_by": one.taken.person if one.taken else None,
        "accepted_at": rfc3339(one.taken.made_at) if one.taken else None,
    }  # fmt: skip


def override_shape(one: Override) -> dict[str, Any]:
    """Return an override."""
    return {
        "id": one.id, "schedule": one.schedule, "person": one.person, "from": rfc3339(one.from_),
        "until": rfc3339(one.until), "by": one.by, "made_at": rfc3339(one.made_at),
    }  # fmt: skip


def preflight_shape(found: Preflight) -> dict[str, Any]:
    """Return the result of a preflight."""
    return {
        "good": found.good, "from": rfc3339(found.begins), "until": rfc3339(found.ends),
        "unreachable": [
            {"person": one.person, "name": one.name, "called_as": list(one.called_as), "log_only": one.log_only}
            for one in found.unreachable
        ],
        "gaps": [
            {"schedule": one.schedule, "from": rfc3339(one.begins), "until": rfc3339(one.ends)} for one in found.gaps
        ],
        "unproved": [
            {"person": one.person, "name": one.name, "channel": one.means.channel, "how": one.means.how or None,
             "proved_at": moment(one.proved_at)}
            for one in found.unproved
        ],
    }  # fmt: skip


def proof_shape(one: Proof) -> dict[str, Any]:
    """Return a test page, and when such a page was last answered."""
    return {
        "person": one.person, "channel": one.channel, "how": one.how or None, "by": one.by,
        "asked_at": rfc3339(one.asked_at), "until": rfc3339(one.until), "proved_at": moment(one.proved_at),
        "answered": one.answered, "waiting": not one.ended,
    }  # fmt: skip
