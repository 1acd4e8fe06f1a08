"""Which connections a listener has, and which one ends when there is no room for another. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from receiver.web.http.file_descriptors import Caps


class ConnectionState(IntEnum):
    """What a connection is doing, and whether its last request carried a good token; the least is evicted first."""

    STRANGER_IDLE = 0
    """No request is being answered: a half-open head counts as idle."""
    STRANGER_BUSY = 1
    CALLER_IDLE = 2
    SENDER_IDLE = 3
    """Its token has the scope `ingest`, or a vendor has signed its request."""
    CALLER_BUSY = 4
    SENDER_BUSY = 5
    STREAMING = 6
    """An event stream, which has a descriptor of its own and counts for no listener's cap."""


STRANGERS = (ConnectionState.STRANGER_IDLE, ConnectionState.STRANGER_BUSY)
EVICTED = (*STRANGERS, ConnectionState.CALLER_IDLE, ConnectionState.SENDER_IDLE)
"""In this order. A connection whose request is being answered behind a good token is never evicted."""

_STREAMING = ConnectionState.STREAMING
"""Looked up once: Python 3.11 calls a function for each access to a member, and each request moves three times."""

Item = TypeVar("Item")


@dataclass
class _Peer(Generic[Item]):
    """The connections of one peer by standing, each in the order in which they got it."""

    name: str
    capped: bool
    standings: dict[ConnectionState, dict[Item, None]] = field(
        default_factory=lambda: {each: {} for each in ConnectionState}
    )

    def count(self, *standings: ConnectionState) -> int:
        return sum(len(self.standings[each]) for each in standings)


class ConnectionTable(Generic[Item]):
    """The connections of one listener."""

    def __init__(self, caps: Caps) -> None:
        """It is empty."""
        self.caps = caps
        self._peers: dict[str, _Peer[Item]] = {}
        self._places: dict[Item, tuple[_Peer[Item], ConnectionState]] = {}
        self.streams = 0
        """How many of them are event streams."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._places)

    def add(self, item: Item, name: str, *, capped: bool = True) -> Item | None:
        """Take in a connection of the peer `name`, and return the one that has to end for it, which is removed.

        That is `item` itself when every other one is busy behind a good token. `capped=False`: a trusted proxy, which
        has many clients.
        """
        full = len(self) - self.streams >= self.caps.listener
        victim = self._victim() if full else None
        if victim is not None:
            self.remove(victim)
        elif full:
            return item
        peer = self._peers.setdefault(name, _Peer(name, capped))
        peer.standings[ConnectionState.STRANGER_IDLE][item] = None
        self._places[item] = (peer, ConnectionState.STRANGER_IDLE)
        return victim

    def move(self, item: Item, standing: ConnectionState) -> None:
        """Give a connection another standing, as the newest of those that have it."""
        place = self._places.get(item)
        if place is not None:
            peer, before = place
            if standing is _STREAMING or before is _STREAMING:
                self.streams += (standing is _STREAMING) - (before is _STREAMING)
            del peer.standings[before][item]
            peer.standings[standing][item] = None
            self._places[item] = (peer, standing)

    def remove(self, item: Item) -> None:
        """Forget a connection; nothing when it is not here."""
        place = self._places.pop(item, None)
        if place is not None:
            peer, standing = place
            self.streams -= standing is ConnectionState.STREAMING
            del peer.standings[standing][item]
            if not peer.count(*ConnectionState):
                del self._peers[peer.name]

    def crowded(self, name: str) -> bool:
        """Return whether a peer has more connections without a good token than one may have."""
        peer = self._peers.get(name)
        return peer is not None and peer.capped and peer.count(*STRANGERS) > self.caps.peer

    def excess(self, name: str) -> list[Item]:
        """Return the connections above the cap of a peer, which are removed: idle ones first, the oldest first."""
        if not self.crowded(name):
            return []
        peer = self._peers[name]
        ordered = [item for each in STRANGERS for item in peer.standings[each]]
        found = ordered[: len(ordered) - self.caps.peer]
        for item in found:
            self.remove(item)
        return found

    def _victim(self) -> Item | None:
        for standing in EVICTED:
            # A peer is judged by what could be evicted: many connections with a good token are no reason.
            alike = STRANGERS if standing in STRANGERS else (standing,)
            peers = [peer for peer in self._peers.values() if peer.standings[standing]]
            if peers:
                most = max(peers, key=lambda peer: peer.count(*alike))
                return next(iter(most.standings[standing]))
        return None
