"""Replays past notifications under other rules. Pure.

The actions of people are left out: no one acknowledges, sets a severity, merges or closes. Pages include those of an
opening, a rise in severity and a reopening. Pages of escalations are excluded, because they depend on when a person
answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from receiver.incident.alerts.notification_decision import on_notification
from receiver.incident.log.notification_outcome import KeyState, NotificationPart
from receiver.incident.paging.policy import HOLD, Policy
from receiver.incident.timers import MONITOR, on_timer, timers
from receiver.model.alert.alert import Alert
from receiver.model.base import rfc3339
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Event, Kind
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.severity import Decision, Severity


@dataclass
class ReplayedIncident:
    """One replayed incident."""

    key: str
    title: str
    opened_at: datetime
    severity: Severity
    """Its worst severity."""
    rule: str
    """The rule that decided it."""
    reasons: tuple[str, ...]
    pages: list[str] = field(default_factory=list)
    """The people who would have been paged at once, in order."""

    def shape(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "severity": self.severity, "rule": self.rule, "reasons": list(self.reasons), "pages": list(self.pages)
        }  # fmt: skip


class RuleReplay:
    """A replay under one policy; notifications are given in chronological order."""

    def __init__(self, policy: Policy) -> None:
        """Storms are left out, because their incidents depend on all notifications together."""
        self.policy = replace(policy, storm=None, verify_every=None, auto_resolve=True)
        self.lived: dict[str, ReplayedIncident] = {}
        """By the number of the opening, which is the same under other rules."""
        self._incidents: dict[str, Incident] = {}
        self._records: dict[str, dict[str, AlertRecord]] = {}
        self._pointers: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        self._tombs: dict[str, int] = {}
        self._held: dict[str, tuple[datetime, NotificationPart, Sequence[Alert]]] = {}

    def see(self, part: NotificationPart, now: datetime) -> None:
        """Replay one part of a notification that arrived at `now`."""
        for group, (until, held, alerts) in list(self._held.items()):
            if until <= now:
                del self._held[group]
                self._take(replace(held, alerts=alerts, released=True), until)
        self._take(part, now)

    def end(self) -> list[ReplayedIncident]:
        """Return every incident, in the order of their openings."""
        for until, held, alerts in list(self._held.values()):
            self._take(replace(held, alerts=alerts, released=True), until)
        self._held = {}
        return list(self.lived.values())

    def _take(self, part: NotificationPart, now: datetime) -> None:
        firing = [alert.fingerprint for alert in part.alerts if alert.firing]
        uid = self._home(part.key, firing, now)
        held = self._held.get(part.group)
        view = KeyState(
            self._pointers.get(part.key, ""),
            self._incidents.get(uid),
            self._records.get(uid, {}),
            {name: self._owners.get(name, "") for name in firing},
            {name: self._tombs[name] for name in firing if name in self._tombs},
            held[2] if held and not part.released else (),
        )
        verdict = on_notification(part, view, self.policy, str(len(self.lived) + 1), now)
        if verdict.held:
            self._held[part.group] = (held[0] if held else now + HOLD, _merged(held, part), list(verdict.held))
        else:
            self._held.pop(part.group, None)
        self._tombs.update(verdict.tombs)
        for name in verdict.untomb:
            self._tombs.pop(name, None)
        if verdict.incident is None:
            return
        incident = verdict.incident
        self._incidents[incident.uid] = incident
        records = self._records.setdefault(incident.uid, {})
        records.update(verdict.records)
        for name in verdict.gone:
            records.pop(name, None)
        self._owners.update(dict.fromkeys(verdict.owners, incident.uid))
        for name in verdict.freed:
            self._owners.pop(name, None)
        self._pointers.update(dict.fromkeys(verdict.pointers, incident.uid))
        self._write(incident, verdict.events)

    def _home(self, key: str, firing: Sequence[str], now: datetime) -> str:
        own = self._pointers.get(key, "")
        self._watch(own, now)
        if own and not self._incidents[own].state.over:
            return own
        # A new group whose firing alerts are all held by one open incident joins it.
        owners = {self._owners.get(name, "") for name in firing}
        if len(owners) == 1:
            (other,) = owners
            self._watch(other, now)
            if other and not self._incidents[other].state.over:
                return other
        return own

    def _watch(self, uid: str, now: datetime) -> None:
        incident = self._incidents.get(uid)
        due = timers(incident, self.policy)[MONITOR] if incident is not None else None
        if incident is not None and due is not None and due <= now:
            draft = on_timer(MONITOR, incident, self.policy, due)
            if draft is not None:
                self._incidents[uid] = draft.incident

    def _write(self, incident: Incident, events: Sequence[Event]) -> None:
        lived = self.lived.get(incident.uid)
        decision = incident.decision
        if lived is None:
            lived = self.lived[incident.uid] = ReplayedIncident(
                incident.key, incident.title, incident.opened_at, incident.severity, decision.rule, decision.reasons
            )
        if incident.severity.worse_than(lived.severity):
            lived.severity, lived.rule, lived.reasons = incident.severity, decision.rule, decision.reasons
        lived.pages += [Page.model_validate(e.data["page"]).person for e in events if e.kind is Kind.PAGE]


def _merged(
    held: tuple[datetime, NotificationPart, Sequence[Alert]] | None, part: NotificationPart
) -> NotificationPart:
    known: Mapping[str, Decision] = held[1].decisions if held else {}
    return replace(part, decisions={**known, **part.decisions})


def difference(old: Sequence[ReplayedIncident], new: Sequence[ReplayedIncident]) -> dict[str, Any]:
    """Return, as JSON, which incidents differ, how many pages are more and fewer, and how many each rule decided."""
    rules: dict[str, dict[str, int]] = {}
    for side, lives in (("old", old), ("new", new)):
        for one in lives:
            rules.setdefault(one.rule, {"old": 0, "new": 0})[side] += 1
    changed = []
    more = fewer = 0
    for was, is_now in zip(old, new, strict=True):
        added, dropped = _without(is_now.pages, was.pages), _without(was.pages, is_now.pages)
        more, fewer = more + len(added), fewer + len(dropped)
        if was.severity is not is_now.severity or was.rule != is_now.rule or added or dropped:
            changed.append(
                {
                    "title": was.title, "key": was.key, "opened_at": rfc3339(was.opened_at), "old": was.shape(),
                    "new": is_now.shape(), "paged_too": added, "not_paged": dropped,
                }
            )  # fmt: skip
    return {
        "incidents": len(old),
        "changed": changed,
        "pages": {"old": _count(old), "new": _count(new), "more": more, "fewer": fewer},
        "rules": {name: rules[name] for name in sorted(rules) if rules[name]["old"] != rules[name]["new"]},
    }


def _without(all_of: Sequence[str], these: Sequence[str]) -> list[str]:
    left = list(these)
    found = []
    for one in all_of:
        if one in left:
            left.remove(one)
        else:
            found.append(one)
    return found


def _count(lives: Sequence[ReplayedIncident]) -> int:
    return sum(len(one.pages) for one in lives)
