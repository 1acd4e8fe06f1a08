"""A finished incident as one compressed text: snapshot, records, log and alerts, each byte for byte.

A text of 1 KB alone hardly shrinks. Therefore all parts, which repeat labels and titles, form one text, and a
dictionary contains the strings that every incident has. An incident with one alert shrinks from 6 KB to 1 KB.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import orjson

FORMAT = "z1 "
"""The first characters of a compressed text: the number of its format and dictionary. Other texts are JSON."""
_KIND = "z"
_DICTIONARY = "incident-dictionary-1.txt"
"""It must never change, because texts compressed with it would become unreadable. A different one is a new format."""
LARGEST = 8 * 1024 * 1024
"""Maximum total size of an incident's texts in bytes. A larger one, with some 8,000 alerts, is not compressed, because
reading it would block the event loop for too long."""
_LEVEL = 9
_BREAK = "\n"
"""The separator of parts. JSON contains no line breaks as it is written here."""


class StoredTexts(NamedTuple):
    """The stored texts of an incident."""

    state: str
    """The snapshot."""
    past: str
    """The review record; "" if it has none."""
    similar: str
    """The record for comparisons with other incidents (model/incident/similar_record.py); "" if it has none."""
    events: Sequence[str]
    alerts: Mapping[str, str]
    """Fingerprint -> record."""
    bodies: Mapping[str, str]
    """Fingerprint -> labels and annotations."""


def is_compressed(text: str | bytes | None) -> bool:
    """Return whether a stored text is a compressed incident (by this or a later release) rather than JSON."""
    return (text.startswith(_KIND) if isinstance(text, str) else text.startswith(_KIND.encode())) if text else False


def compress(texts: StoredTexts) -> str | None:
    """Return `texts` as one text; None if it is too large, or a part has a line break."""
    head = orjson.dumps([len(texts.events), list(texts.alerts), list(texts.bodies)]).decode()
    parts = [head, *texts[:3], *texts.events, *texts.alerts.values(), *texts.bodies.values()]
    whole = _BREAK.join(parts)
    if whole.count(_BREAK) != len(parts) - 1:
        return None
    raw = whole.encode()
    if len(raw) > LARGEST:
        return None
    packer = zlib.compressobj(_LEVEL, zdict=_dictionary())
    # The client reads text, and saving a quarter of 1 KB is not worth a second way of reading.
    return FORMAT + base64.b64encode(packer.compress(raw) + packer.flush()).decode()


def expand(text: str | bytes) -> StoredTexts:
    """Return the texts that `compress` combined. Raises ValueError if the text is damaged or from a later release."""
    told = text.decode() if isinstance(text, bytes) else text
    if not told.startswith(FORMAT):
        raise ValueError("the incident is compressed in another format")
    try:
        # The checksum of zlib covers everything, and its header identifies the dictionary.
        unpacker = zlib.decompressobj(zdict=_dictionary())
        raw = unpacker.decompress(base64.b64decode(told[len(FORMAT) :], validate=True), LARGEST + 1)
        if not unpacker.eof:
            raise ValueError("the compressed incident is cut off or too large")
        head, state, past, similar, *rest = raw.decode().split(_BREAK)
        events, alerts, bodies = orjson.loads(head)
        bodies_at = events + len(alerts)
        return StoredTexts(
            state,
            past,
            similar,
            rest[:events],
            dict(zip(alerts, rest[events:bodies_at], strict=True)),
            dict(zip(bodies, rest[bodies_at:], strict=True)),
        )
    except (zlib.error, TypeError) as error:
        raise ValueError(f"the compressed incident is damaged: {error}") from None


def state_in(text: str | bytes) -> str | bytes:
    """Return the snapshot in `text`, which may be compressed. Raises ValueError as `expand` does."""
    return expand(text).state if is_compressed(text) else text


@cache
def _dictionary() -> bytes:
    return resources.files("receiver").joinpath("data", _DICTIONARY).read_bytes()
