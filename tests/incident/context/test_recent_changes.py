"""Which change most likely caused an incident."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from receiver.incident.context.recent_changes import changes_due, on_changes_read, on_changes_unavailable
from receiver.incident.log.event_log import Transition
from receiver.model.incident.recent_changes import Changes, RecentChange
from receiver.model.incident.state import State
from tests.channels.notices import NOW, incident
from tests.incident.fixtures import POLICY

BEGAN = incident().started_at


def change(minutes: float, name: str = "v1", **changes: Any) -> RecentChange:
    """Return a deployment that many minutes before the incident started."""
    values: dict[str, Any] = {"kind": "deployment", "name": name, "at": BEGAN - timedelta(minutes=minutes)}
    return RecentChange(**{**values, **changes})


def told(*found: RecentChange) -> tuple[Changes, str]:
    draft: Transition = on_changes_read(incident(), "acme/api", found, POLICY, NOW + timedelta(minutes=5))
    (event,) = draft.events
    assert draft.incident.changes is not None
    return draft.incident.changes, event.text


def named(*found: RecentChange) -> str | None:
    changes, _ = told(*found)
    return changes.items[changes.likely].name if changes.likely is not None else None


def test_the_last_before_it_began() -> None:
    assert named(change(300, "old"), change(7, "new"), change(-4, "later")) == "new"


def test_what_comes_just_after_counts_as_before() -> None:
    assert named(change(60, "old"), change(-1, "new")) == "new"


def test_what_did_not_arrive_is_not_the_cause() -> None:
    assert named(change(60, "old"), change(7, "new", state="failure")) == "old"


def test_a_deployment_before_a_release() -> None:
    assert named(change(60, "deployed"), change(7, "released", kind="release")) == "deployed"
    assert named(change(7, "released", kind="release")) == "released"


def test_where_users_are_before_a_preview_or_a_staging() -> None:
    live = change(60, "live", environment="production", production=True)
    assert named(live, change(7, "pr-12", transient=True), change(9, "staged", environment="staging")) == "live"
    assert named(change(7, "pr-12", transient=True), change(9, "staged", environment="staging")) == "staged"
    assert named(change(7, "pr-12", transient=True), change(90, "v7", kind="release")) == "v7"
    assert named(change(7, "pr-12", transient=True)) == "pr-12"


def test_where_the_alert_fires_before_all_else() -> None:
    live = change(7, "live", environment="production", production=True)
    given = incident(labels={"environment": "staging"})
    found = (live, change(60, "staged", environment="staging"))
    made = on_changes_read(given, "acme/api", found, POLICY, NOW).incident.changes
    assert made is not None
    assert made.items[made.likely or 0].name == "staged"


def test_the_likely_one_is_kept_however_many_came_after() -> None:
    previews = [change(minutes / 10, f"pr-{minutes}", transient=True) for minutes in range(50)]
    changes, _ = told(change(60, "live", production=True), *previews)
    assert len(changes.items) == 20
    assert changes.items[changes.likely or 0].name == "live"


def test_only_a_day_back() -> None:
    changes, text = told(change(25 * 60))
    assert (changes.items, changes.likely) == ((), None)
    assert text == "acme/api: no deployments in the 24 h before the incident"


def test_what_came_later_is_told_as_such() -> None:
    changes, _ = told(change(-4))
    assert changes.likely is None
    assert changes.why.endswith("those known came after it began, or were not reported")


def test_the_words() -> None:
    found = change(7, "v2", environment="production", by="bot", state="success")
    _, text = told(found, change(400, "v1"))
    assert text == (
        "acme/api: likely deployment v2 (production by bot success), 7 min before: the last change before the "
        "incident; also deployment v1, 7 h before"
    )


def test_silence_is_said_and_asked_no_more() -> None:
    draft = on_changes_unavailable(incident(), "acme/api", "no answer", POLICY, NOW)
    assert draft.events[0].text == "acme/api: recent changes are not known: no answer"
    assert draft.events[0].reason == "not_known"


def test_when_it_is_asked() -> None:
    policy = replace(POLICY, repositories={"checkout-api": "acme/api"})
    assert changes_due(incident(), policy) == incident().opened_at
    assert changes_due(incident(), POLICY) is None
    assert changes_due(incident(state=State.RESOLVED), policy) is None
    assert changes_due(incident(changes=Changes(repository="acme/api", why="x")), policy) is None
