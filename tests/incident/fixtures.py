"""Shared by the tests of an incident's lifecycle: a policy, alerts, and an in-memory store that applies decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from receiver.incident.alerts.notification_decision import on_notification
from receiver.incident.log.event_log import Transition
from receiver.incident.log.notification_outcome import IntakeDecision, KeyState, NotificationPart
from receiver.incident.oncall.contact_directory import ContactDirectory
from receiver.incident.paging.policy import HOLD, Policy
from receiver.incident.timers import MONITOR, on_timer, timers
from receiver.model.alert.alert import Alert, AlertStatus, fingerprint
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.event import Destination, Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.page import Page
from receiver.model.oncall.schedule_settings import Contact, Person, Schedule, Target
from receiver.model.severity import Decision, Severity
from receiver.model.severity_policy import SeveritySettings

NOW = datetime(2026, 11, 23, 14, 2, 20, tzinfo=UTC)
STARTS = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
CHAT = Destination(channel="chat", address="#incidents")
KEYS = {"alice": "a" * 32, "bob": "b" * 32, "lead": "c" * 32}


def severity(*, page: Iterable[str] = (), notify: Iterable[str] = ()) -> SeveritySettings:
    return SeveritySettings(title="Bad", respond_within=timedelta(minutes=5), page=tuple(page), notify=tuple(notify))


DIRECTORY = ContactDirectory(
    people={
        **{name: Person.model_validate({"name": name.title(), "pager": key}) for name, key in KEYS.items()},
        "boss": Person(name="Boss"),
        "cto": Person(name="CTO"),
    },
    contacts={
        "on-call": Contact(schedule="primary", backup=Target(person="bob")),
        "lead": Contact(person="lead"),
        "executives": Contact(people=("boss", "cto")),
        "team": Contact(people=("alice", "lead")),
        "boss": Contact(person="boss"),
    },
    schedules={"primary": Schedule(starts=date(2026, 11, 23), people=("alice", "bob"))},
    severities={
        Severity.SEV1: severity(page=("on-call", "lead"), notify=("executives",)),
        Severity.SEV2: severity(page=("on-call",), notify=("lead",)),
        Severity.SEV3: severity(notify=("on-call",)),
        Severity.SEV4: severity(),
    },
    escalations={},
)
POLICY = Policy(
    namespace="receiver",
    directory=DIRECTORY,
    pagers=(("pager", "pagerduty"),),
    informs=(CHAT,),
    monitor_for=timedelta(minutes=15),
    auto_resolve=True,
    reopen_within=timedelta(hours=1),
)


def policy(**changes: Any) -> Policy:
    return replace(POLICY, **changes)


def at(seconds: float) -> datetime:
    """Return the time that many seconds after NOW."""
    return NOW + timedelta(seconds=seconds)


def alert(
    name: str = "A", *, firing: bool = True, starts: float = 0, worst: int = 2, note: str = "", **labels: str
) -> Alert:
    """Return an alert that started `starts` seconds after STARTS, with severity `worst` by the rules of these tests."""
    named = {"alertname": name, **labels}
    return Alert(
        status=AlertStatus.FIRING if firing else AlertStatus.RESOLVED,
        labels=named,
        annotations={"sev": str(worst), "note": note},
        startsAt=(STARTS + timedelta(seconds=starts)).isoformat(),
        endsAt=None if firing else NOW.isoformat(),
        fingerprint=fingerprint(named),
    )


def part(
    *alerts: Alert, key: str = "key", group: str = "group", truncated: int = 0, released: bool = False
) -> NotificationPart:
    return NotificationPart(
        key=key,
        group=group,
        receiver="incidents",
        truncated=truncated,
        alerts=alerts,
        decisions={one.fingerprint: decision(one.annotations["sev"]) for one in alerts if one.firing},
        labels={},
        annotations={},
        released=released,
    )


def decision(worst: int | str) -> Decision:
    return Decision(severity=Severity(f"SEV-{worst}"), rule=f"rule-{worst}", reasons=("error_rate 7.3% > 5%",))


def kinds(events: Iterable[Event]) -> list[str]:
    return [str(event.kind) for event in events]


A, B = alert("A"), alert("B")
A_ENDS, B_ENDS = alert("A", firing=False), alert("B", firing=False)


class Store:
    """Applies decisions like the store's scripts, in memory and without races."""

    def __init__(self, rules: Policy = POLICY) -> None:
        self.policy = rules
        self.incidents: dict[str, Incident] = {}
        self.logs: dict[str, list[Event]] = {}
        self.records: dict[str, dict[str, AlertRecord]] = {}
        self.pointers: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self.tombs: dict[str, int] = {}
        self.held: dict[str, tuple[NotificationPart, datetime]] = {}

    def view(self, told: NotificationPart) -> KeyState:
        """Return the same as `load`."""
        firing = [one.fingerprint for one in told.alerts if one.firing]
        owners = {name: self.owners.get(name, "") for name in firing}
        own = self.pointers.get(told.key, "")
        uid = own
        holders = set(owners.values())
        if len(holders) == 1 and (holder := holders.pop()) and self._open(holder) and not self._open(own):
            uid = holder
        waiting = self.held.get(told.group)
        return KeyState(
            own, self.incidents.get(uid), dict(self.records.get(uid, {})), owners,
            {name: self.tombs[name] for name in firing if name in self.tombs}, waiting[0].alerts if waiting else (),
        )  # fmt: skip

    def tell(self, told: NotificationPart, now: datetime, adopted: Iterable[Page] = ()) -> IntakeDecision:
        """Decide about a notification and write the result."""
        verdict = on_notification(told, self.view(told), self.policy, f"uid{len(self.incidents)}", now, list(adopted))
        self.write(verdict)
        if verdict.held:
            since = self.held[told.group][1] if told.group in self.held else now + HOLD
            waiting = part(*verdict.held, key=told.key, group=told.group, truncated=told.truncated, released=True)
            self.held[told.group] = (waiting, since)
        else:
            self.held.pop(told.group, None)
        return verdict

    def write(self, verdict: IntakeDecision | Transition) -> None:
        """Write events, state and their indexes, as `commit` does."""
        incident = verdict.incident
        if incident is not None:
            self.incidents[incident.uid] = incident
            self.logs.setdefault(incident.uid, []).extend(verdict.events)
        if isinstance(verdict, Transition):
            return
        self.tombs.update(verdict.tombs)
        for name in verdict.untomb:
            self.tombs.pop(name, None)
        if incident is None:
            return
        kept = self.records.setdefault(incident.uid, {})
        kept.update(verdict.records)
        for name in verdict.gone:
            del kept[name]
        self.owners.update({name: incident.uid for name, owner in verdict.owners.items() if not owner})
        for name in verdict.freed:
            self.owners.pop(name, None)
        self.pointers.update(dict.fromkeys(verdict.pointers, incident.uid))

    def tick(self, now: datetime) -> None:
        """Run the due timers and holds."""
        for group, (waiting, until) in list(self.held.items()):
            if until <= now:
                self.held.pop(group)
                self.tell(waiting, now)
        for incident in list(self.incidents.values()):
            if timers(incident, self.policy)[MONITOR] is not None:
                draft = on_timer(MONITOR, incident, self.policy, now)
                if draft is not None:
                    self.write(draft)

    def _open(self, uid: str) -> bool:
        return uid in self.incidents and not self.incidents[uid].state.over

    def open(self) -> list[Incident]:
        """Return the incidents that are not over."""
        return [incident for incident in self.incidents.values() if not incident.state.over]


def records(verdict: IntakeDecision) -> Mapping[str, bool]:
    """Return whether each written alert fires, by name."""
    return {record.name: record.firing for record in verdict.records.values()}


def only(store: Store) -> Incident:
    """Return the only incident."""
    (incident,) = store.incidents.values()
    return incident
