"""The index for finding similar past incidents: a list of the newest incidents for each term.

A term is an alert's fingerprint, its name with the service, a label, or a word, hashed. A list has at most 64
incidents, and the record of an incident limits the number of its lists (model/incident/similar_record.py). The index
follows the commits of every release, so incidents that an earlier release closes are found too.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import orjson

from receiver.model.incident.alert_record import AlertRecord
from receiver.model.incident.incident import Incident
from receiver.model.incident.review_record import index_fields
from receiver.model.incident.similar_record import SimilarRecord, pack_similar, unpack_similar
from receiver.store.client.connection import Connection, Script
from receiver.store.cooperative_loop import TimedSteps
from receiver.store.incidents.compressed_format import expand, is_compressed
from receiver.store.incidents.stored_records import readable, records_of

READ = Script("incidents/read_unindexed")
WRITE = Script("incidents/index_similar")
FIND = Script("incidents/find_similar")
FIRED = Script("incidents/count_fired")
PART = 100
"""Number of incidents that one step indexes."""
SAMPLE = 32
"""Number of alerts that represent a larger incident."""
LISTED = 64
"""Maximum number of incidents that are stored and checked per term, the newest."""
BUDGET = 2000
"""Maximum number of incidents of all terms that one query checks: about 2 ms of the store's time."""
CANDIDATES = 40
"""Maximum number of incidents that are compared in full."""
MOST_FIRED = 1000
"""Maximum number of incidents that are counted per alert, the newest."""
MONTH_MS = 30 * 24 * 3600 * 1000
_FINGERPRINT, _ALERT, _PAIR, _WORD = "f", "a", "p", "w"
_WEIGHTS = {_FINGERPRINT: 4, _ALERT: 3, _PAIR: 2, _WORD: 1}
"""Weights by kind: more significant terms are searched before common words."""


