"""Alerts that fire when a person resolves their incident: the warning, and its correctness."""

from __future__ import annotations

from datetime import timedelta

from receiver.incident.response.firing_alerts import firing_after, still_firing
from receiver.incident.response.state_commands import on_command
from receiver.model.command import Close, Command, Resolve
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.state import State
from tests.incident.fixtures import NOW, Store, alert, at, part, policy

HOUR = timedelta(hours=1)
EVE = Actor(kind=ActorKind.API, name="eve")


def ended(command: Command, *names: str) -> tuple[Store, str | None]:
    """Return the state after `command` ended an incident of alerts with these names, and the warning."""
    store = Store()
    store.tell(part(*(alert(name) for name in names)), NOW)
    draft = on_command(command, store.incidents["uid0"], policy(), EVE, at(60))
    store.incidents["uid0"] = draft.incident
    return store, firing_after(draft.incident, draft.events, policy().reopen_within)


def test_it_is_said_and_true_that_repetitions_page_nobody() -> None:
    store, said = ended(Resolve(), "Disk", "Fan")
    assert said is not None and said.startswith(
        "2 alerts are still firing and will page no one while the incident is over."
    )
    assert "the incident reopens (a new one opens after 60 min)" in said
    store.tell(part(alert("Disk"), alert("Fan")), at(120))
    assert store.incidents["uid0"].state == "resolved"
    store.tell(part(alert("Disk"), alert("Fan"), alert("Power", starts=150)), at(180))
    assert store.incidents["uid0"].state == "open", "another alert of the group"


def test_what_ends_and_fires_again_reopens_it() -> None:
    store, said = ended(Resolve(), "Disk")
    assert said is not None and said.startswith("1 alert is still firing and will page no one")
    store.tell(part(alert("Disk", firing=False)), at(120))
    store.tell(part(alert("Disk", starts=200)), at(201))
    assert store.incidents["uid0"].state is State.OPEN


def test_a_closed_one_does_not_reopen_and_nothing_is_said_without_a_firing_alert() -> None:
    _, said = ended(Close(force=True, text="a test"), "Disk")
    assert said is not None and said.endswith("a new incident opens")
    assert still_firing(0, HOUR) is None


def test_the_warning_promises_no_page_for_an_alert_that_stays_below_the_incident() -> None:
    store = Store()
    store.tell(part(alert("Disk", worst=1), alert("Fan", worst=3)), NOW)
    draft = on_command(Resolve(), store.incidents["uid0"], policy(), EVE, at(60))
    store.incidents["uid0"] = draft.incident
    said = firing_after(draft.incident, draft.events, policy().reopen_within)
    store.tell(part(alert("Disk", worst=1), alert("Fan", worst=2)), at(120))
    assert store.incidents["uid0"].state is State.RESOLVED
    assert said is not None and "more severe than the incident" in said
