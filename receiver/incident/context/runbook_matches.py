"""Runbooks in a wiki for an incident: pages labeled with its alert or its service. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from receiver.incident.context.observability_links import web
from receiver.model.delivery.notice import Link
from receiver.model.incident.runbook import Runbook

SHOWN = 3
"""Maximum number of linked runbooks; those of the alert come before those of the service."""
TITLE = 60


def matching_runbooks(guides: Iterable[Runbook], labels: Mapping[str, str]) -> tuple[Link, ...]:
    """Return links to the runbooks of the alert that `labels` name, then to those of its service.

    A wiki's labels are small and without spaces: `high-error-rate` is the label of the alert HighErrorRate.
    """
    wanted = [name for key in ("alertname", "service") if (name := _plain(labels.get(key, "")))]
    found = []
    for guide in guides:
        about, href = {_plain(label) for label in guide.labels}, web(guide.href)
        place = next((place for place, name in enumerate(wanted) if name in about), None)
        if place is not None and href is not None:
            found.append((place, guide.title, href))
    return tuple(Link(text=f"Runbook: {title[:TITLE]}", href=href) for _, title, href in sorted(found)[:SHOWN])


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
