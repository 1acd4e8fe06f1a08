"""Alertmanager's time intervals and the routes that they mute (F1): decided as Alertmanager decides them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from receiver.config.alertmanager_file.muted_routes import MutedRoutes, muted_routes
from receiver.config.alertmanager_file.time_intervals import UnreadableInterval, read_interval


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NINE_TO_FIVE = {"times": [{"start_time": "09:00", "end_time": "17:00"}]}


@pytest.mark.parametrize(
    ("interval", "moment", "inside"),
    [
        ({}, "2026-11-30T04:00", True),
        (NINE_TO_FIVE, "2026-11-30T09:00", True),
        (NINE_TO_FIVE, "2026-11-30T08:59:59", False),
        (NINE_TO_FIVE, "2026-11-30T16:59:59", True),
        (NINE_TO_FIVE, "2026-11-30T17:00", False),
        ({"times": [{"start_time": "00:00", "end_time": "24:00"}]}, "2026-11-30T23:59:59", True),
        ({"weekdays": ["monday:friday"]}, "2026-11-30T12:00", True),
        ({"weekdays": ["monday:friday"]}, "2026-11-29T12:00", False),
        ({"weekdays": ["sunday"]}, "2026-11-29T12:00", True),
        ({"weekdays": ["Saturday", "sunday"]}, "2026-11-28T12:00", True),
        ({"days_of_month": ["1:5"]}, "2026-11-05T12:00", True),
        ({"days_of_month": ["1:5"]}, "2026-11-06T12:00", False),
        ({"days_of_month": ["-1"]}, "2026-11-30T12:00", True),
        ({"days_of_month": ["-1"]}, "2026-12-30T12:00", False),
        ({"days_of_month": ["-3:-1"]}, "2026-02-26T12:00", True),
        ({"days_of_month": ["-3:-1"]}, "2026-02-25T12:00", False),
        ({"days_of_month": ["29:31"]}, "2026-02-28T12:00", False),
        ({"days_of_month": ["28:31"]}, "2028-02-29T12:00", True),
        ({"days_of_month": ["1:-1"]}, "2026-02-14T12:00", True),
        ({"months": ["november"]}, "2026-11-30T12:00", True),
        ({"months": ["1:3", "december"]}, "2026-11-30T12:00", False),
        ({"months": ["may:august"]}, "2026-08-31T12:00", True),
        ({"years": ["2024:2026"]}, "2026-11-30T12:00", True),
        ({"years": ["2025"]}, "2026-11-30T12:00", False),
        ({**NINE_TO_FIVE, "location": "Australia/Sydney"}, "2026-11-29T23:00", True),
        ({**NINE_TO_FIVE, "location": "Australia/Sydney"}, "2026-11-30T09:00", False),
        ({"weekdays": ["monday"], "location": "Australia/Sydney"}, "2026-11-29T14:00", True),
        ({"months": ["december"], "location": "Australia/Sydney"}, "2026-11-30T14:00", True),
        ({**NINE_TO_FIVE, "weekdays": ["monday"]}, "2026-11-29T12:00", False),
        ({**NINE_TO_FIVE, "location": "Europe/Berlin"}, "2026-07-01T07:30", True),
        ({**NINE_TO_FIVE, "location": "Europe/Berlin"}, "2026-12-01T07:30", False),
    ],
)
def test_a_moment_is_in_an_interval_or_not(interval: dict[str, Any], moment: str, inside: bool) -> None:
    assert read_interval(interval).contains(at(moment)) is inside


@pytest.mark.parametrize(
    "interval",
    [
        None,
        {"time": []},
        {"times": [{"start_time": "9:00", "end_time": "17:00"}]},
        {"times": [{"start_time": "17:00", "end_time": "09:00"}]},
        {"times": "09:00"},
        {"weekdays": ["someday"]},
        {"location": "Local"},
        {"location": "Mars/Olympus"},
        {"years": ["x"]},
    ],
)
def test_what_cannot_be_read_is_said(interval: Any) -> None:
    with pytest.raises(UnreadableInterval):
        read_interval(interval)


FILE = """
route:
  receiver: incidents
  group_by: [alertname]
  routes:
    - matchers: ['team="night"']
      mute_time_intervals: [nights]
      routes:
        - matchers: ['severity="critical"']
    - matchers: ['team="office"']
      active_time_intervals: [office, fairs]
      continue: true
    - matchers: ['team="office"', 'also="always"']
      group_by: [service]
    - matchers: ['team="odd"']
      mute_time_intervals: [local]
    - matchers: ['team="older"']
      mute_time_intervals: [weekends]
receivers: [{name: incidents}]
mute_time_intervals:
  - {name: weekends, time_intervals: [{weekdays: [saturday, sunday]}]}
time_intervals:
  - {name: nights, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]},
                                    {times: [{start_time: '00:00', end_time: '06:00'}]}]}
  - {name: office, time_intervals: [{times: [{start_time: '09:00', end_time: '17:00'}], weekdays: ['monday:friday']}]}
  - {name: fairs, time_intervals: [{months: [march], days_of_month: ['1:3']}]}
  - {name: local, time_intervals: [{location: Local}]}
"""
NIGHT, NOON, SUNDAY = at("2026-11-30T23:00"), at("2026-11-30T12:00"), at("2026-11-29T12:00")


def held(routes: MutedRoutes, moment: datetime, group: dict[str, str] | None = None, **labels: str) -> bool:
    labels = {"alertname": "A", **labels}
    return routes.holds_back("incidents", group or {"alertname": "A"}, labels, moment)


def test_routes_hold_back_by_their_own_hours() -> None:
    routes = muted_routes(FILE)
    assert routes is not None
    assert held(routes, NIGHT, team="night")
    assert not held(routes, NOON, team="night")
    assert not held(routes, NIGHT, team="night", severity="critical"), "the route below inherits no hours"
    assert held(routes, NIGHT, team="office")
    assert held(routes, SUNDAY, team="office")
    assert not held(routes, NOON, team="office")
    assert not held(routes, at("2026-03-01T03:00"), team="office"), "one of two active intervals is enough"
    assert held(routes, SUNDAY, team="older") and not held(routes, NOON, team="older")
    assert not held(routes, NIGHT, team="nobody")
    assert not routes.holds_back("elsewhere", {"alertname": "A"}, {"alertname": "A", "team": "night"}, NIGHT)


def test_of_two_routes_to_one_receiver_each_speaks_of_its_own_groups() -> None:
    routes = muted_routes(FILE)
    assert routes is not None
    both = {"team": "office", "also": "always", "service": "api"}
    assert held(routes, NIGHT, {"alertname": "A"}, **both)
    assert not held(routes, NIGHT, {"service": "api"}, **both), "the second route, after continue, has no hours"


def test_an_interval_that_cannot_be_read_mutes_its_routes_and_is_named() -> None:
    routes = muted_routes(FILE)
    assert routes is not None
    assert held(routes, NOON, team="odd")
    assert routes.unread == ("local: unknown location Local",)


def test_a_file_without_hours_is_not_read() -> None:
    assert muted_routes("route: {receiver: incidents}\nreceivers: [{name: incidents}]\n") is None
