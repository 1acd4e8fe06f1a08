"""An alert that matches `incidents.private` makes the incident private that it joins, unless people have decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from receiver.incident.alerts.private_alerts import guarded_by_any, make_private_for
from receiver.incident.log.event_log import Transition
from receiver.model.incident.event import Actor, ActorKind, Kind
from tests.incident.fixtures import CHAT, NOW, A, Store, alert, at, only, part, policy

SENDER = Actor(kind=ActorKind.ALERTMANAGER, name="am")
SECRET = alert("Leak", area="security")


def guarded(labels: Mapping[str, str], team: str) -> tuple[bool, tuple[str, ...]]:
    return labels.get("area") == "security", ("platform",)


POLICY = policy(guarded=guarded)


def joined(*fresh: Any, **changes: Any) -> Transition:
    made = Store(POLICY)
    made.tell(part(A), NOW)
    draft = Transition(only(made).model_copy(update=changes), SENDER, at(60))
    make_private_for(draft, POLICY, fresh)
    return draft


def test_one_private_alert_among_others_makes_it_private_and_says_what_stays() -> None:
    draft = joined(alert("Disk"), SECRET)
    (event,) = draft.events
    assert (event.kind, draft.incident.private, draft.incident.visible_to) == (Kind.VISIBILITY, True, ("platform",))
    assert event.data["posted"] == [CHAT.channel]
    assert event.text.endswith("callers without a team limit see the incident now; "
                               f"earlier messages remain in: {CHAT.channel}")  # fmt: skip


def test_the_team_of_the_incident_sees_it() -> None:
    (event,) = joined(SECRET, team="payments").events
    assert "only team payments and callers without a team limit see the incident now" in event.text


def test_nothing_changes_without_a_private_alert_or_where_it_is_private_or_was_made_public() -> None:
    assert joined(alert("Disk")).events == []
    assert joined(SECRET, private=True).events == []
    assert joined(SECRET, labels={"area": "security"}).events == [], "its own labels ask for it, and it is public"


def test_an_incident_is_private_if_one_of_its_alerts_is() -> None:
    assert guarded_by_any(POLICY, [{"area": "disk"}, {"area": "security"}], "") == (True, ("platform",))
    assert guarded_by_any(POLICY, [{"area": "disk"}], "") == (False, ())
