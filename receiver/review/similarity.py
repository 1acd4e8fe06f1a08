"""Finds past incidents that are similar to this one, with the reason: what both have in common. Pure.

The criteria, in this order: equal alerts (their fingerprints), the alert's name and the service, shared labels by
rarity, and words of title and description. Of two equally similar incidents, the one with a known cause or resolution
comes first, because it is more useful.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum

from receiver.model.incident.similar_record import SimilarRecord
from receiver.review.bm25 import bm25, rarity

MOST = 5
"""Maximum number of incidents that are shown, to keep the list useful at 3 am."""
ENOUGH = 0.55
"""Minimum sum of the scores of labels (at most 1) and words (at most 1) if neither alert nor name is the same."""
SHARED = 0.1
"""Minimum score of labels for the reason to name them."""
WORDS = 2
"""Minimum number of shared words if two incidents share nothing else."""
NAMED = 2
"""Maximum number of labels and words in the reason."""
_DOING = {
    "rollback": "rolling back", "scale": "scaling up", "circuit-breaker": "enabling a circuit breaker",
    "feature-flag": "disabling a feature flag", "failover": "failing over the database",
}  # fmt: skip


class Evidence(IntEnum):
    """The strongest common property of two incidents."""

    TEXT = 1
    ALERT_AND_SERVICE = 2
    FINGERPRINT = 3


@dataclass(frozen=True)
class Frequencies:
    """The number of past incidents, and how many of them have each label and each word."""

    total: int
    pairs: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Compared:
    past: SimilarRecord
    evidence: Evidence
    score: float
    why: str


def frequencies(past: Collection[SimilarRecord]) -> Frequencies:
    """Return how often `past` have each label and word."""
    return Frequencies(
        len(past),
        Counter(pair for one in past for pair in set(one.pairs)),
        Counter(word for one in past for word in set(one.words)),
    )


def similar(
    incident: SimilarRecord, past: Sequence[SimilarRecord], known: Frequencies | None = None, most: int = MOST
) -> list[tuple[SimilarRecord, float, str]]:
    """Return at most `most` of `past` that are similar to `incident`, each with its score and reason, best first.

    `known`: frequencies of all past incidents, if `past` are only some. Drills and the incident itself are left out.
    """
    rest = [one for one in past if not one.drill and one.uid != incident.uid]
    known = known or frequencies(rest)
    query = tuple(dict.fromkeys(incident.words))
    best = bm25(query, [query, *(one.words for one in rest)], known.words, known.total)
    found, worths = [], _Worths(known)
    for one, worth in zip(rest, best[1:], strict=True):
        words = min(1.0, worth / best[0]) if best[0] > 0 else 0.0
        compared = _compare(incident, one, words, worths)
        if compared is not None:
            found.append(compared)
    found.sort(key=lambda one: (one.evidence, one.past.explained, one.score, one.past.opened_ms), reverse=True)
    return [(one.past, round(one.score, 3), _reason(one)) for one in found[:most]]


def _compare(incident: SimilarRecord, past: SimilarRecord, words: float, worths: _Worths) -> _Compared | None:
    same = len(set(incident.fingerprints) & set(past.fingerprints))
    named = [name for name in incident.alerts if name in past.alerts]
    served = bool(incident.service) and incident.service == past.service
    labels = _cosine(incident.pairs, past.pairs, worths)
    score = labels + words + (2.0 if named else 0.0) + (1.0 if served else 0.0)
    if same:
        share = same / min(len(incident.fingerprints), len(past.fingerprints))
        why = "same alerts" if share == 1 and same > 1 else "same alert"
        return _Compared(past, Evidence.FINGERPRINT, score + 4 * share, why)
    if named and (served or not (incident.service or past.service)):
        return _Compared(past, Evidence.ALERT_AND_SERVICE, score, "same alert and service" if served else "same alert")
    common = set(incident.words) & set(past.words)
    # A single word, such as "down", is not enough: among few incidents every word is rare.
    if labels + words < ENOUGH or (labels < SHARED and not named and not served and len(common) < WORDS):
        return None
    parts = [*(["alert"] if named else []), *(["service"] if served else [])]
    parts += _rarest_labels(incident, past, worths) if labels >= SHARED else []
    return _Compared(
        past, Evidence.TEXT, score, f"same {_listed(parts)}" if parts else _words(incident, past, worths.known)
    )


class _Worths(dict[str, float]):
    """The rarity of each label, computed once for all compared incidents."""

    def __init__(self, known: Frequencies) -> None:
        self.known = known

    def __missing__(self, pair: str) -> float:
        # A label that no other incident has, such as the name of a pod, counts as one that two incidents have.
        worth = self[pair] = rarity(max(2, self.known.pairs.get(pair, 0)), max(2, self.known.total))
        return worth


def _cosine(ours: Sequence[str], theirs: Sequence[str], worths: _Worths) -> float:
    """Return the shared fraction of two sets of labels, 0 to 1, weighting each label by the square of its rarity."""

    def weight(pairs: Collection[str]) -> float:
        return sum([worths[pair] ** 2 for pair in pairs])

    both = weight(set(ours)) * weight(set(theirs))
    return weight(set(ours) & set(theirs)) / math.sqrt(both) if both > 0 else 0.0


def _rarest_labels(incident: SimilarRecord, past: SimilarRecord, worths: _Worths) -> list[str]:
    pairs = sorted(set(incident.pairs) & set(past.pairs), key=lambda pair: (-worths[pair], pair))
    return [name for name in dict.fromkeys(pair.partition("=")[0] for pair in pairs) if name != "service"][:NAMED]


def _words(incident: SimilarRecord, past: SimilarRecord, known: Frequencies) -> str:
    words = sorted(set(incident.words) & set(past.words), key=lambda word: (known.words.get(word, 0), word))
    return f"similar words: {', '.join(words[:NAMED])}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _reason(compared: _Compared) -> str:
    return f"{compared.why}; {outcome(compared.past)}"


def outcome(past: SimilarRecord) -> str:
    """Return how a past incident ended, in a few words: `resolved in 14 min by rolling back`."""
    took = "resolved"
    if past.ended_ms is not None:
        took += f" in {_span(timedelta(milliseconds=max(0, past.ended_ms - past.opened_ms)))}"
    if past.mitigation in _DOING:
        took += f" by {_DOING[past.mitigation]}"
    said = past.resolution or ("" if past.mitigation in _DOING else past.mitigation) or past.cause
    if said:
        took += f"{'; cause' if said == past.cause else ''}: {' '.join(said.split())[:120]}"
    return f"{took}; marked as noise" if past.noise else took


def _span(lasted: timedelta) -> str:
    minutes = round(lasted.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} d"
