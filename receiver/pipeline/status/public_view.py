"""Converts incidents to their public part. Pure; the status page gets incidents only from here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from receiver.channels.safe_text import clean
from receiver.config import Config
from receiver.incident.alerts.maintenance_windows import Window
from receiver.model.base import rfc3339
from receiver.model.delivery.public_incident import (
    Condition,
    Impact,
    PublicAnnouncement,
    PublicComponent,
    PublicIncident,
    PublicMaintenance,
    PublicNews,
    PublicPage,
    PublicStatus,
    PublicUpdate,
)
from receiver.model.incident.incident import Incident
from receiver.model.incident.response_records import StatusUpdate
from receiver.model.severity import Severity
from receiver.pipeline.open_incidents.public_incidents import PublicRecord, PublishedUpdate
from receiver.triage.matchers import Matcher, parse_matcher

_CONDITION = {Severity.SEV1: Condition.MAJOR, Severity.SEV2: Condition.PARTIAL, Severity.SEV3: Condition.DEGRADED}
_IMPACT = {Severity.SEV1: Impact.CRITICAL, Severity.SEV2: Impact.MAJOR, Severity.SEV3: Impact.MINOR}
_WORDS = {Severity.SEV1: "major outage", Severity.SEV2: "partial outage", Severity.SEV3: "degraded performance"}
_SUMMARY = {
    Impact.NONE: "All Systems Operational",
    Impact.MINOR: "Degraded Performance",
    Impact.MAJOR: "Partial System Outage",
    Impact.CRITICAL: "Major Service Outage",
    Impact.MAINTENANCE: "Service Under Maintenance",
}
_BADNESS = tuple(Condition)

LONGEST = 25_000
"""Maximum characters of an update: Statuspage's limit."""
MOST = 100
"""Open incidents that the page shows, newest first; all open incidents count for a component's condition."""
AHEAD = timedelta(days=14)
"""How far in advance scheduled maintenance is shown."""

Known = Incident | PublicRecord


def public_id(uid: str) -> str:
    """Return the public id of an incident: 12 hexadecimal digits that reveal nothing about it."""
    return hashlib.sha256(f"public/{uid}".encode()).hexdigest()[:12]


class ComponentRow(NamedTuple):
    """A component as shown to people who are signed in."""

    component: PublicComponent
    internal: bool
    incidents: tuple[Incident, ...]


