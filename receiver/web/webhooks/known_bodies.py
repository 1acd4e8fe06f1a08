"""Recognizes bodies that this replica has seen byte for byte, so that repeated and refused bodies are not parsed again.

A sender repeats a notification byte for byte until something changes, and after each refusal. Parsing is the largest
part of the cost of a repetition (a fifth with one alert, four fifths with fifty), and its result is already known.
A body is recognized by a hash with a secret key, so that no one can construct two bodies with the same hash.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

from receiver.log import LineTemplate
from receiver.pipeline.active_config import ActiveConfig
from receiver.pipeline.intake.intake_answer import Answer, Repetition
from receiver.web.http.ready_answer import ReadyAnswer
from receiver.web.webhooks.admission_queue import Place

BODIES = 20_000
"""Maximum number of known refused bodies."""
REPEATED, PARTS = 10_000, 40_000
"""Maximum number of known accepted bodies and their groups: about 15 MB."""
ENDED = 500
"""Maximum number of known accepted bodies without firing alerts."""


class BodyHash:
    """Hashes bodies with a key that only this process has."""

    def __init__(self) -> None:
        """Choose the key."""
        self._keyed = hashlib.sha256(secrets.token_bytes(64))

    def __call__(self, body: bytes) -> bytes:
        """Return a hash of `body`, 16 bytes."""
        # SHA-256 with the key before the body: processors have instructions for it, and BLAKE2 took half as long again,
        # a sixth of a repetition of 50 alerts. The hash is never disclosed, so that no one can extend it.
        found = self._keyed.copy()
        found.update(body)
        return found.digest()[:16]


class RefusedBodies:
    """Stores refused bodies and their priorities, by their hashes and under one configuration."""

    def __init__(self) -> None:
        """Create it empty."""
        self._setting: ActiveConfig | None = None
        self._known: dict[bytes, Place] = {}

    def add(self, name: bytes, setting: ActiveConfig, place: Place) -> None:
        """Store a body's priority under `setting`; the oldest is dropped if there are too many."""
        if setting is not self._setting:
            self._setting, self._known = setting, {}
        self._known[name] = place
        if len(self._known) > BODIES:
            del self._known[next(iter(self._known))]

    def place(self, name: bytes, setting: ActiveConfig) -> Place | None:
        """Return the priority of a body; None if it is unknown."""
        return self._known.get(name) if setting is self._setting else None


class Told(NamedTuple):
    """The response to a repetition and its log line, as long as `answer` is the same object."""

    answer: Answer
    caller: str
    ready: ReadyAnswer
    line: LineTemplate | None


@dataclass(slots=True)
class AcceptedBody:
    """An accepted body: the data to respond again once the store confirms that nothing has changed."""

    owner: str
    """The name of its group among the refused notifications."""
    repetition: Repetition
    fields: dict[str, Any]
    """Its fields in the log line."""
    firing: bool = True
    """Whether any alert is firing. A resolved body is repeated only after a lost answer, and soon."""
    sender: str = ""
    """Its sender: one sender may end alerts that another may not."""
    told: Told | None = None


class AcceptedBodies:
    """Stores accepted bodies that contain only alerts, by their hashes and under one configuration."""

    def __init__(self) -> None:
        """Create it empty."""
        self._setting: ActiveConfig | None = None
        self._firing: OrderedDict[bytes, AcceptedBody] = OrderedDict()
        self._ended: OrderedDict[bytes, AcceptedBody] = OrderedDict()
        self._parts = 0
        self._newest: dict[str, list[bytes]] = {}
        """The newest bodies of each group, one per Alertmanager. Older ones are dropped."""

    def add(self, name: bytes, setting: ActiveConfig, body: AcceptedBody) -> None:
        """Store a body under `setting`; the least recently repeated ones are dropped."""
        if setting is not self._setting:
            self._setting, self._parts = setting, 0
            for known in (self._firing, self._ended, self._newest):
                known.clear()
        self._drop(name)
        same = self._newest.get(body.owner, [])
        if same and self._find(same[0]).repetition != body.repetition:
            for stale in list(same):
                self._drop(stale)
        self._newest.setdefault(body.owner, []).append(name)
        (self._firing if body.firing else self._ended)[name] = body
        self._parts += len(body.repetition.groups)
        while len(self._ended) > ENDED:
            self._drop(next(iter(self._ended)))
        while len(self._firing) > REPEATED or self._parts > PARTS:
            self._drop(next(iter(self._firing or self._ended)))

    def get(self, name: bytes, setting: ActiveConfig) -> AcceptedBody | None:
        """Return a body; None if it is unknown."""
        if setting is not self._setting:
            return None
        for bodies in (self._firing, self._ended):
            known = bodies.get(name)
            if known is not None:
                bodies.move_to_end(name)
                return known
        return None

    def _find(self, name: bytes) -> AcceptedBody:
        return self._firing[name] if name in self._firing else self._ended[name]

    def _drop(self, name: bytes) -> None:
        body = self._firing.pop(name, None) or self._ended.pop(name, None)
        if body is None:
            return
        self._parts -= len(body.repetition.groups)
        names = self._newest[body.owner]
        names.remove(name)
        if not names:
            del self._newest[body.owner]
