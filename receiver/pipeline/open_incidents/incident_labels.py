"""Filters incidents by label with Alertmanager's matchers; labels are read here, because summaries have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from receiver.model.incident.incident_summary import IncidentSummary
from receiver.store.cooperative_loop import TimedSteps
from receiver.store.incidents.incident_labels import read_labels
from receiver.store.incidents.incident_store import IncidentStore
from receiver.triage.matchers import (
    Matcher,
    MatcherError,
    PatternCost,
    equal_to,
    parse_matcher,
    split_matchers,
)
from receiver.triage.safe_text import quoted

MOST = 10
"""Maximum number of matchers in one request."""
LONGEST = 2000
"""Maximum total length of the matchers in one request; patterns have a further limit (matchers.PATTERN_LIMIT)."""
COST = PatternCost(memory=1 << 20, program=2000)
"""Cost limit of a pattern, because any reader can send one: 1 ms to compile, 30 ms for 10,000 characters."""
KEPT = 5000
"""Maximum number of incidents whose labels are cached: an open page with a filter needs the same ones at each
change."""
KEPT_LENGTH = 2000
"""Maximum total length of the cached labels of one incident; longer ones are read each time."""

LINKED = 300
"""Maximum length of a label that a page links to a list of incidents with that label."""

LabelFilter = tuple[Matcher, ...]
"""Matchers that must all match; if there are none, all incidents match."""


def read_label_filter(texts: Sequence[str]) -> LabelFilter:
    """Return the matchers in `texts`: `name="value"`, `!=`, `=~` or `!~`, one or several separated by commas.

    Raises ValueError with a correction for invalid text, for more than `MOST` matchers, and for more than `LONGEST`
    characters.
    """
    length = sum(map(len, texts))
    if length > LONGEST:
        about = quoted(texts[0], 80) if len(texts) == 1 else "the matchers together"
        raise ValueError(f"{about}: {length} characters; at most {LONGEST} are allowed")
    if len(texts) > MOST:
        raise ValueError(f"{len(texts)} matchers; at most {MOST} are allowed")
    found = [matcher for text in texts for matcher in _matchers_in(text)]
    if len(found) > MOST:
        raise ValueError(f"{len(found)} matchers; at most {MOST} are allowed")
    return tuple(dict.fromkeys(found))


def label_matcher(name: str, value: str) -> str | None:
    """Return the matcher for a label as text, for a link; None if the label is too long."""
    return equal_to(name, value) if len(name) + len(value) <= LINKED else None


def _matchers_in(text: str) -> list[Matcher]:
    parts = split_matchers(text)
    if len(parts) > MOST:
        raise ValueError(f"{len(parts)} matchers; at most {MOST} are allowed")
    try:
        found = [parse_matcher(part, COST) for part in parts]
    except MatcherError:
        # An unquoted value may contain commas and braces; an error quotes the text as it was given.
        found = [parse_matcher(text, COST)]
    return found or [parse_matcher(text, COST)]


def labels_match(wanted: LabelFilter, labels: Mapping[str, str]) -> bool:
    """Return whether all of `wanted` match `labels`; a missing label counts as empty, as in Alertmanager."""
    return all(matcher.matches(labels) for matcher in wanted)


async def labels_hold(wanted: LabelFilter, labels: Mapping[str, str], steps: TimedSteps) -> bool:
    """Return the same as `labels_match`; slow patterns let other tasks run in between."""
    for matcher in wanted:
        if not matcher.matches(labels):
            await steps.pause()
            return False
        await steps.pause()
    return True


class IncidentLabels:
    """The labels of incidents, read when a filter needs them and cached until they change."""

    def __init__(self, incidents: IncidentStore) -> None:
        """Create it without labels."""
        self.incidents = incidents
        self._known: dict[str, tuple[int, Mapping[str, str]]] = {}

    async def matching(self, found: Sequence[IncidentSummary], wanted: LabelFilter) -> list[IncidentSummary]:
        """Return the incidents of `found` that match `wanted`, in the same order. Raises StoreAway."""
        if not wanted:
            return list(found)
        labels = await self._labels_of(found)
        kept: list[IncidentSummary] = []
        steps = TimedSteps()
        for one in found:
            if await labels_hold(wanted, labels.get(one.uid, {}), steps):
                kept.append(one)
        return kept

    async def _labels_of(self, found: Sequence[IncidentSummary]) -> dict[str, Mapping[str, str]]:
        known = {one.uid: kept[1] for one in found if (kept := self._known.get(one.uid)) and kept[0] == one.version}
        read = await read_labels(self.incidents, [one.uid for one in found if one.uid not in known])
        for one in found:
            # The labels may be newer than the summary; its next version reads them again.
            if one.uid in read and sum(map(len, read[one.uid].values())) <= KEPT_LENGTH:
                self._keep(one, read[one.uid])
        return known | read

    def _keep(self, one: IncidentSummary, labels: Mapping[str, str]) -> None:
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[one.uid] = (one.version, labels)
