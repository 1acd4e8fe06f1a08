"""Configuration -> the texts and links of an incident: mentions, links, graphs, and its post-mortem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.channels.base import Channel
from receiver.config import Config
from receiver.decision_policies import budgets
from receiver.incident.context.observability_links import RUNBOOK, links_of, pictures_of
from receiver.incident.context.runbook_matches import matching_runbooks
from receiver.model.delivery.notice import Document, Link, Mention
from receiver.model.incident.event import Event
from receiver.model.incident.incident import Incident
from receiver.model.incident.runbook import Runbook
from receiver.review.postmortem import text_of


@dataclass(frozen=True)
class IncidentTexts:
    """Writes the texts of an incident by the settings in `config`."""

    config: Config
    channels: Mapping[str, Channel[Any]]
    runbooks: Callable[[], Sequence[Runbook]]
    """Returns the runbooks that are known now."""

    def mention(self, person: str, channel: str) -> Mention:
        """Return how `channel` mentions `person`."""
        card = self.config.people.get(person)
        kind = self.channels[channel].kind if channel in self.channels else channel
        return Mention(name=card.name if card else person, address=card.address(channel, kind) if card else None)

    def url(self, incident: Incident) -> str | None:
        """Return the address of the incident's page in the console; None without `service.public_url` or an id."""
        base = self.config.base_url
        return f"{base}/incidents/{incident.id}" if base and incident.id else None

    def links(self, incident: Incident, now: datetime) -> tuple[Link, ...]:
        """Return the alert's own runbook, the wiki's runbooks, and the other links, in this order."""
        found, known = self._own_links(incident, now), matching_runbooks(self.runbooks(), incident.labels)
        own = 1 if found and found[0].text == RUNBOOK else 0
        return (*found[:own], *known, *found[own:])

    def _own_links(self, incident: Incident, now: datetime) -> tuple[Link, ...]:
        ended = incident.resolved_at
        return links_of(self.config.links, incident.labels, incident.annotations, incident.started_at, ended, now)

    def _graphs(self, incident: Incident, now: datetime) -> tuple[Link, ...]:
        grafana, ended = self.config.links.grafana, incident.resolved_at
        return pictures_of(grafana, incident.labels, incident.started_at, ended, now) if grafana else ()

    def postmortem(
        self,
        incident: Incident,
        log: Sequence[Event],
        now: datetime,
        receipts: Sequence[Mapping[str, Any]],
        version: int | None = None,
    ) -> str:
        """Return the post-mortem in Markdown; `version`: None for the newest. Raises LookupError."""
        spent = budgets(self.config.objectives, incident.severity)
        names = {key: person.name for key, person in self.config.people.items()}
        links, graphs = self._own_links(incident, now), self._graphs(incident, now)
        return text_of(incident, log, spent, receipts, links, version, names, graphs)

    def document(
        self, incident: Incident, log: Sequence[Event], now: datetime, receipts: Sequence[Mapping[str, Any]]
    ) -> Document:
        """Return the post-mortem as a page of the wiki."""
        return Document(
            key=f"{incident.uid}/postmortem",
            title=f"{incident.badge}Post-Incident Review {incident.label}",
            markdown=self.postmortem(incident, log, now, receipts),
        )
