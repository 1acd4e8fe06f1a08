"""Histories that earlier releases recorded (tests/stories/record_histories.py), read by this code.

State, timeline and figures equal those of the earlier release, regardless of additional fields of this one.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from receiver.active_config_builder import build_active_config, make_channels
from receiver.channels.base import Http
from receiver.incident.log.event_log import replay_events
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.review_record import review_record_fields
from receiver.model.incident.state import State
from receiver.review.monthly_figures import MonthlyReview
from receiver.review.review_record import read_review_record
from receiver.review.review_settings import month_at
from receiver.review.timeline import timeline
from receiver.store.incidents.stored_records import event_of
from tests.stories.world import reference

RELEASES: dict[str, dict[str, Any]] = {
    folder.name: json.loads((folder / "incidents.json").read_text("utf-8"))
    for folder in sorted((Path(__file__).parents[1] / "histories").iterdir())
}
LIVES = [(release, life) for release, recorded in RELEASES.items() for life in recorded["incidents"]]
each = pytest.mark.parametrize(
    "life", [life for _, life in LIVES], ids=[f"{release}-{life['id']}" for release, life in LIVES]
)
each_release = pytest.mark.parametrize("release", RELEASES)


def log_of(life: dict[str, Any]) -> list[Event]:
    """Return the log as read from the store."""
    return [event_of(json.dumps(line)) for line in life["log"]]


def folded(life: dict[str, Any]) -> Incident:
    """Return the state that this code computes from the log."""
    incident = replay_events(log_of(life), Incident.model_validate(life["state"]).plan)
    assert incident is not None
    return incident.model_copy(update={"id": life["id"], "version": life["version"]})


@each
def test_the_state_is_the_one_that_was_stored(life: dict[str, Any]) -> None:
    state = folded(life).model_dump(mode="json")
    stored = Incident.model_validate(life["state"]).model_dump(mode="json")
    assert {name: state[name] for name in life["state"]} == {name: stored[name] for name in life["state"]}


@each
def test_the_timeline_is_the_one_that_it_had(life: dict[str, Any]) -> None:
    assert timeline(folded(life), log_of(life)) == life["timeline"]


@each
def test_the_figures_are_the_ones_that_it_had(life: dict[str, Any]) -> None:
    assert orjson.loads(orjson.dumps(review_record_fields(folded(life)))) == life["past"]


@each_release
def test_the_month_is_the_one_that_it_told_of(release: str) -> None:
    recorded = RELEASES[release]
    config = reference("http://127.0.0.1:1")
    terms = build_active_config(config, make_channels(config, Http(total=1))).terms
    now = datetime.fromisoformat(recorded["now"])
    review = MonthlyReview(month_at(now, terms.zone), terms, now)
    for life in recorded["incidents"]:
        review.see(read_review_record(review_record_fields(folded(life)), life["id"], terms))
    told = json.loads(json.dumps(review.told(recorded["report"]["duplicates_absorbed"])))
    reported = dict(recorded["report"])
    # An overspent budget had a negative remainder at 277331f; it is 0 now.
    reported["error_budget"] = [one | {"remaining": max(0.0, one["remaining"])} for one in reported["error_budget"]]
    assert told.pop("noise") == reported.pop("noise", []), "277331f could not mark an incident as noise"
    weeks = told.pop("weeks")
    assert sum(week["total"] for week in weeks) == told["total"]
    assert weeks == reported.pop("weeks", weeks), "neither release had weeks"
    assert told == reported


@each_release
def test_they_hold_what_an_incident_can_go_through(release: str) -> None:
    lives = RELEASES[release]["incidents"]
    kinds = {event.kind for life in lives for event in log_of(life)}
    wanted = {
        Kind.OPENED, Kind.PAGE, Kind.ACKNOWLEDGED, Kind.ACKNOWLEDGEMENT_LAPSED, Kind.ESCALATED, Kind.SEVERITY_RAISED,
        Kind.SEVERITY_SET, Kind.MONITORING, Kind.REFIRED, Kind.RESOLVED, Kind.REOPENED, Kind.CLOSED, Kind.MERGED,
        Kind.ABSORBED, Kind.SPLIT, Kind.STORM_JOINED, Kind.STORM_ENDED, Kind.STATUS_UPDATE, Kind.NOTE,
        Kind.ROLE, Kind.MITIGATION, Kind.POSTMORTEM_WRITTEN, Kind.CORRECTED, Kind.CLOCK_SET, Kind.ACTION_CHANGED,
    }  # fmt: skip
    assert wanted <= kinds
    assert {folded(life).state for life in lives} == set(State) - {State.IDENTIFIED}
