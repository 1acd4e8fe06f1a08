"""The sections of the list of incidents; incidents that need an answer come first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from receiver.model.incident.incident_summary import IncidentSummary
from receiver.model.incident.state import State

CARDS = 40
"""Maximum number of cards on a page; with more, it would load slowly on a slow connection."""
FOLDED_CARDS = 5
"""Maximum number of cards in a folded section."""


@dataclass
class Section:
    """One part of the list."""

    name: str
    folded: bool = False
    cards: list[IncidentSummary] = field(default_factory=list)
    count: int = 0
    """The number of incidents, including those without a card."""
    more: bool = False
    """Whether there may be more, because not every open incident was checked."""


def sections(found: Iterable[IncidentSummary], *, cut: bool) -> list[Section]:
    """Return the non-empty sections of `found`, in order. `cut`: whether there may be more than `found`."""
    answer, work, watch = Section("Needs a response"), Section("Being worked on"), Section("Monitoring")
    storm, planned = Section("Grouped in storms", folded=True), Section("In maintenance", folded=True)
    left = CARDS
    for one in found:
        if one.held is not None:
            section = storm if one.held == "storm" else planned
        elif one.state is State.OPEN:
            section = answer
        else:
            section = watch if one.state is State.MONITORING else work
        section.count += 1
        if left and (not section.folded or section.count <= FOLDED_CARDS):
            section.cards.append(one)
            left -= 1
    filled = [section for section in (answer, work, watch, storm, planned) if section.count]
    for section in filled:
        section.more = cut
    return filled
