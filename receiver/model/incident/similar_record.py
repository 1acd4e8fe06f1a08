"""The index record of a resolved incident, by which a later similar incident finds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from receiver.model.base import to_ms
from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.incident import Incident
from receiver.model.incident.postmortem import ReviewStatus

FORMAT = 1
"""The format of the stored record; a reader that does not know it ignores the record."""
FINGERPRINTS = 32
ALERTS = 16
PAIRS = 20
WORDS = 32
"""Maximum numbers of fingerprints, alert names, labels and words, which limit the size of the index."""
VALUE = 100
"""Maximum number of stored characters of a label's value."""
TEXT = 200
"""Maximum number of stored characters of the title, the cause and the resolution."""
LINKED = ("runbook_url", "runbook")
"""Annotations that are as significant as labels."""
_NOT_PAIRS = ("alertname", "severity", "prometheus", "monitor", "receiver")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")
_STOP = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in", "is", "it", "its", "no",
        "not", "of", "on", "or", "than", "that", "the", "this", "to", "was", "with",
    }
)  # fmt: skip


class SimilarRecord(NamedTuple):
    """The data of one incident that is compared."""

    uid: str
    id: str
    title: str
    severity: str
    service: str
    alerts: tuple[str, ...]
    """Names of its alerts."""
    fingerprints: tuple[str, ...]
    pairs: tuple[str, ...]
    """Its labels and its runbook, each as `name=value`, without labels that every alert has."""
    words: tuple[str, ...]
    """The words of its title, its alerts' names and its description, in lower case."""
    opened_ms: int
    ended_ms: int | None = None
    cause: str = ""
    resolution: str = ""
    mitigation: str = ""
    """The last chosen mitigation: a name of OPTIONS, or a person's text."""
    final: bool = False
    """Whether its post-mortem is final."""
    noise: bool = False
    drill: bool = False
    private: bool = False
    team: str = ""
    visible_to: tuple[str, ...] = ()

    @property
    def explained(self) -> bool:
        """Whether its cause or resolution is known."""
        return bool(self.cause or self.resolution or self.mitigation)


def words_of(*texts: str) -> tuple[str, ...]:
    """Return the words of `texts` in lower case, at most 32, without numbers; `ApiLatencyHigh` has three words."""
    found = (part.lower() for text in texts for part in _PARTS.findall(text[:2000]))
    return tuple(word for word in found if len(word) > 1 and word not in _STOP)[:WORDS]


def similar_record(incident: Incident, records: Mapping[str, AlertRecord]) -> SimilarRecord:
    """Return the compared parts of `incident`. `records`: those of its alerts, by fingerprint."""
    alerts = [record.name for record in list(records.values())[:FINGERPRINTS]]
    alerts = _first([incident.labels.get("alertname", ""), *incident.names, *alerts], ALERTS)
    labels = {name: value for name, value in incident.labels.items() if name not in _NOT_PAIRS}
    linked = next((incident.annotations[name] for name in LINKED if incident.annotations.get(name)), "")
    pairs = [f"{name}={value[:VALUE]}" for name, value in sorted(labels.items()) if value]
    described = incident.annotations.get("summary") or incident.annotations.get("description") or ""
    ended = incident.resolved_at or incident.closed_at
    return SimilarRecord(
        uid=incident.uid,
        id=incident.id,
        title=incident.title[:TEXT],
        severity=incident.severity,
        service=(incident.service or "")[:VALUE],
        alerts=tuple(alerts),
        fingerprints=tuple(sorted(records))[:FINGERPRINTS],
        pairs=tuple([*([f"runbook={linked[:VALUE]}"] if linked else []), *pairs][:PAIRS]),
        words=words_of(incident.title, *alerts, described, incident.summary or ""),
        opened_ms=to_ms(incident.opened_at),
        ended_ms=to_ms(ended) if incident.state.over and ended is not None else None,
        cause=(incident.cause or "")[:TEXT],
        resolution=(incident.resolution or "")[:TEXT],
        mitigation=_mitigation(incident),
        final=incident.review is not None and incident.review.status is ReviewStatus.FINAL,
        noise=incident.noise is not None,
        drill=incident.drill,
        private=incident.private,
        team=incident.team,
        visible_to=incident.visible_to,
    )


def pack_similar(record: SimilarRecord) -> bytes:
    """Return the stored fields: the format, then all except uid and id, which the store has separately."""
    return orjson.dumps([FORMAT, *record[2:]])


def unpack_similar(uid: str, number: str, text: str) -> SimilarRecord | None:
    """Return the record that `pack_similar` wrote; None if this version cannot read it."""
    try:
        form, *fields = orjson.loads(text)
        if form != FORMAT:
            return None
        fields = [tuple(one) if isinstance(one, list) else one for one in fields]
        return SimilarRecord(uid, number, *fields[: len(SimilarRecord._fields) - 2])
    except (ValueError, TypeError):
        return None


def _mitigation(incident: Incident) -> str:
    if not incident.mitigations:
        return ""
    last = incident.mitigations[-1]
    return (last.option or last.text)[:TEXT]


def _first(names: Iterable[str], most: int) -> list[str]:
    return [name[:VALUE] for name in dict.fromkeys(names) if name][:most]
