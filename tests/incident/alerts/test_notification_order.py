"""Invariants of incidents and their logs for notifications in any order, repeated, late or truncated."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.incident.log.event_log import replay_events
from receiver.incident.log.notification_outcome import NotificationPart, Outcome
from receiver.model.alert.alert import Alert
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.state import State
from tests.incident.fixtures import Store, alert, at, part

NAMES = "ABCD"
GROUPS = ("one", "two")
OVER = (State.MONITORING, State.RESOLVED)


@dataclass(frozen=True)
class Told:
    """One notification of a history, and the seconds before it."""

    after: int
    group: str
    said: tuple[tuple[str, bool, int, int], ...]
    """Name, whether it fires, start in seconds, severity."""
    cut: int

    def part(self) -> NotificationPart:
        alerts = [alert(name, firing=firing, starts=starts, worst=worst) for name, firing, starts, worst in self.said]
        return part(*alerts, key=self.group, group=self.group, truncated=self.cut)


AFTER = st.sampled_from([0, 1, 30, 59, 60, 61, 300, 900, 3600, 86_500])
SAID = st.tuples(st.sampled_from(NAMES), st.booleans(), st.sampled_from([0, 60, 600, 5000]), st.integers(1, 4))
TOLD = st.builds(
    Told,
    AFTER,
    st.sampled_from(GROUPS),
    st.lists(SAID, min_size=1, max_size=4, unique_by=lambda said: said[0]).map(tuple),
    st.sampled_from([0, 0, 0, 2]),
)


def check(store: Store) -> None:
    """Compare the stored state of every incident with its log and its alerts."""
    for uid, incident in store.incidents.items():
        log = store.logs[uid]
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        assert [event.at for event in log] == sorted(event.at for event in log)
        assert replay_events(log, incident.plan) == incident
        kept = store.records[uid].values()
        assert incident.firing == sum(record.firing for record in kept)
        assert incident.resolved == sum(not record.firing for record in kept)
        assert set(incident.names) == {record.name for record in kept if record.firing}
        if incident.state in OVER:
            assert incident.firing == 0, "it is ending while an alert of it fires"
        assert len({page.key for page in incident.pages}) == len(incident.pages)
    for key in GROUPS:
        assert sum(key in incident.keys for incident in store.open()) <= 1, "two incidents are open for one key"
        pointed = [store.pointers[key]] if key in store.pointers else []
        assert [i.uid for i in store.open() if key in i.keys] in ([], pointed)


@settings(max_examples=400, deadline=None)
@given(st.lists(TOLD, max_size=14))
def test_log_state_and_alerts_agree_in_any_history(history: list[Told]) -> None:
    store, now = Store(), 0
    for told in history:
        now += told.after
        store.tick(at(now))
        check(store)
        before = {uid: len(log) for uid, log in store.logs.items()}
        verdict = store.tell(told.part(), at(now))
        check(store)
        fresh = [event for uid, log in store.logs.items() for event in log[before.get(uid, 0) :]]
        if verdict.outcome is Outcome.DUPLICATE:
            assert fresh == []
        if told.cut:
            assert not ending(fresh), "a truncated notification ended an alert"


def ending(events: list[Event]) -> list[Event]:
    return [event for event in events if event.kind in (Kind.MONITORING, Kind.RESOLVED)]


@settings(max_examples=200, deadline=None)
@given(st.lists(TOLD, max_size=10), TOLD)
def test_the_same_notification_again_says_nothing_new(history: list[Told], last: Told) -> None:
    store, now = Store(), 0
    for told in history:
        now += told.after
        store.tick(at(now))
        store.tell(told.part(), at(now))
    store.tell(last.part(), at(now + 1))
    logs = {uid: list(log) for uid, log in store.logs.items()}
    verdict = store.tell(last.part(), at(now + 1))
    assert verdict.outcome in (Outcome.DUPLICATE, Outcome.IGNORED)
    assert store.logs == logs


@settings(max_examples=200, deadline=None)
@given(st.lists(TOLD, max_size=10), st.permutations(NAMES))
def test_once_everything_has_ended_everything_resolves(history: list[Told], names: list[str]) -> None:
    store, now = Store(), 0
    for told in history:
        now += told.after
        store.tick(at(now))
        store.tell(told.part(), at(now))
    # Each group reports completely, with the newest start, that all its alerts have ended.
    for group in GROUPS:
        ends = [alert(name, firing=False, starts=5000) for name in names]
        store.tell(part(*ends, key=group, group=group), at(now))
    for later in range(0, 1000, 50):
        store.tick(at(now + later))
    assert store.open() == []
    check(store)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 600)), min_size=1, max_size=12), st.data())
def test_two_alertmanagers_and_a_bad_network_change_nothing(
    toggles: list[tuple[str, int]], data: st.DataObject
) -> None:
    """A true history with complete notifications; then repeated in any order, and last the final state."""
    now, firing, began, told = 0, dict.fromkeys(NAMES, False), dict.fromkeys(NAMES, 0), []
    for name, after in toggles:
        now += after
        firing[name] = not firing[name]
        if firing[name]:
            began[name] = now
        told.append([alert(one, firing=firing[one], starts=began[one]) for one in NAMES if began[one]])
    store = Store()
    copies = data.draw(st.lists(st.sampled_from(told), max_size=6)) + data.draw(st.permutations(told))
    for step, alerts in enumerate([*copies, told[-1], told[-1]]):
        store.tell(part(*alerts), at(now + step))
        check(store)
    for later in range(0, 1000, 50):
        store.tick(at(now + 20 + later))
    check(store)
    assert true_of(store, told[-1])


def true_of(store: Store, truth: list[Alert]) -> bool:
    """Return whether open incidents show exactly the alerts that fire."""
    shown = {r.name for i in store.open() for r in store.records[i.uid].values() if r.firing}
    return shown == {one.name for one in truth if one.firing}
