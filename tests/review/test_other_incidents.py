"""References to other incidents are removed for readers who may not see those, regardless of the form of the ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from receiver.model.incident.event import Actor, ActorKind, Event, Kind
from receiver.review.other_incidents import event_without, others_in, others_of, without_others
from tests.channels.notices import incident

TIMER = Actor(kind=ActorKind.TIMER, name="merge")


def event(kind: Kind, reason: str, text: str, data: dict[str, Any]) -> Event:
    return Event(
        seq=1, at=datetime(2026, 11, 23, tzinfo=UTC), kind=kind, actor=TIMER, reason=reason, text=text, data=data
    )


@pytest.mark.parametrize("kind", [Kind.REOPENED, Kind.REFIRED, Kind.PAGE_ADOPTED])
def test_what_follows_a_merge_does_not_name_what_was_merged(kind: Kind) -> None:
    said = event(kind, "merged", "2 alerts of P7 are firing, and P70 as well", {"decision": {"reasons": ["as P7 is"]}})
    shown = event_without(said, {"P7"})
    assert shown.text == "2 alerts of a private incident are firing, and P70 as well"
    assert shown.data == {"decision": {"reasons": ["as a private incident is"]}}
    assert event_without(said, set()) is said


def test_what_people_write_stays() -> None:
    note = event(Kind.NOTE, "note", "as in P7", {})
    assert (event_without(note, {"P7"}), others_in(note)) == (note, set())


def test_the_severity_that_a_merge_has_raised_does_not_name_where_it_came_from() -> None:
    one = incident()
    raised = one.decision.model_copy(update={"rule": "merge", "reasons": ("as severe as P7 by rule-1", "why")})
    merged = one.model_copy(
        update={"decision": raised, "previous": "P8", "recurs": ("P6 action 1: a", "P8 action 1: b")}
    )
    assert others_of(merged) == {"P6", "P7", "P8"}
    shown = without_others(merged, {"P7", "P8"})
    assert shown.decision.reasons == ("as severe as a private incident by rule-1", "why")
    assert (shown.previous, shown.recurs) == (None, ("P6 action 1: a",))
    assert without_others(merged, {"P9"}) is merged