class PublicView:
    """The status page of a configuration."""

    def __init__(self, config: Config, *, internal: bool = False) -> None:
        """Without configured components the page has one: the service. `internal`: with the internal components."""
        self._config = config
        page = config.status_page
        self._at: dict[str, tuple[int, tuple[str, ...]]] = {}
        """Version of an incident, and the components that it touches."""
        self._past: dict[str, tuple[int, PublicIncident]] = {}
        """Version of an ended incident, and its public part."""
        self._components: list[tuple[PublicComponent, tuple[Matcher, ...]]] = [
            (PublicComponent(id=c.id, name=c.name), tuple(parse_matcher(text) for text in c.matchers))
            for c in (page.components if internal else page.public)
        ] or [(PublicComponent(id="service", name=config.service.product), ())]

    def page(
        self, told: Sequence[PublicRecord], now: datetime, windows: Iterable[Window] = (),
        announcements: Iterable[PublicAnnouncement] = (),
    ) -> PublicPage:  # fmt: skip
        """Return the page at `now`. `told`: open, published incidents, newest first."""
        condition = self._conditions(told)
        maintenance = self._maintenance(windows, now)
        for name in (name for window in maintenance if window.active for name in window.components):
            condition[name] = max(condition[name], Condition.MAINTENANCE, key=_BADNESS.index)
        shown = [self.incident(incident) for incident in told[:MOST]]
        worst = min({incident.severity for incident in told}, key=lambda one: one.rank, default=None)
        impact = _IMPACT.get(worst, Impact.NONE) if worst is not None else Impact.NONE
        if impact is Impact.NONE and Condition.MAINTENANCE in condition.values():
            impact = Impact.MAINTENANCE
        base = self._config.base_url
        return PublicPage(
            name=self._config.service.name, title=self._config.status_page.title, url=f"{base}/status" if base else "",
            impact=impact, summary=_SUMMARY[impact], incidents=tuple(shown), updated_at=now,
            maintenance=maintenance,
            announcements=tuple(
                one for one in announcements if one.at <= now and (one.until is None or now < one.until)
            ),
            components=tuple(
                component.model_copy(update={"condition": condition[component.id]}) for component, _ in self._components
            ),
        )  # fmt: skip

    def past(self, told: Sequence[PublicRecord], most: int = 50) -> tuple[PublicIncident, ...]:
        """Return the first `most` of `told` (ended, published incidents, newest first)."""
        found = {one.uid: self._past.get(one.uid) for one in told[:most]}
        self._past = {
            one.uid: known
            if (known := found[one.uid]) and known[0] == one.version
            else (one.version, self.incident(one))
            for one in told[:most]
        }
        return tuple(shown for _, shown in self._past.values())

    def by_component(
        self, incidents: Sequence[Incident], now: datetime, windows: Iterable[Window] = ()
    ) -> list[ComponentRow]:
        """Return the state of each component, based on all of `incidents`, published or not."""
        condition = self._conditions(incidents)
        active = {name for one in self._maintenance(windows, now) if one.active for name in one.components}
        hidden = {one.id for one in self._config.status_page.components if one.internal}
        rows = []
        for component, _ in self._components:
            here = max(condition[component.id], Condition.MAINTENANCE, key=_BADNESS.index)
            shown = here if component.id in active else condition[component.id]
            mine = tuple(one for one in incidents if component.id in self._touched(one))
            rows.append(ComponentRow(component.model_copy(update={"condition": shown}), component.id in hidden, mine))
        return rows

    def news(self, incident: Incident, told: Iterable[PublicRecord]) -> PublicNews:
        """Return the content of an external page for `incident`, and the components' states from it and `told`."""
        known: list[Known] = [one for one in told if one.uid != incident.uid]
        if self.tells(incident):
            known.append(incident)
        return PublicNews(incident=self.incident(incident), conditions=self._conditions(known))

    def _conditions(self, told: Sequence[Known]) -> dict[str, Condition]:
        if len(self._at) > 2 * len(told) + MOST:
            self._at.clear()
        condition = {component.id: Condition.OPERATIONAL for component, _ in self._components}
        # There are many incidents, but few combinations of affected components.
        for severity, touched in {(incident.severity, self._touched(incident)) for incident in told}:
            worse = _CONDITION.get(severity, Condition.OPERATIONAL)
            for name in touched:
                condition[name] = max(condition[name], worse, key=_BADNESS.index)
        return condition

    def _maintenance(self, windows: Iterable[Window], now: datetime) -> tuple[PublicMaintenance, ...]:
        # Its name is internal: the public sees only component names and times.
        names = {component.id: component.name for component, _ in self._components}
        found = []
        for window in windows:
            touched = tuple(name for name in window.components if name in names)
            ends, begins = window.holds(now), window.next(now)
            if not touched or (ends is None and (begins is None or begins - now > AHEAD)):
                continue
            starts = now if ends is not None else begins
            if ends is not None and window.starts is not None:
                starts = window.starts
            elif ends is not None:
                starts = ends - timedelta(seconds=window.lasts)
            if starts is None:
                continue
            over = ends or window.ends or starts + timedelta(seconds=window.lasts)
            key = hashlib.sha256(f"maintenance/{window.id or window.name}/{starts.timestamp():.0f}".encode())
            found.append(
                PublicMaintenance(
                    id=key.hexdigest()[:12],
                    title=clean(window.public_name, 200)
                    or f"Scheduled maintenance: {', '.join(names[one] for one in touched)}",
                    components=touched, starts_at=starts, ends_at=over, active=ends is not None,
                    named=bool(window.public_name),
                )
            )  # fmt: skip
        return tuple(sorted(found, key=lambda one: (one.starts_at, one.id)))

    def tells(self, incident: Incident) -> bool:
        """Return whether the page shows `incident` now: its policy or a person has published something."""
        return not (incident.drill or incident.state.over) and any(one.published_at for one in incident.updates)

    def _touched(self, incident: Known) -> tuple[str, ...]:
        known = self._at.get(incident.uid)
        if known is None or known[0] != incident.version:
            known = self._at[incident.uid] = (incident.version, self._touches(incident))
        return known[1]

    def _touches(self, incident: Known) -> tuple[str, ...]:
        # Components that a person has named count, with those of incidents merged since; otherwise those of the labels.
        known = {component.id for component, _ in self._components}
        told, came = _published(incident)[:1], incident.parts_at
        since = came is not None and not any((one.published_at or one.at) > came for one in told)
        named = [name for one in told for name in one.components if name in known]
        named = named or [c.id for c, matchers in self._components if all(m.matches(incident.labels) for m in matchers)]
        more = [name for name in incident.parts if name in known] if since else []
        return tuple(dict.fromkeys((*named, *more)))

    def incident(self, incident: Known) -> PublicIncident:
        """Return the public part of a published incident."""
        touched, told = self._touched(incident), _published(incident)
        labels = {component.id: component.name for component, _ in self._components}
        names = ", ".join(labels[one] for one in touched) or self._config.service.product
        over = incident.state.over
        updates = tuple(
            PublicUpdate(n=one.n, progress=PublicStatus(one.status), text=_said(one), at=one.published_at or one.at)
            for one in told
        )
        return PublicIncident(
            id=public_id(incident.uid),
            title=f"{names}: {_WORDS.get(incident.severity, 'minor problems')}",
            progress=PublicStatus.RESOLVED if over or not updates else updates[0].progress,
            impact=_IMPACT.get(incident.severity, Impact.NONE), components=touched,
            opened_at=incident.opened_at, updated_at=updates[0].at if updates else incident.opened_at,
            monitoring_at=incident.monitoring_at,
            resolved_at=(incident.resolved_at or incident.closed_at) if over else None, updates=updates,
        )  # fmt: skip


def _published(incident: Known) -> list[StatusUpdate | PublishedUpdate]:
    found: list[StatusUpdate | PublishedUpdate] = [one for one in incident.updates if one.published_at is not None]
    return sorted(found, key=lambda one: (one.published_at or one.at, one.n), reverse=True)


def _said(update: StatusUpdate | PublishedUpdate) -> str:
    # The lines of the template, each only if it was given.
    lines = [update.text]
    if update.cause:
        lines.append(f"Cause: {update.cause}")
    if update.expected_resolution:
        lines.append(f"Expected resolution: {_clock(update.expected_resolution)}")
    if update.next_update and not update.template:
        lines.append(f"Next update: {_clock(update.next_update)}")
    return clean("\n".join(lines), LONGEST, lines=True)


def _clock(moment: datetime) -> str:
    return f"{rfc3339(moment)[:16].replace('T', ' ')} UTC"
