"""The incidents that this replica last wrote or read, with their texts, so that the same text is not parsed again."""

from __future__ import annotations

from collections import OrderedDict

from receiver.model.incident.incident import Incident

KEPT = 300
"""Maximum number of cached incidents, the most recent: some 10 KB each, most of which other caches share."""
LONGEST = 32_768
"""Maximum length of a cached text."""


class WrittenIncidents:
    """Cached incidents of one replica by uid.

    Stored text is compared with the written text rather than by version: a new primary may have lost a commit, and have
    another one with the same number. Parsing a snapshot took 100 us of each page, timer and further notification;
    comparing 1 KB takes less than 1 us.
    """

    def __init__(self) -> None:
        """Create it empty."""
        self._kept: OrderedDict[str, tuple[str, Incident]] = OrderedDict()

    def add(self, text: str, incident: Incident) -> None:
        """Cache an incident that was written or parsed; `text`: the stored text without its id and version."""
        self._kept.pop(incident.uid, None)
        if len(text) > LONGEST:
            return
        self._kept[incident.uid] = text, incident
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def get(self, uid: str, text: str, version: str | int | None, number: str | None) -> Incident | None:
        """Return the incident of these stored fields; None if they must be parsed."""
        kept = self._kept.get(uid)
        if kept is None or kept[0] != text:
            return None
        incident = kept[1]
        return incident if incident.id == number and str(incident.version) == str(version) else None
