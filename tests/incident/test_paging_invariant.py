"""Every history of at most six events of one alert: while it fires, someone is paged or will be paged."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.incident.alerts.maintenance_hold import recheck_after_maintenance
from receiver.incident.log.command_errors import IllegalCommand
from receiver.incident.log.event_log import Transition, replay_events
from receiver.incident.response.state_commands import on_command
from receiver.incident.timers import on_timer, timers
from receiver.model.command import Acknowledge, Command, Mitigate
from receiver.model.delivery.notice import Action
from receiver.model.incident.event import Actor, ActorKind
from receiver.model.incident.incident import Incident
from receiver.model.incident.state import TAKEN, State
from receiver.pipeline.outbox.page_actions import page_action
from tests.incident.fixtures import POLICY, STARTS, Store, alert, at, part, policy

EVENTS = ("fire", "end", "acknowledge", "mitigate", "window", "raise")
LENGTH = 6
DAY = 86_400
CALLING = ("monitor", "verify", "escalate", "answer", "lapse", "join", "shelter")
"""Timers that page people, or check whether to page."""
ALICE = Actor(kind=ActorKind.API, name="alice")


class Life:
    """One alert, its incidents, and one maintenance window."""

    def __init__(self) -> None:
        self.window = False
        self.store = Store(policy(windows=self._windows))
        self.now = 0
        self.firing = False
        self.starts = 0
        self.worst = 2
        self.resolved: set[str] = set()
        """Keys that were resolved at the vendor: they page no one again."""

    def _windows(self, labels: Mapping[str, str], now: datetime) -> tuple[str, datetime] | None:
        return ("fix", now + timedelta(hours=8)) if self.window else None

    def copy(self) -> Life:
        """Return a copy, to continue in another way."""
        other = Life()
        for name in ("window", "now", "firing", "starts", "worst"):
            setattr(other, name, getattr(self, name))
        for name in ("incidents", "pointers", "owners", "tombs", "held"):
            setattr(other.store, name, dict(getattr(self.store, name)))
        other.resolved = set(self.resolved)
        other.store.logs = {uid: list(log) for uid, log in self.store.logs.items()}
        other.store.records = {uid: dict(kept) for uid, kept in self.store.records.items()}
        return other

    def live(self, event: str, gap: int, history: tuple[str, ...]) -> None:
        """Advance by `gap` seconds, and apply the last event of `history`; fail if no one is paged for it."""
        self.pass_time(gap, history[:-1])
        _DO[event](self)
        self._tick()
        self._resolve()
        self.check(history)

    def pass_time(self, seconds: int, history: tuple[str, ...]) -> None:
        """Advance the time after `history`, and fail if no one is paged any more."""
        self.now += seconds
        self._tick()
        self._resolve()
        self.check((*history, "time passes"))

    def _resolve(self) -> None:
        for incident in self.store.incidents.values():
            over = [page.key for page in incident.pages if page_action(page, incident) is Action.RESOLVE]
            self.resolved.update(over)

    def _tick(self) -> None:
        self.store.tick(at(self.now))
        for uid in list(self.store.incidents):
            for name in ("escalate", "answer", "lapse", "join"):
                draft = on_timer(name, self.store.incidents[uid], self.store.policy, at(self.now))
                if draft is not None:
                    self.store.write(draft)

    def fire(self) -> None:
        if not self.firing:
            self.firing, self.starts, self.worst = True, self._clock(), 2
        self._tell()

    def end(self) -> None:
        self.firing = False
        self._tell()

    def worse(self) -> None:
        if not self.firing:
            self.fire()
        self.worst = 1
        self._tell()

    def act(self, command: Command) -> None:
        for incident in self.store.open():
            try:
                self.store.write(on_command(command, incident, self.store.policy, ALICE, at(self.now)))
            except IllegalCommand:
                continue

    def toggle(self) -> None:
        self.window = not self.window
        if self.window:
            return
        for incident in self.store.open():
            if incident.held_until is not None:
                draft = Transition(incident, Actor(kind=ActorKind.TIMER, name="shelter"), at(self.now))
                recheck_after_maintenance(draft, self.store.policy, [alert("A").labels] if incident.firing else [])
                self.store.write(draft)

    def _clock(self) -> int:
        return round((at(self.now) - STARTS).total_seconds())

    def _tell(self) -> None:
        self.store.tell(part(alert("A", firing=self.firing, starts=self.starts, worst=self.worst)), at(self.now))

    def check(self, history: tuple[str, ...]) -> None:
        """Fail if the alert fires, and there is no acknowledgement, no open page and no timer."""
        if not self.firing or self.store.held:
            return
        (incident,) = self.store.open() or [None]
        assert incident is not None, f"it fires without an incident after {history}"
        assert incident.firing, f"it fires, and its incident does not have it after {history}"
        assert self.called_for(incident), (
            f"no one is paged or will be after {history}: {incident.state}, held {incident.held}"
        )

    def called_for(self, incident: Incident) -> bool:
        """Return whether someone has acknowledged it, is paged, or will be paged."""
        if incident.state in TAKEN:
            return True
        open_ = [page for page in incident.pages if page_action(page, incident) is Action.TRIGGER]
        if any(page.key not in self.resolved for page in open_):
            return True
        return any(at is not None for name, at in timers(incident, POLICY).items() if name in CALLING)


_DO: dict[str, Callable[[Life], None]] = {
    "fire": Life.fire,
    "end": Life.end,
    "acknowledge": lambda life: life.act(Acknowledge()),
    "mitigate": lambda life: life.act(Mitigate()),
    "window": Life.toggle,
    "raise": Life.worse,
}


def same(life: Life) -> bytes:
    """Return everything that determines how `life` continues: of two with equal values, one is enough."""
    store = life.store
    return pickle.dumps(
        (
            life.window, life.firing, life.starts, life.worst, sorted(life.resolved),
            [one.model_dump_json() for one in store.incidents.values()],
            sorted(store.pointers.items()), sorted(store.owners.items()), sorted(store.tombs.items()),
            [(group, repr(waiting), until) for group, (waiting, until) in sorted(store.held.items())],
            [(uid, repr(list(kept.values()))) for uid, kept in sorted(store.records.items())],
        )
    )  # fmt: skip


Ways = dict[bytes, tuple[Life, tuple[str, ...]]]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("gap", [61, 1200])
def test_it_never_fires_with_nobody_called_and_nobody_to_be_called(gap: int) -> None:
    """All histories of at most `LENGTH` events, each `gap` seconds after the previous one, without exception."""
    ways: Ways = {b"": (Life(), ())}
    states, stood_for = set(), {b"": 1}
    for _ in range(LENGTH):
        after: Ways = {}
        counts: Counter[bytes] = Counter()
        for name, (life, history) in ways.items():
            for event in EVENTS:
                other = life.copy()
                other.live(event, gap, (*history, event))
                told = same(other)
                after.setdefault(told, (other, (*history, event)))
                counts[told] += stood_for[name]
                states.update(one.state for one in other.store.incidents.values())
        ways, stood_for = after, counts
    assert sum(stood_for.values()) == len(EVENTS) ** LENGTH, "every history is included"
    assert {State.OPEN, State.ACKNOWLEDGED, State.MONITORING} <= states, "the histories reach the states that they test"
    for life, history in ways.values():
        life.pass_time(DAY, (*history, "a day"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("gaps", [(61, 1200)])
def test_nor_where_some_follow_at_once_and_others_late(gaps: tuple[int, ...]) -> None:
    """All histories of at most four events, with each of `gaps` between events."""
    ways: Ways = {b"": (Life(), ())}
    for _ in range(4):
        after: Ways = {}
        for life, history in ways.values():
            for event, gap in itertools.product(EVENTS, gaps):
                other, told = life.copy(), (*history, f"{gap} s, {event}")
                other.live(event, gap, told)
                after.setdefault(same(other) + b"%d" % other.now, (other, told))
        ways = after


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from([1, 30, 61, 300, 901, 4000])), max_size=LENGTH))
def test_however_much_time_passes_between_them(events: list[tuple[str, int]]) -> None:
    life, history = Life(), tuple[str, ...]()
    for event, gap in events:
        history = (*history, f"{gap} s, {event}")
        life.live(event, gap, history)
    for uid, incident in life.store.incidents.items():
        assert replay_events(life.store.logs[uid], incident.plan) == incident