@dataclass(frozen=True)
class Changed:
    """An incident whose current state is not indexed."""

    uid: str
    past: Mapping[str, Any]
    """Its review record, or the fields that the index needs (model/incident/review_record.py); empty if neither can be
    read."""
    incident: Incident | None
    """None while it is open, and if it cannot be read."""
    records: Mapping[str, AlertRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidates:
    """The result of a query of the index."""

    records: list[SimilarRecord]
    total: int
    """Number of incidents in the index."""
    pairs: Mapping[str, int]
    words: Mapping[str, int]
    """How many indexed incidents have each label and each word of the queried one."""


class Fired(NamedTuple):
    """The number of incidents that an alert has opened."""

    month: int
    """Number of incidents that everyone can see."""
    day: int
    """Number of these that are recent."""
    private: list[tuple[int, Sequence[str]]]
    """For each private one: when it opened (ms), and the teams that can see it."""


class SimilarIndex:
    """The index of one namespace."""

    def __init__(self, connection: Connection) -> None:
        """It has no state of its own."""
        self.connection = connection
        self.keys = connection.keys
        self.name = secrets.token_hex(8)
        """The name of this replica, which the store uses to assign the turn to index."""

    async def unindexed(self, turn_ms: int) -> tuple[int, list[Changed], bool] | None:
        """Return the last commit's number, at most 100 changed incidents, and whether there may be more.

        None while another replica has the turn, which lasts `turn_ms`. Raises StoreAway.
        """
        args = [self.keys.prefix, PART, turn_ms, SAMPLE, self.name]
        reply = await self.connection.run(READ, [self.keys.named("similar")], args)
        if not reply:
            return None
        upto, *rows = reply
        found, steps = list[Changed](), TimedSteps()
        for row in rows:
            found.append(_changed(*row))
            await steps.pause()
        return int(float(upto)), found, len(rows) == PART

    async def write(
        self, upto: int, items: Iterable[tuple[str, int, SimilarRecord | None, str]], ttl_s: int, now_ms: int
    ) -> int:
        """Index `items`: uid, when it opened (ms), its record (None: it must not be found), and its alert's term.

        Returns how many are new. `upto`: the number of the last commit that is indexed then. Raises StoreAway.
        """
        header = {
            "prefix": self.keys.prefix, "upto": upto, "ttl": ttl_s, "oldest": now_ms - ttl_s * 1000, "listed": LISTED,
            "fired_since": now_ms - MONTH_MS,
            "items": [
                [uid, opened, pack_similar(one).decode() if one else "", fired, [*terms_of(one)] if one else []]
                for uid, opened, one, fired in items
            ],
        }  # fmt: skip
        return int(await self.connection.write(WRITE, [self.keys.named("similar")], [orjson.dumps(header)]))

    async def find(self, record: SimilarRecord) -> Candidates:
        """Return the past incidents that have the most in common with `record`, at most 40. Raises StoreAway."""
        terms = terms_of(record)
        args: list[Any] = [self.keys.prefix, CANDIDATES, LISTED, BUDGET, record.uid]
        for term, (kind, _) in terms.items():
            args += [term, _WEIGHTS[kind]]
        total, counts, *rows = await self.connection.run(FIND, [self.keys.named("similar")], args)
        known, found, steps = dict(zip(terms.values(), counts, strict=True)), list[SimilarRecord](), TimedSteps()
        for row in zip(*[iter(rows)] * 3, strict=True):
            # Some of them are compressed: one with thousands of alerts takes tens of milliseconds.
            if (one := _record(*row)) is not None:
                found.append(one)
            await steps.pause()
        return Candidates(
            records=found,
            total=int(total),
            pairs={text: count for (kind, text), count in known.items() if kind == _PAIR},
            words={text: count for (kind, text), count in known.items() if kind == _WORD},
        )

    async def fired(self, term: str, since_ms: int, day_ms: int, own: str) -> Fired:
        """Return how many incidents an alert has opened since then, at most the newest 1,000, without `own`.

        `day_ms`: since when they are counted as recent. Raises StoreAway.
        """
        args = [self.keys.prefix, since_ms, MOST_FIRED, day_ms, own]
        month, day, *flat = await self.connection.run(FIRED, [self.keys.named(f"fired:{term}")], args)
        rows = zip(*[iter(flat)] * 2, strict=True)
        return Fired(int(month), int(day), [(int(float(at)), orjson.loads(past)["private"]) for at, past in rows])


def terms_of(record: SimilarRecord) -> dict[str, tuple[str, str]]:
    """Return the terms of an incident, each with its kind and its text."""
    texts = [
        *((_FINGERPRINT, name) for name in record.fingerprints),
        *((_ALERT, f"{name} {record.service}") for name in record.alerts),
        *((_PAIR, pair) for pair in record.pairs),
        *((_WORD, word) for word in record.words),
    ]
    return {_hashed(kind, text): (kind, text) for kind, text in texts}


def alert_term(name: str, service: str) -> str:
    """Return the term under which incidents of an alert are counted."""
    return _hashed(_ALERT, f"{name} {service}")


def _hashed(kind: str, text: str) -> str:
    digest = hashlib.blake2b(f"{kind} {text}".encode("utf-8", "replace"), digest_size=9).digest()
    return base64.urlsafe_b64encode(digest).decode()


def _record(uid: str, number: str, text: str) -> SimilarRecord | None:
    try:
        return unpack_similar(uid, number, expand(text).similar if is_compressed(text) else text)
    except ValueError:
        return None  # it is damaged: reading the incident itself reports that


def _changed(uid: str, number: str, version: str, past: str, state: str, alerts: Sequence[str]) -> Changed:
    incident = readable(uid, state, version, number) if state else None
    if incident is not None and is_compressed(state):
        texts = expand(state)
        past, alerts = texts.past, [part for pair in islice(texts.alerts.items(), SAMPLE) for part in pair]
    try:
        kept = orjson.loads(past) if past else {}
        kept = index_fields(kept) if "uid" in kept else kept
    except (ValueError, TypeError, AttributeError, LookupError):
        kept = {}
    records = records_of(uid, dict(zip(alerts[::2], alerts[1::2], strict=True))) if incident else {}
    return Changed(uid, kept if isinstance(kept, dict) else {}, incident, records)
