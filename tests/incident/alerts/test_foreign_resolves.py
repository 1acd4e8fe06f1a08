"""Whose alerts a sender may resolve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.incident.log.alert_membership import FOREIGN
from receiver.incident.log.event_log import replay_events
from receiver.incident.log.notification_outcome import NotificationPart, Outcome
from receiver.model.alert.sender import ANYBODY, Sender
from receiver.model.incident.state import State
from receiver.store.incidents.stored_records import packed, record_of
from tests.incident.fixtures import A_ENDS, B_ENDS, A, B, Store, alert, at, only, part

AM1, AM2 = Sender("am1"), Sender("am2")
OWN = Sender("am2", ("am2",))
LISTED = Sender("am2", ("am2", "am1"))


def sent(sender: Sender, told: NotificationPart) -> NotificationPart:
    return replace(told, sender=sender)


@pytest.mark.parametrize(
    ("began", "ends", "ignored"),
    [
        (AM1, AM2, False), (AM1, OWN, True), (AM1, LISTED, False), (OWN, OWN, False), (ANYBODY, OWN, False),
        (Sender("am3"), LISTED, True), (OWN, AM1, False),
    ],
)  # fmt: skip
def test_whose_alerts_a_sender_may_resolve(began: Sender, ends: Sender, ignored: bool) -> None:
    store = Store()
    store.tell(sent(began, part(A)), at(0))
    verdict = store.tell(sent(ends, part(A_ENDS)), at(60))
    assert (verdict.outcome, verdict.ignored) == ((Outcome.IGNORED, 1) if ignored else (Outcome.RESOLVED, 0))
    assert only(store).state is (State.OPEN if ignored else State.MONITORING)
    assert only(store).firing == int(ignored)


def test_an_ignored_resolve_is_in_the_log_once_for_each_sender() -> None:
    store = Store()
    store.tell(sent(AM1, part(A)), at(0))
    first = store.tell(sent(OWN, part(A_ENDS)), at(60))
    again = store.tell(sent(OWN, part(A_ENDS)), at(120))
    other = store.tell(sent(Sender("am3", ("am3",)), part(A_ENDS)), at(180))
    assert [len(one.events) for one in (first, again, other)] == [1, 0, 1]
    assert (again.outcome, again.reason, again.ignored) == (Outcome.IGNORED, FOREIGN, 1)
    (event,) = first.events
    assert event.reason == FOREIGN
    assert event.actor.caller == "am2"
    assert event.text == "resolve of A from am2 ignored: it may not resolve alerts that am1 reported"
    incident = only(store)
    assert (incident.sender, incident.foreign) == ("am1", ("am2", "am3"))
    assert replay_events(store.logs[incident.uid], incident.plan) == incident


def test_the_end_of_its_own_alert_counts_beside_a_foreign_one() -> None:
    store = Store()
    store.tell(sent(AM1, part(A)), at(0))
    store.tell(sent(OWN, part(A, B)), at(10))
    verdict = store.tell(sent(OWN, part(A_ENDS, B_ENDS)), at(60))
    assert (verdict.outcome, verdict.ignored, only(store).firing) == (Outcome.UPDATED, 1, 1)
    assert store.tell(sent(AM1, part(A_ENDS)), at(70)).outcome is Outcome.RESOLVED


def test_a_later_report_takes_no_alert_over_and_moves_no_beginning() -> None:
    store = Store()
    store.tell(sent(AM1, part(A)), at(0))
    began = store.records["uid0"][A.fingerprint]
    store.tell(sent(OWN, part(alert("A", starts=50))), at(30))
    assert store.records["uid0"][A.fingerprint] == began
    assert store.tell(sent(OWN, part(A_ENDS)), at(60)).outcome is Outcome.IGNORED
    assert store.tell(sent(AM1, part(A_ENDS)), at(70)).outcome is Outcome.RESOLVED


def test_what_a_person_closed_is_not_freed_by_another_sender() -> None:
    store = Store()
    store.tell(sent(AM1, part(A)), at(0))
    store.incidents["uid0"] = only(store).model_copy(update={"state": State.CLOSED, "closed_at": at(10)})
    verdict = store.tell(sent(OWN, part(A_ENDS)), at(60))
    assert (verdict.outcome, verdict.reason, verdict.freed) == (Outcome.IGNORED, FOREIGN, ())
    assert store.tell(sent(AM1, part(A_ENDS)), at(70)).freed == [A.fingerprint]


def test_an_end_without_its_beginning_delays_only_its_own_sender() -> None:
    store = Store()
    store.tell(sent(OWN, part(A_ENDS)), at(0))
    assert A.fingerprint not in store.tombs
    assert store.tell(sent(AM1, part(A)), at(1)).outcome is Outcome.OPENED


def test_the_record_in_the_store_names_its_sender_and_older_ones_are_read() -> None:
    store = Store()
    store.tell(sent(AM1, part(A)), at(0))
    record = store.records["uid0"][A.fingerprint]
    assert record.sender == "am1"
    assert record_of(A.fingerprint, packed(record).decode()) == record
    before = record._replace(sender="")
    assert b"am1" not in packed(before)
    assert record_of(A.fingerprint, packed(before).decode()) == before
