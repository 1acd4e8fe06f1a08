"""The incidents that this replica has written or read last, with their texts: the same text is not parsed again."""

from __future__ import annotations

from collections import OrderedDict

from receiver.model.incident.incident import Incident

KEPT = 300
"""Incidents that are kept, the last ones: some 10 KB each, most of which others hold as well."""
LONGEST = 32_768
"""Characters of a text that is kept."""


class WrittenIncidents:
    """The incidents of one replica by uid.

    What is read is compared with the text that was written, and not by its version: a primary that took another one's
    place may have lost a commit, and have another one of the same number. Parsing a snapshot took 100 us of each page,
    timer and further notification; to compare 1 KB takes less than one.
    """

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._kept: OrderedDict[str, tuple[str, Incident]] = OrderedDict()

    def add(self, text: str, incident: Incident) -> None:
        """Keep an incident that was written or parsed: `text` is what the store has beside its id and its version."""
        self._kept.pop(incident.uid, None)
        if len(text) > LONGEST:
            return
        self._kept[incident.uid] = text, incident
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def get(self, uid: str, text: str, version: str | int | None, number: str | None) -> Incident | None:
        """Return the incident that these fields of the store are; None where they must be parsed."""
        kept = self._kept.get(uid)
        if kept is None or kept[0] != text:
            return None
        incident = kept[1]
        return incident if incident.id == number and str(incident.version) == str(version) else None
