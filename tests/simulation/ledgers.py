"""Converts a schedule and the vendor's ledger for the checker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.simulation.checker import Call, Span
from tests.simulation.fault_schedule import REPLICAS, Group, Schedule

PEOPLE = {"a71019f5bc793dcfd889a925a7adff16": "alice", "181e0f9e616fde7f2b0636da6552e506": "eng-lead"}
"""The people who are on call in config/receiver.yaml at the time of the tests, by routing key."""


def calls_of(taken: Iterable[Mapping[str, Any]]) -> list[Call]:
    """Return the events that the fake PagerDuty acted on; it silently drops events without a trigger."""
    calls, groups = [], dict[str, str]()
    for entry in taken:
        body = entry["body"]
        key, action = body["dedup_key"], body["event_action"]
        if action == "trigger":
            groups[key] = group_of(body["payload"]["summary"])
        person = PEOPLE.get(body["routing_key"], body["routing_key"])
        if key in groups:
            calls.append(Call(groups[key], person, key, action, entry["at"], not entry["scripted"]))
    return calls


def group_of(text: str) -> str:
    """Return the name of the group in an alert's name or in the summary of a page."""
    found = text.partition("Probe")[2]
    return "Probe" + "".join(sign for sign in found[:3] if sign.isdigit())


def merged(group: Group) -> list[Span]:
    """Return the spans in which any alert of `group` fires."""
    spans: list[Span] = []
    for spell in sorted((spell for spells in group.alerts for spell in spells), key=lambda spell: spell.starts):
        if spans and spell.starts <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], spell.ends))
        else:
            spans.append((spell.starts, spell.ends))
    return spans


def excused(schedule: Schedule) -> list[Span]:
    """Return the spans in which paging was impossible: a stopped replica may hold a lease, or the pager failed.

    Afterwards a page waits for its next attempt, for at most 30 s.
    """
    spans = []
    for fault in schedule.faults:
        if fault.target in REPLICAS and fault.kind == "stopped":
            spans.append((fault.starts, fault.ends + schedule.lease))
        elif fault.target == "pager":
            spans.append((fault.starts, fault.ends + min(30.0, fault.ends - fault.starts) + schedule.lease))
    return spans
