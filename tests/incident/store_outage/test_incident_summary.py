"""A summary has the fields for emergency pages, the auditor and lists, and its text is parsed without loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from receiver.incident.store_outage.emergency_pages import emergency_pages
from receiver.incident.store_outage.incident_summary import remembered, summarize
from receiver.incident.timers import timers
from receiver.model.base import to_ms
from receiver.model.incident.incident import Incident
from receiver.model.incident.incident_summary import PAGES, TITLE, IncidentSummary, pack, unpack
from receiver.model.incident.state import State
from receiver.model.severity import Severity
from tests.incident.fixtures import NOW, POLICY, Store, alert, at, part

DOWN = part(alert("Down", worst=1), alert("Slow"))


def opened() -> Incident:
    store = Store()
    store.tell(part(alert("A")), NOW)
    return store.incidents["uid0"]


def reread(summary: IncidentSummary) -> IncidentSummary | None:
    return unpack(summary.uid, summary.id, summary.version, pack(summary).decode())


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"severity": Severity.SEV3, "pages": ()},
        {"severity": Severity.SEV1},
        {"state": State.ACKNOWLEDGED, "ring": 3},
        {"state": State.RESOLVED, "resolved_at": at(30)},
        {"state": State.RESOLVED, "resolved_at": at(30), "severity": Severity.SEV1},
        {"state": State.RESOLVED, "resolved_at": NOW - timedelta(hours=3)},
        {"state": State.CLOSED, "closed_at": at(30)},
        {"keys": ("key", "another"), "merged": True, "state": State.CLOSED},
    ],
)
def test_the_same_people_are_paged_in_an_emergency_by_a_summary_as_by_the_incident(changed: Mapping[str, Any]) -> None:
    incident = opened().model_copy(update=dict(changed))
    known = remembered(summarize(incident, POLICY))
    pages = emergency_pages(DOWN, incident, POLICY, at(60))
    assert emergency_pages(DOWN, known, POLICY, at(60)) == pages
    assert known.pages == () or known.pages[0].address == "", "no credential is stored twice"


@pytest.mark.parametrize(
    "changed", [{}, {"service": "api", "keys": ("key", "k2"), "held": "storm", "drill": True, "acknowledged_by": "a"}]
)
def test_what_is_written_is_read_back(changed: Mapping[str, Any]) -> None:
    summary = summarize(opened().model_copy(update={"id": "INC-1", "version": 4, **changed}), POLICY)
    assert reread(summary) == summary


@pytest.mark.parametrize("text", ["", "[]", "{}", "[2]", "null", '[1,"SEV-9"]', '[1,"SEV-2","pondered",1]', "[1"])
def test_what_another_version_has_written_is_no_summary(text: str) -> None:
    assert unpack("uid", "INC-1", 1, text) is None


def test_it_stays_small() -> None:
    page = opened().pages[0]
    many = tuple(page.model_copy(update={"key": f"{page.key}{number}"}) for number in range(3 * PAGES))
    summary = summarize(opened().model_copy(update={"title": "x" * 5000, "pages": many}), POLICY)
    assert (len(summary.title), len(summary.pages)) == (TITLE, PAGES)
    assert summary.pages[-1].key == many[-1].key, "the newest count"


def test_when_the_next_is_called_is_when_the_first_of_those_timers_is_due() -> None:
    incident = opened()
    due = [when for name in ("escalate", "answer", "lapse") if (when := timers(incident, POLICY)[name]) is not None]
    assert summarize(incident, POLICY).call_ms == to_ms(min(due))
    watched = incident.model_copy(update={"state": State.MONITORING})
    assert (summarize(watched, POLICY).call_ms, summarize(watched, POLICY).answer_ms) == (None, None)


def test_with_nobody_left_to_call_the_pages_go_unanswered_from_the_time_to_respond_on() -> None:
    incident = opened().model_copy(update={"reached": ()})
    respond = POLICY.called(incident).respond
    assert summarize(incident, POLICY).call_ms is None
    assert summarize(incident, POLICY).answer_ms == to_ms(NOW + timedelta(seconds=respond))
    drill = incident.model_copy(update={"drill": True})
    assert summarize(drill, POLICY).answer_ms is None
    held = incident.model_copy(update={"held": "storm"})
    assert summarize(held, POLICY).answer_ms is None
    assert summarize(incident, replace(POLICY, monitor_for=timedelta(1))) == summarize(incident, POLICY)
