"""Incidents -> what the public may see of them. Pure; the only way from an incident to the status page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from receiver.config import Config
from receiver.incident.windows import Window
from receiver.model.incident import Incident, State
from receiver.model.policy import Publish
from receiver.model.public import (
    Condition,
    Impact,
    Progress,
    PublicComponent,
    PublicIncident,
    PublicMaintenance,
    PublicPage,
)
from receiver.model.severity import Severity
from receiver.triage.matchers import Matcher, parse_matcher

_CONDITION = {Severity.SEV1: Condition.MAJOR, Severity.SEV2: Condition.PARTIAL, Severity.SEV3: Condition.DEGRADED}
_IMPACT = {Severity.SEV1: Impact.CRITICAL, Severity.SEV2: Impact.MAJOR, Severity.SEV3: Impact.MINOR}
_WORDS = {Severity.SEV1: "major outage", Severity.SEV2: "partial outage", Severity.SEV3: "degraded performance"}
_PROGRESS = {
    State.OPEN: Progress.INVESTIGATING, State.ACKNOWLEDGED: Progress.INVESTIGATING,
    State.IDENTIFIED: Progress.IDENTIFIED, State.MONITORING: Progress.MONITORING,
}  # fmt: skip
_TEXT = {
    Progress.INVESTIGATING: "We are investigating a problem with {}.",
    Progress.IDENTIFIED: "The cause of the problem with {} has been identified, and a fix is being made.",
    Progress.MONITORING: "A fix for {} is in place, and we are watching the result.",
}
_SUMMARY = {
    Impact.NONE: "All Systems Operational",
    Impact.MINOR: "Degraded Performance",
    Impact.MAJOR: "Partial System Outage",
    Impact.CRITICAL: "Major Service Outage",
}
_BADNESS = tuple(Condition)
_YES, _NO = ("true", "yes", "1", "on"), ("false", "no", "0", "off")

AHEAD = timedelta(days=14)
"""How far ahead scheduled maintenance is shown."""


class Publicity:
    """The status page of a configuration."""

    def __init__(self, config: Config) -> None:
        """Without components of its own the page has one: the service."""
        self._config = config
        page = config.status_page
        self._components: list[tuple[PublicComponent, tuple[Matcher, ...]]] = [
            (PublicComponent(id=c.id, name=c.name), tuple(parse_matcher(text) for text in c.matchers))
            for c in page.components
        ] or [(PublicComponent(id="service", name=config.service.name), ())]

    def page(self, incidents: Iterable[Incident], now: datetime, windows: Iterable[Window] = ()) -> PublicPage:
        """Return the page as `incidents` make it at `now`; what is over, a drill, or nobody's business is left out."""
        told = sorted((i for i in incidents if self.tells(i)), key=lambda i: (i.opened_at, i.uid), reverse=True)
        condition = {component.id: Condition.OPERATIONAL for component, _ in self._components}
        shown = []
        for incident in told:
            touched = self._touched(incident)
            for component in touched:
                worse = _CONDITION[incident.severity]
                condition[component.id] = max(condition[component.id], worse, key=_BADNESS.index)
            shown.append(self._incident(incident, touched))
        impact = max((incident.impact for incident in shown), key=tuple(Impact).index, default=Impact.NONE)
        base = self._config.service.public_url
        return PublicPage(
            name=self._config.service.name, title=self._config.status_page.title, url=f"{base}/status" if base else "",
            impact=impact, summary=_SUMMARY[impact], incidents=tuple(shown), updated_at=now,
            maintenance=self._maintenance(windows, now),
            components=tuple(
                component.model_copy(update={"condition": condition[component.id]}) for component, _ in self._components
            ),
        )  # fmt: skip

    def _maintenance(self, windows: Iterable[Window], now: datetime) -> tuple[PublicMaintenance, ...]:
        # Its name is for us: the public hears of components that it knows, and of times.
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
                    id=key.hexdigest()[:12], title=f"Scheduled maintenance: {', '.join(names[one] for one in touched)}",
                    components=touched, starts_at=starts, ends_at=over, active=ends is not None,
                )
            )  # fmt: skip
        return tuple(sorted(found, key=lambda one: (one.starts_at, one.id)))

    def tells(self, incident: Incident) -> bool:
        """Return whether the public hears of `incident` by itself, by the policy of its severity.

        A label that says that customers do not see it hides it whatever the severity; what is to be approved first
        is a draft, and no draft is public.
        """
        if incident.drill or incident.state.over or incident.severity not in _CONDITION:
            return False
        policy = self._config.severities[incident.severity].status_page
        if policy is None or policy.publish is not Publish.AUTO:
            return False
        visible = self._visible(incident)
        return visible is not False and (policy.when is None or visible is True)

    def _visible(self, incident: Incident) -> bool | None:
        rule = self._config.incidents.customer_visible
        said = incident.labels.get(rule.label, "").strip().lower()
        if said in _YES or said in _NO:
            return said in _YES
        return True if incident.decision.scope in rule.scopes else None

    def _touched(self, incident: Incident) -> list[PublicComponent]:
        return [c for c, matchers in self._components if all(m.matches(incident.labels) for m in matchers)]

    def _incident(self, incident: Incident, touched: Sequence[PublicComponent]) -> PublicIncident:
        names = ", ".join(component.name for component in touched) or self._config.service.name
        progress = _PROGRESS[incident.state]
        moments = (incident.opened_at, incident.acknowledged_at, incident.identified_at, incident.monitoring_at)
        return PublicIncident(
            id=hashlib.sha256(f"public/{incident.uid}".encode()).hexdigest()[:12],
            title=f"{names}: {_WORDS[incident.severity]}", text=_TEXT[progress].format(names), progress=progress,
            impact=_IMPACT[incident.severity], components=tuple(component.id for component in touched),
            opened_at=incident.opened_at, updated_at=max(at for at in moments if at),
            monitoring_at=incident.monitoring_at,
        )  # fmt: skip
