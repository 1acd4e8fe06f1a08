"""The connections of a listener, and which one is closed when the limit is reached. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from receiver.web.http.file_descriptors import Caps


class ConnectionState(IntEnum):
    """The state of a connection, and whether its last request had a valid token; the lowest is evicted first."""

    STRANGER_IDLE = 0
    """No request is in progress; a connection with incomplete headers counts as idle."""
    STRANGER_BUSY = 1
    CALLER_IDLE = 2
    SENDER_IDLE = 3
    """Its token has the scope `ingest`, or its request has a vendor's signature."""
    CALLER_BUSY = 4
    SENDER_BUSY = 5
    STREAMING = 6
    """An event stream, which has its own descriptors and does not count toward the listener's limit."""


STRANGERS = (ConnectionState.STRANGER_IDLE, ConnectionState.STRANGER_BUSY)
EVICTED = (*STRANGERS, ConnectionState.CALLER_IDLE, ConnectionState.SENDER_IDLE)
"""The order of eviction. A connection with a request in progress and a valid token is never evicted."""

_STREAMING = ConnectionState.STREAMING
"""Looked up once: Python 3.11 calls a function for each access to an enum member, and each request needs three."""

Item = TypeVar("Item")


@dataclass
class _Peer(Generic[Item]):
    """The connections of one peer by state, each in the order in which they got the state."""

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
        """Create it empty."""
        self.caps = caps
        self._peers: dict[str, _Peer[Item]] = {}
        self._places: dict[Item, tuple[_Peer[Item], ConnectionState]] = {}
        self.streams = 0
        """The number of event streams."""

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self._places)

    def add(self, item: Item, name: str, *, capped: bool = True) -> Item | None:
        """Add a connection of the peer `name`, and return the one that has to be closed for it, which is removed.

        That is `item` itself if all others are busy with a valid token. `capped=False`: a trusted proxy, which has
        many clients.
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
        """Set the state of a connection, as the newest one with this state."""
        place = self._places.get(item)
        if place is not None:
            peer, before = place
            if standing is _STREAMING or before is _STREAMING:
                self.streams += (standing is _STREAMING) - (before is _STREAMING)
            del peer.standings[before][item]
            peer.standings[standing][item] = None
            self._places[item] = (peer, standing)

    def standing(self, item: Item) -> ConnectionState | None:
        """Return the state of a connection; None if it is not in the table."""
        place = self._places.get(item)
        return place[1] if place is not None else None

    def remove(self, item: Item) -> None:
        """Remove a connection; do nothing if it is not in the table."""
        place = self._places.pop(item, None)
        if place is not None:
            peer, standing = place
            self.streams -= standing is ConnectionState.STREAMING
            del peer.standings[standing][item]
            if not peer.count(*ConnectionState):
                del self._peers[peer.name]

    def crowded(self, name: str) -> bool:
        """Return whether a peer has more connections without a valid token than allowed."""
        peer = self._peers.get(name)
        return peer is not None and peer.capped and peer.count(*STRANGERS) > self.caps.peer

    def excess(self, name: str) -> list[Item]:
        """Remove and return the connections above the limit of a peer: idle ones first, oldest first."""
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
            # Only connections that could be evicted count for a peer: many connections with a valid token are allowed.
            alike = STRANGERS if standing in STRANGERS else (standing,)
            peers = [peer for peer in self._peers.values() if peer.standings[standing]]
            if peers:
                most = max(peers, key=lambda peer: peer.count(*alike))
                return next(iter(most.standings[standing]))
        return None
